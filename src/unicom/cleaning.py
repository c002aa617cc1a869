"""Make what comes in fit to be stored: no database takes a NUL, none takes half a surrogate pair."""

from __future__ import annotations

import re
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(value: Any) -> Any:
    """Return ``value`` with every NUL and lone surrogate as U+FFFD, all the way down."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def is_clean(value: Any) -> bool:
    """Tell whether :func:`clean` would change nothing."""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    if isinstance(value, dict):
        return all(is_clean(key) and is_clean(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(is_clean(item) for item in value)
    return True


def text_problem(value: Any) -> str:
    """Return what is wrong with a text on its way out, or nothing."""
    if not isinstance(value, str):
        return f"text is needed, not {type(value).__name__}"
    if "\x00" in value:
        return "contains a NUL character, which no platform can carry"
    if not is_clean(value):
        return "contains half of a surrogate pair, which is not a character"
    return ""
