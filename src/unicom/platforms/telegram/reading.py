"""Read JSON with care: each function raises AnomalousPayload that names the key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from unicom.errors import AnomalousPayload

Json = Mapping[str, Any]
LARGEST = 2**63 - 1


def an_object(parent: Json, key: str) -> Json:
    """Return the object under ``key``."""
    value = parent.get(key)
    if not isinstance(value, Mapping):
        raise AnomalousPayload(f"{key}: an object is needed, not {type(value).__name__}.")
    return value


def objects(parent: Json, key: str) -> list[Json]:
    """Return the list of objects under ``key``; none where the key is missing."""
    value = parent.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise AnomalousPayload(f"{key}: a list of objects is needed.")
    return value


def integer(parent: Json, key: str) -> int:
    """Return the 64-bit number under ``key``."""
    value = parent.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        raise AnomalousPayload(f"{key}: a 64-bit number is needed.")
    return value


def number(value: Any) -> int:
    """Return a whole number, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def text(parent: Json, key: str, *, required: bool = False) -> str:
    """Return the text under ``key``, empty where it is missing."""
    value = parent.get(key, "")
    if not isinstance(value, str) or (required and not value):
        raise AnomalousPayload(f"{key}: text is needed.")
    return value


def moment(parent: Json, key: str) -> datetime | None:
    """Return the time under ``key``, None where it is missing."""
    if key not in parent:
        return None
    seconds = integer(parent, key)
    if not 0 < seconds < 253_402_300_800 - 86_400:
        raise AnomalousPayload(f"{key}: {seconds} is no time.")
    return datetime.fromtimestamp(seconds, tz=UTC)


def full_name(user: Json) -> str:
    """Return a person's or a private chat's name."""
    return f"{text(user, 'first_name')} {text(user, 'last_name')}".strip()[:255]
