"""Render the templates of messages: a documented context, plain values, limits, and errors that name line and variable.

Nothing is rendered unless a send asks for it. Jinja2 is loaded at the first text that has anything to render.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise

from unicom.errors import TemplateProblem

if TYPE_CHECKING:
    from unicom.models import Channel

KEYS = frozenset({"render_template", "render_variables", "render_context"})
TEXTS = ("subject", "text", "html")
MAX_DEPTH = 20
_TAG = re.compile(r"\{[{%#]")
_INSIDE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Be one name of the context: the documentation's table is made of these."""

    name: str
    keys: tuple[str, ...] = ()
    meaning: str


CONTEXT: tuple[Entry, ...] = (
    Entry(
        name="message",
        keys=(
            "subject",
            "html",
            "text",
            "to",
            "cc",
            "bcc",
            "attachments",
            "chat_id",
            "reply_to_message_id",
            "timestamp",
        ),
        meaning="what is being sent, as it was given; `timestamp` is now",
    ),
    Entry(name="channel", keys=("id", "name", "platform"), meaning="what it is sent through"),
    Entry(
        name="sender",
        keys=("id", "username", "email"),
        meaning="the user who sends it; without one the keys are not defined",
    ),
    Entry(name="variables", meaning="what `render_variables` holds, as `variables.first_name`"),
    Entry(name="now()", meaning="the moment of rendering, in the current time zone"),
)  # fmt: skip


def context_table() -> str:
    """Return the documentation's table of what templates may use."""
    lines = ["| name | |", "|---|---|"]
    for entry in CONTEXT:
        names = [f"`{entry.name}.{key}`" for key in entry.keys] or [f"`{entry.name}`"]
        lines.append(f"| {', '.join(names)} | {entry.meaning} |")
    return "\n".join(lines)


def is_wanted(given: Mapping[str, Any]) -> bool:
    """Tell whether a send asks for rendering: by ``render_template``, or by giving what to render with."""
    asked = given.get("render_template")
    return asked if isinstance(asked, bool) else bool(given.get("render_variables") or given.get("render_context"))


def rendered(
    channel: Channel, given: Mapping[str, Any], problems: dict[str, str], *, user: Any = None
) -> Mapping[str, Any]:
    """Return a send with its texts rendered, if it asks for that; what is wrong is added to ``problems``."""
    if not isinstance(given.get("render_template", True), bool):
        problems["render_template"] = f"{given['render_template']!r} is not True or False"
    texts = {key: given[key] for key in TEXTS if isinstance(given.get(key), str)}
    context = context_of(channel, given, problems, user=user) if is_wanted(given) else None
    if context is None or KEYS & set(problems):
        return given
    done = dict(given)
    for key, source in texts.items():
        try:
            done[key] = render(source, context, html=key == "html")
        except TemplateProblem as problem:
            problems[key] = str(problem)
    return done


def context_of(
    channel: Channel, given: Mapping[str, Any], problems: dict[str, str], *, user: Any = None
) -> dict[str, Any]:
    """Return what a send's templates may use: plain values only, nothing they could act with."""
    further = _plain_dict("render_context", given.get("render_context"), problems)
    variables = _plain_dict("render_variables", given.get("render_variables"), problems)
    given_variables = further.get("variables", {})
    if not isinstance(given_variables, Mapping):
        problems["render_context"] = "variables: a dict is needed"
        given_variables = {}
    message: dict[str, Any] = {key: given.get(key) or "" for key in CONTEXT[0].keys}
    for key in ("to", "cc", "bcc", "attachments"):
        value = given.get(key) or []
        items = value if isinstance(value, list | tuple) else [value]
        message[key] = [item if isinstance(item, str) else _file_name(item) for item in items]
    message["timestamp"] = timezone.now()
    sender: dict[str, Any] = {}
    if user is not None:
        sender = {"id": user.pk, "username": user.get_username(), "email": getattr(user, "email", "") or ""}
    base = {
        "message": _plain(message, "message", {}),
        "channel": {"id": channel.pk, "name": channel.name, "platform": channel.platform},
        "sender": _plain(sender, "sender", problems),
    }
    return {**base, **further, "variables": {**given_variables, **variables}}


def _file_name(item: Any) -> str:
    return str(getattr(item, "name", "") or item)


def render(source: str, context: Mapping[str, Any], *, html: bool = False) -> str:
    """Return a text rendered; in HTML what the values hold is escaped. Raises TemplateProblem with one sentence."""
    if not _TAG.search(source):
        return source
    from unicom.sandbox import rendering

    return rendering.render(readable(source) if html else source, scoped(context), html=html)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """Be what a template would become, and what stands in its way."""

    text: str = ""
    undefined: tuple[str, ...] = ()
    """The names it uses that are not there, in order, each once."""
    problem: str = ""


def preview(source: str, context: Mapping[str, Any], *, html: bool = False) -> Preview:
    """Render for somebody to look at: a name that is not there is shown and listed, whatever else is wrong is said."""
    if not _TAG.search(source):
        return Preview(text=source)
    from unicom.sandbox import rendering

    missing: list[str] = []
    text = problem = ""
    try:
        text = rendering.render(readable(source) if html else source, scoped(context), html=html, missing=missing)
    except TemplateProblem as error:
        problem = str(error)
    return Preview(text=text, undefined=tuple(dict.fromkeys(missing)), problem=problem)


def check(source: str, *, html: bool = False) -> str:
    """Return what is wrong with a template before anything is known of its values, in one sentence, or nothing."""
    if not _TAG.search(source):
        return ""
    from unicom.sandbox import rendering

    try:
        rendering.compiled(readable(source) if html else source, html=html)
    except TemplateProblem as error:
        return str(error)
    return ""


def names_used(source: str, *, html: bool = False) -> list[tuple[str, int]]:
    """Return what a template needs to be given, each name once with its first line; nothing of one that is broken."""
    if not _TAG.search(source) or check(source, html=html):
        return []
    from unicom.sandbox import rendering

    return rendering.names_needed(readable(source) if html else source)


def readable(source: str) -> str:
    """Return HTML with its template tags as they were meant: an editor makes entities of ``<``, ``>`` and ``&``."""
    return _INSIDE.sub(lambda tag: entities.unescape(tag[0]) if "&" in tag[0] else tag[0], source)


def scoped(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context so that what is missing in it can be named as the template names it."""
    from unicom.sandbox.budget import Scope

    def named(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            scope = Scope({key: named(item, f"{path}.{key}" if path else key) for key, item in value.items()})
            scope.path = path
            return scope
        if isinstance(value, list | tuple):
            return [named(item, f"{path}[{number}]") for number, item in enumerate(value)]
        return value

    return {key: named(value, key) for key, value in context.items()}


def _plain_dict(key: str, value: Any, problems: dict[str, str]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems[key] = f"a dict is needed, not {type(value).__name__}"
        return {}
    for name in value:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems[key] = f"{name!r} cannot be a name in a template; use letters, digits and _"
            return {}
    found: dict[str, str] = {}
    plain = {name: _plain(item, f"{key}.{name}", found) for name, item in value.items()}
    if found:
        problems[key] = next(iter(found.values()))
    return plain


def _plain(value: Any, path: str, problems: dict[str, str], depth: int = 0) -> Any:
    """Return a value as texts, numbers, times, lists and dicts; an object would bring along what it can do."""
    if depth > MAX_DEPTH:
        problems[path] = f"{path} is nested deeper than {MAX_DEPTH} levels"
        return None
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Promise):
        value = str(value)
    if hasattr(value, "__html__") and isinstance(value, str):
        from markupsafe import Markup

        return Markup(str(value))  # noqa: S704  whoever sends called it safe
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal):
        if value.is_finite() and abs(value.adjusted()) > 100:
            problems[path] = f"{path} is a number with more than 100 digits"
            return None
        return value
    if value is None or isinstance(value, bool | int | float | UUID | datetime | date | clock | timedelta):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{path}.{key}", problems, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, f"{path}[{number}]", problems, depth + 1) for number, item in enumerate(value)]
    problems[path] = f"{path}: {type(value).__name__} is no plain value; give texts, numbers, dates, lists and dicts"
    return None
