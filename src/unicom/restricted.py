"""Run code that is kept in the database, with RestrictedPython and nothing but plain values at hand."""

from __future__ import annotations

import re
from functools import lru_cache
from types import CodeType
from typing import Any

from RestrictedPython.compile import compile_restricted
from RestrictedPython.Eval import default_guarded_getitem, default_guarded_getiter
from RestrictedPython.Guards import guarded_iter_unpack_sequence, safe_builtins, safer_getattr
from RestrictedPython.Utilities import utility_builtins


@lru_cache(maxsize=256)
def _compiled(source: str) -> CodeType:
    return compile_restricted(source, "<stored code>", "exec")


def _refuse_write(target: Any) -> Any:
    if isinstance(target, dict | list | set):
        return target
    raise TypeError(f"{type(target).__name__} may not be written to")


_MISSING = object()


def _getattr(target: Any, name: str) -> Any:
    """Return an attribute as RestrictedPython allows; one that is missing is an error, not None."""
    found = safer_getattr(target, name, _MISSING)  # type: ignore[no-untyped-call]
    if found is _MISSING:
        raise AttributeError(f"there is no {name!r} here")
    return found


def call(source: str, name: str, *args: Any) -> Any:
    """Run ``source`` and call its function ``name``; raises what it raises, and LookupError without such a function.

    There is no import, no file, no database and no attribute that begins with an underscore.
    """
    space: dict[str, Any] = {
        "__builtins__": {
            **safe_builtins, "any": any, "all": all, "sum": sum, "min": min, "max": max, "list": list, "dict": dict,
            "set": set, "enumerate": enumerate, "reversed": reversed, "_getattr_": _getattr,
        },
        "_getitem_": default_guarded_getitem,
        "_getiter_": default_guarded_getiter,
        "_iter_unpack_sequence_": guarded_iter_unpack_sequence,
        "_write_": _refuse_write,
        "_inplacevar_": _inplace,
        "__name__": "stored_code",
        "__metaclass__": type,
        "search": lambda pattern, text: re.search(pattern, str(text)[:10_000]) is not None,
        "math": utility_builtins["math"],
    }  # fmt: skip
    exec(_compiled(source), space)  # noqa: S102  compiled restricted, in a space that holds plain values only
    function = space.get(name)
    if not callable(function):
        raise LookupError(f"the code defines no function {name}(…)")
    return function(*args)


def _inplace(operator: str, left: Any, right: Any) -> Any:
    if operator == "+=":
        return left + right
    if operator == "-=":
        return left - right
    raise SyntaxError(f"{operator} is not allowed here")
