"""Make tools of functions: what a model is told of them, how its arguments are checked, how they are found again."""

from __future__ import annotations

import inspect
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import (
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    PydanticUserError,
)

from unicom.errors import InvalidTool
from unicom.llm import context, schema

Function = TypeVar("Function", bound=Callable[..., Any])
PROGRESS = "progress_updates_for_user"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PARAMETER_LINE = re.compile(r"^\s*(?::param\s+)?(?:\w[\w.\[\] |]*\s+)??(\w+)(?:\s*\([^)]*\))?:\s*(\S.*)$")
_KEYS = {"name", "description", "parameters", "run", "timeout", "deadline", "repeatable"}


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Be one tool a model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """The JSON schema of its arguments."""
    run: Callable[..., Any]
    timeout: float | None = None
    """For how many seconds it may run; without, UNICOM_TOOL_TIMEOUT."""
    deadline: timedelta | None = None
    """How long a call of it may stay unanswered once it returned None; without, UNICOM_TOOL_DEADLINE_DAYS."""
    repeatable: bool = False
    """Whether it is run again where its worker died in the middle; else the model is told."""
    model: type[BaseModel] | None = field(default=None, repr=False)
    injected: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Say where another process finds the function."""
        return f"{self.run.__module__}:{self.run.__qualname__}"

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the function takes them; raises InvalidTool naming every bad one."""
        problems = schema.problems(dict(arguments), self.parameters) if self.model is None else {}
        if problems:
            raise InvalidTool(problems)
        if self.model is None:
            return dict(arguments)
        try:
            read = self.model.model_validate(dict(arguments))
        except ValidationError as error:
            wrong = {".".join(map(str, item["loc"])) or "arguments": item["msg"] for item in error.errors()}
            raise InvalidTool(wrong) from None
        return {name: getattr(read, name) for name in type(read).model_fields if name in read.model_fields_set}

    def spec(self) -> dict[str, Any]:
        """Return what :func:`load` makes the tool of again, in any process."""
        found: dict[str, Any] = {"name": self.name, "run": self.reference}
        if self.model is None:
            found |= {"description": self.description, "parameters": dict(self.parameters)}
        return found


_registry: dict[str, Tool] = {}
# Functions that no import leads to: made within functions, or by code that is no module.
_local: dict[tuple[str, str], Tool] = {}


@overload
def tool(function: Function) -> Function: ...
@overload
def tool(
    *,
    name: str = "",
    description: str = "",
    timeout: float | None = None,
    deadline: timedelta | None = None,
    repeatable: bool = False,
) -> Callable[[Function], Function]: ...
def tool(function: Any = None, **options: Any) -> Any:
    """Make a typed function a tool: its name, docstring and parameters are what the model is told.

    It may be sync or async. Parameters named ``tool_call``, ``message``, ``request``, ``chat`` or ``account`` are given
    by us and not shown to the model; as plain names they are at hand, too. Returning None defers the answer.
    """
    if function is None:
        return lambda wrapped: tool(wrapped, **options)
    made = from_function(function, **options)
    known = _registry.get(made.name)
    if known is not None and known.reference != made.reference:
        raise InvalidTool({"name": f"{made.name!r} is the name of {known.reference} already"})
    _registry[made.name] = made
    function.__unicom_tool__ = made
    return function


def registered() -> dict[str, Tool]:
    """Return every tool that was declared with ``@unicom.tool``, by name."""
    return dict(sorted(_registry.items()))


def from_function(
    function: Callable[..., Any],
    *,
    name: str = "",
    description: str = "",
    timeout: float | None = None,
    deadline: timedelta | None = None,
    repeatable: bool = False,
) -> Tool:
    """Make a tool of a function; raises InvalidTool where its parameters cannot be described."""
    name = name or getattr(function, "__name__", "")
    problems = {} if _NAME.fullmatch(name) else {"name": f"{name!r} is not 1 to 64 letters, digits, _ or -"}
    parameters = _parameters(function, problems)
    about, described = _docstring(function)
    if problems:
        raise InvalidTool(problems)
    offered = {key: item for key, item in parameters.items() if key not in context.NAMES}
    model = _model(function, name, offered, described)
    _have_at_hand(function)
    return Tool(
        name=name,
        description=description or about,
        parameters=_tidy(model.model_json_schema()),
        run=function,
        timeout=timeout,
        deadline=deadline,
        repeatable=repeatable,
        model=model,
        injected=tuple(key for key in parameters if key in context.NAMES),
    )


def from_dict(definition: Mapping[str, Any]) -> Tool:
    """Make a tool of the documented dict ``{name, description, parameters, run}``; raises InvalidTool.

    ``parameters`` is a JSON schema, or only its properties: then those are required that ``run`` has no default for.
    """
    problems = {str(key): "not a key of a tool" for key in sorted(set(map(str, definition)) - _KEYS)}
    name, run = definition.get("name"), definition.get("run")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems["name"] = f"{name!r} is not 1 to 64 letters, digits, _ or -"
    if not callable(run):
        problems["run"] = f"a function is needed, not {run!r}"
    given = definition.get("parameters", {})
    if not isinstance(given, Mapping) or not all(
        isinstance(item, Mapping | list | str | bool) for item in given.values()
    ):
        problems["parameters"] = f"a JSON schema is needed, not {given!r}"
    description = definition.get("description", "")
    if not isinstance(description, str):
        problems["description"] = f"a text is needed, not {description!r}"
    parameters = _parameters(run, problems) if callable(run) else {}
    if problems or run is None:
        raise InvalidTool(problems)
    if given.get("type") != "object":
        required = [key for key in given if key not in parameters or parameters[key].default is inspect.Parameter.empty]
        given = {"type": "object", "properties": dict(given), "required": required, "additionalProperties": False}
    _have_at_hand(run)
    return Tool(
        name=str(name),
        description=description,
        parameters=given,
        run=run,
        timeout=definition.get("timeout"),
        deadline=definition.get("deadline"),
        repeatable=bool(definition.get("repeatable", False)),
        injected=tuple(key for key in parameters if key in context.NAMES),
    )


def resolve(items: Iterable[Any]) -> list[Tool]:
    """Return the tools a caller names: functions, documented dicts, Tools or names; InvalidTool names all bad ones."""
    problems: dict[str, str] = {}
    found: dict[str, Tool] = {}
    for number, item in enumerate(items):
        where = f"tools[{number}]"
        try:
            made = _resolve(item)
        except InvalidTool as error:
            problems.update({f"{where}.{key}": sentence for key, sentence in error.problems.items()})
            continue
        if made is None:
            problems[where] = f"{item!r} is not a tool: a function, a dict with run, or the name of a registered one"
        elif made.name in found:
            problems[where] = f"{made.name!r} is there twice"
        else:
            found[made.name] = made
            _local[made.name, made.reference] = made
    if problems:
        raise InvalidTool(problems)
    return list(found.values())


def _resolve(item: Any) -> Tool | None:
    if isinstance(item, Tool):
        return item
    if isinstance(item, str):
        return _registry.get(item)
    if isinstance(item, Mapping):
        return from_dict(item)
    if callable(item):
        return getattr(item, "__unicom_tool__", None) or from_function(item)
    return None


def load(spec: Mapping[str, Any]) -> Tool | None:
    """Return the tool that :meth:`Tool.spec` describes, or None where this process cannot find its function."""
    known = _registry.get(spec["name"])
    if known is not None and known.reference == spec["run"]:
        return known
    module, _, path = spec["run"].partition(":")
    if "<" not in path and module not in ("__main__", ""):
        try:
            function: Any = sys.modules.get(module) or import_module(module)
            for step in path.split("."):
                function = getattr(function, step)
        except (ImportError, AttributeError):
            return _local.get((spec["name"], spec["run"]))
        made: Tool | None = getattr(function, "__unicom_tool__", None)
        if made is not None and made.name == spec["name"]:
            return made
        if "parameters" in spec:
            return from_dict({**spec, "run": function})
        return from_function(function, name=spec["name"])
    return _local.get((spec["name"], spec["run"]))


def _parameters(function: Any, problems: dict[str, str]) -> dict[str, inspect.Parameter]:
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        problems["run"] = f"{function!r} has no signature"
        return {}
    for key, item in parameters.items():
        if item.kind in (item.POSITIONAL_ONLY, item.VAR_POSITIONAL, item.VAR_KEYWORD):
            problems[key] = "a parameter must have a name a model can give it by"
    return parameters


def _model(
    function: Any, name: str, parameters: Mapping[str, inspect.Parameter], described: Mapping[str, str]
) -> type[BaseModel]:
    """Make the model that checks arguments, from the function's annotations."""
    try:
        # The injected names may be annotated with what is imported for type checkers only.
        own = {key: value for key, value in function.__annotations__.items() if key in parameters}
        hints = get_type_hints(
            types.SimpleNamespace(__annotations__=own), getattr(function, "__globals__", {}), include_extras=True
        )
        fields: dict[str, Any] = {
            key: (
                hints.get(key, Any),
                Field(... if item.default is inspect.Parameter.empty else item.default, description=described.get(key)),
            )
            for key, item in parameters.items()
        }
        model: type[BaseModel] = create_model(
            name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields
        )
        model.model_json_schema()
    except (
        NameError,
        PydanticInvalidForJsonSchema,
        PydanticSchemaGenerationError,
        PydanticUndefinedAnnotation,
        PydanticUserError,
    ) as error:
        sentence = str(error).splitlines()[0]
        raise InvalidTool({"run": f"the parameters of {name!r} cannot be described to a model ({sentence})"}) from None
    return model


def _tidy(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out the titles, which only repeat names."""

    def without(value: Any, *, is_schema: bool) -> Any:
        if isinstance(value, dict):
            return {
                key: without(item, is_schema=key not in ("properties", "$defs"))
                for key, item in value.items()
                if not (is_schema and key == "title")
            }
        return [without(item, is_schema=True) for item in value] if isinstance(value, list) else value

    tidied: dict[str, Any] = without(found, is_schema=True)
    tidied.setdefault("properties", {})
    return tidied


def _docstring(function: Any) -> tuple[str, dict[str, str]]:
    """Return what the docstring says of the function, and of its parameters (``name: …`` or ``:param name: …``)."""
    text = inspect.getdoc(function) or ""
    head, _, tail = text.partition("\nArgs:")
    if not tail:
        lines = text.splitlines()
        head = "\n".join(line for line in lines if not line.lstrip().startswith(":"))
        tail = "\n".join(line for line in lines if line.lstrip().startswith(":param"))
    found = (_PARAMETER_LINE.match(line) for line in tail.splitlines())
    return head.strip(), {match[1]: match[2].strip() for match in found if match}


def _have_at_hand(function: Any) -> None:
    """Let a function that uses ``tool_call``, ``message``, … as plain names find them, as documented."""
    function = inspect.unwrap(function)
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", None)
    if code is None or names is None:
        return
    used = _names_of(code)
    for name, stands_for in context.at_hand().items():
        if name in used:
            names.setdefault(name, stands_for)


def _names_of(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names_of(constant)
    return found
