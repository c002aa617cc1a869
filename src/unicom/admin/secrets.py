"""Take the secrets out of a channel's config for showing, and put the stored ones back in for saving."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import to_jsonable_python

from unicom.errors import InvalidConfig
from unicom.platforms.base import AdapterConfig

MASK = "***"


def leaves(annotation: Any) -> Iterator[Any]:
    """Return the plain types an annotation is made of."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if not inner or origin is typing.Literal:
        yield annotation
        return
    for item in inner[:1] if origin is typing.Annotated else inner:
        if item is not Ellipsis:
            yield from leaves(item)


def is_secret(annotation: Any) -> bool:
    """Tell whether a field holds a secret itself; one within a nested model is that model's."""
    return any(isinstance(leaf, type) and issubclass(leaf, SecretStr) for leaf in leaves(annotation))


def _nested(annotation: Any) -> type[BaseModel] | None:
    return next((leaf for leaf in leaves(annotation) if isinstance(leaf, type) and issubclass(leaf, BaseModel)), None)


def plain(value: Any) -> Any:
    """Return a checked config as the JSON it was read from, under today's names, secrets revealed."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        found = {
            name: plain(getattr(value, name)) for name in type(value).model_fields if name in value.model_fields_set
        }
        return {**found, **{name: plain(item) for name, item in (value.model_extra or {}).items()}}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return to_jsonable_python(value, fallback=str)


def normal(config: type[AdapterConfig], stored: Any) -> Any:
    """Return a stored config under today's names where it can be read, else as it is."""
    try:
        return plain(config.read(stored))
    except InvalidConfig:
        return stored


def masked(model: type[BaseModel] | None, value: Any) -> Any:
    """Return a config that may be shown: what is not known to be harmless is masked."""
    if not isinstance(value, Mapping):
        return value if value in (None, {}) else MASK
    shown: dict[str, Any] = {}
    for key, item in value.items():
        field = model.model_fields.get(key) if model is not None else None
        if field is None or is_secret(field.annotation):
            shown[key] = MASK if item not in (None, "") else item
            continue
        nested = _nested(field.annotation)
        shown[key] = masked(nested, item) if nested is not None else item
    return shown


def unmasked(value: Any, stored: Any, path: str = "") -> tuple[Any, list[str]]:
    """Return ``value`` with each mask replaced by what is stored there, and the keys where nothing is stored."""
    if value == MASK:
        return (value, [path or "config"]) if stored in (None, "") else (stored, [])
    if isinstance(value, Mapping):
        result: dict[str, Any] = {}
        missing: list[str] = []
        for key, item in value.items():
            below = stored.get(key) if isinstance(stored, Mapping) else None
            result[key], lost = unmasked(item, below, f"{path}.{key}" if path else str(key))
            missing += lost
        return result, missing
    return value, []


def emptied(model: type[BaseModel] | None, value: Any) -> Any:
    """Return a config just typed, for showing again: secrets are left out, masks stay."""
    if not isinstance(value, Mapping):
        return value if value in (None, {}, MASK) else ""
    shown: dict[str, Any] = {}
    for key, item in value.items():
        field = model.model_fields.get(key) if model is not None else None
        nested = _nested(field.annotation) if field is not None else None
        if field is None or is_secret(field.annotation):
            shown[key] = item if item == MASK else ""
        else:
            shown[key] = emptied(nested, item) if nested is not None else item
    return shown


def emptied_text(model: type[BaseModel] | None, text: str) -> str:
    """Return text that is not quite JSON, for showing again, without the values of keys that may be secret."""
    harmless = (
        {name for name, field in model.model_fields.items() if not is_secret(field.annotation)} if model else set()
    )

    def value(found: re.Match[str]) -> str:
        return found[0] if found[2] in harmless or found[3] == f'"{MASK}"' else f'{found[1]}""'

    return re.sub(r'("([^"\n]*)"\s*:\s*)("(?:[^"\\\n]|\\.)*"?|[^\s,{}\[\]"]+)', value, text)
