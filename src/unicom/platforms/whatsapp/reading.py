"""Read a webhook's JSON with care: each function raises AnomalousPayload that names the key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from unicom.errors import AnomalousPayload

Json = Mapping[str, Any]


def object_of(parent: Json, key: str) -> Json:
    """Return an object."""
    value = parent.get(key)
    if not isinstance(value, Mapping):
        raise AnomalousPayload(f"{key}: an object is needed, not {type(value).__name__}.")
    return value


def optional_object(parent: Json, key: str) -> Json:
    """Return an object, an empty one where there is none."""
    return object_of(parent, key) if parent.get(key) is not None else {}


def objects_of(parent: Json, key: str) -> list[Json]:
    """Return a list of objects, an empty one where there is none."""
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise AnomalousPayload(f"{key}: a list of objects is needed.")
    return value


def text_of(parent: Json, key: str, *, required: bool = False) -> str:
    """Return a text, an empty one where there is none."""
    value = parent.get(key)
    if value is None:
        value = ""
    if not isinstance(value, str) or (required and not value):
        raise AnomalousPayload(f"{key}: text is needed.")
    return value


def any_text(parent: Json, *keys: str) -> str:
    """Return the first text there is under one of these keys; what is no text is passed by."""
    return next((parent[key] for key in keys if isinstance(parent.get(key), str) and parent[key]), "")


def time_of(parent: Json, key: str = "timestamp") -> datetime | None:
    """Return a time, told in seconds as text or as a number."""
    value = parent.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise AnomalousPayload(f"{key}: seconds are needed.")
    if value > 100_000_000_000:
        value //= 1000  # some fields tell milliseconds
    if not 0 < value < 253_402_300_800 - 86_400:
        raise AnomalousPayload(f"{key}: {value} is no time.")
    return datetime.fromtimestamp(value, tz=UTC)
