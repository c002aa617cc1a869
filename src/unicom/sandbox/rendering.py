"""Compile and run templates in the sandbox, and say of what fails the line and the variables."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from datetime import time as clock
from functools import lru_cache
from types import TracebackType
from typing import Any, NoReturn

from django.utils import timezone
from jinja2 import Template, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.exceptions import UndefinedError

from unicom.errors import TemplateProblem
from unicom.sandbox.allowed import TAGS_REFUSED
from unicom.sandbox.budget import MAX_OUTPUT, Refused, budgeted, current
from unicom.sandbox.environment import Sandbox
from unicom.sandbox.sizes import guarded

MAX_SOURCE = 5_000_000
MAX_TOKENS = 50_000
MOMENT = "%Y-%m-%d %H:%M"


def render(source: str, context: Mapping[str, Any], *, html: bool, missing: list[str] | None = None) -> str:
    """Return the text a template makes; raises TemplateProblem.

    With ``missing`` a name that is not there is shown as such and added to the list, else it is a problem.
    """
    template = _template(source, html=html, lenient=missing is not None)
    pieces: list[str] = []
    length = 0
    with budgeted() as budget:
        budget.missing = missing if missing is not None else []
        try:
            for piece in template.root_render_func(template.new_context({"now": now, **context})):
                pieces.append(piece)
                length += len(piece)
                if length > MAX_OUTPUT:
                    raise Refused(f"it writes more than {MAX_OUTPUT:,} characters")
        except Exception as error:
            _explain(error, template, source)
    return "".join(pieces)


def compiled(source: str, *, html: bool) -> Template:
    """Return the compiled template; raises TemplateProblem for what is no template, or no template here."""
    return _template(source, html=html, lenient=False)


def names_needed(source: str) -> list[tuple[str, int]]:
    """Return each name a template reads and does not set itself, as it is written there, with its first line."""
    tree = _ENVIRONMENTS[False, False].parse(source)
    needed = meta.find_undeclared_variables(tree) - {"now", *_ENVIRONMENTS[False, False].globals}
    found: dict[str, int] = {}
    for name, line in _names(tree):
        if re.split(r"[.\[]", name, maxsplit=1)[0] in needed:
            found.setdefault(name, line)
    return sorted(found.items(), key=lambda item: item[1])


def now() -> datetime:
    """Return the moment, in the current time zone."""
    moment = timezone.now()
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment


def shown_moment(value: Any, form: str = MOMENT) -> str:
    """Return a date, a time or both as text, in the current time zone; a text is read as ISO 8601."""
    if isinstance(value, Undefined):
        return str(value)  # which says what is missing
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Refused(f"{value[:40]!r} is no date; write it as in 2026-01-31T09:30:00+00:00") from None
    if isinstance(value, datetime) and timezone.is_aware(value):
        value = timezone.localtime(value)
    if not isinstance(value, date | clock):
        raise Refused(f"{value!r} is no date or time")
    return value.strftime(form)


class Shown(Undefined):
    """Stand for a value that is missing, in a preview: shown where it would be, and noted."""

    __slots__ = ()

    def _noted(self) -> str:
        current().missing.append(str(self._undefined_name))
        return f"[{self._undefined_name}?]"

    def __str__(self) -> str:
        return self._noted()

    def __iter__(self) -> Iterator[Any]:
        self._noted()
        return iter(())

    def __bool__(self) -> bool:
        self._noted()
        return False

    def __len__(self) -> int:
        self._noted()
        return 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(self)(name=f"{self._undefined_name}.{name}")

    def __getitem__(self, name: Any) -> Any:
        return type(self)(name=f"{self._undefined_name}[{name!r}]")

    def _same(self, *_: Any, **__: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __pos__ = __neg__ = __call__ = _same

    def _never(self, *_: Any) -> bool:
        self._noted()
        return False

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]

    def __hash__(self) -> int:
        return id(type(self))


def _environment(*, html: bool, lenient: bool) -> Sandbox:
    environment = Sandbox(autoescape=html, **({"undefined": Shown} if lenient else {}))
    environment.filters["datetime"] = guarded("datetime", shown_moment)
    environment.functions |= {now}
    return environment


_ENVIRONMENTS = {
    (html, lenient): _environment(html=html, lenient=lenient) for html in (False, True) for lenient in (False, True)
}
# Compiling takes a hundred times as long as rendering; a campaign has one text and many readers.
_compiling = threading.Lock()


@lru_cache(maxsize=256)
def _template(source: str, *, html: bool, lenient: bool) -> Template:
    environment = _ENVIRONMENTS[html, lenient]
    if len(source) > MAX_SOURCE:
        raise TemplateProblem(f"it has {len(source):,} characters; a template has at most {MAX_SOURCE:,}")
    try:
        for count, (line, _, _) in enumerate(environment.lexer.tokeniter(source, None)):
            if count > MAX_TOKENS:
                raise TemplateProblem(f"it has more than {MAX_TOKENS:,} words in its tags", line=line)
        tree = environment.parse(source)
        for kind, word in TAGS_REFUSED.items():
            for node in tree.find_all(kind):
                raise TemplateProblem(f"{{% {word} %}} cannot be used in a message", line=node.lineno)
        with _compiling:
            return environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise TemplateProblem(_sentence(error.message or "it cannot be read"), line=error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError, OverflowError, ValueError) as error:
        if isinstance(error, TemplateProblem):
            raise
        raise TemplateProblem("it is nested too deep, or has a number that is too large") from None


def _explain(error: Exception, template: Template, source: str) -> NoReturn:
    line = _line(error.__traceback__, template)
    here = [name for name, at in _names(template.environment.parse(source)) if at == line]
    if isinstance(error, UndefinedError):
        sentence = _sentence(str(error))
        name = sentence.removesuffix(" is undefined").strip("'")
        whole = next((known for known in here if known.endswith((f".{name}", f"[{name!r}]"))), name)
        raise TemplateProblem(sentence.replace(name, whole), line=line) from None
    if isinstance(error, RecursionError):
        sentence = "it goes too deep"
    elif isinstance(error, MemoryError):
        sentence = "it takes too much memory"
    else:
        sentence = _sentence(str(error) or type(error).__name__)
    functions = template.environment.globals
    names = [name for name in dict.fromkeys(here) if name.partition(".")[0] not in functions and name != "now"]
    raise TemplateProblem(sentence, line=line, names=names[:3]) from None


def _line(trace: TracebackType | None, template: Template) -> int | None:
    """Return the line of the template an error came from: the innermost of its own frames."""
    found = None
    code = template.root_render_func.__code__.co_filename
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == code:
            found = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return found


def _names(tree: nodes.Template) -> Iterator[tuple[str, int]]:
    """Give the names and dotted paths a template reads, each whole: ``variables.name``, not ``variables`` beside it."""
    inner: set[int] = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)):
        if id(node) in inner:
            continue
        parts: list[str] = []
        step: nodes.Node = node
        while isinstance(step, nodes.Getattr | nodes.Getitem):
            if isinstance(step, nodes.Getattr):
                parts.append(f".{step.attr}")
            elif isinstance(step.arg, nodes.Const):
                parts.append(f"[{step.arg.value!r}]")
            else:
                parts.clear()
            step = step.node
            inner.add(id(step))
        if isinstance(step, nodes.Name) and step.ctx == "load":
            yield step.name + "".join(reversed(parts)), node.lineno


def _sentence(text: str) -> str:
    """Return what Jinja2 says, on one line and without a full stop."""
    return " ".join(text.split()).rstrip(".")[:300]
