"""Check a model's arguments against a tool's JSON schema, as far as tools use it, naming every bad one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def problems(value: Any, schema: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """Return what is wrong with ``value``, path by path; words of a schema that are not known here hold nothing."""
    found: dict[str, str] = {}
    _check(value, schema, where, found)
    return found


def _check(value: Any, schema: Mapping[str, Any], where: str, found: dict[str, str]) -> None:
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds or []
    if kinds and not any(_is(value, kind) for kind in kinds):
        found[where or "arguments"] = f"{_shown(value)} is not of type {' or '.join(map(str, kinds))}"
        return
    if "enum" in schema and value not in schema["enum"]:
        found[where or "arguments"] = f"{_shown(value)} is not one of {', '.join(map(_shown, schema['enum']))}"
    if isinstance(value, int | float):
        if value < schema.get("minimum", value):
            found[where or "arguments"] = f"{value!r} is below the minimum, {schema['minimum']!r}"
        if value > schema.get("maximum", value):
            found[where or "arguments"] = f"{value!r} is above the maximum, {schema['maximum']!r}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key in schema.get("required", []):
            if key not in value:
                found[_path(where, key)] = "required"
        for key, item in value.items():
            if key in properties:
                _check(item, properties[key], _path(where, key), found)
            elif schema.get("additionalProperties") is False:
                known = ", ".join(sorted(properties)) or "none at all"
                found[_path(where, key)] = f"not an argument; there are {known}"
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for number, item in enumerate(value):
            _check(item, schema["items"], f"{where}[{number}]", found)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else str(key)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
