"""Tie a caller's key to the one message it makes, under concurrency too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from unicom.errors import IdempotencyConflict
from unicom.ids import digest
from unicom.models import Channel, IdempotencyKey, Message
from unicom.rows import insert_if_absent


def fingerprint(content: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest for each key of what was asked for; the key itself and what is empty do not count."""
    return {
        key: digest(json.dumps(value, cls=DjangoJSONEncoder, sort_keys=True, default=str), 16)
        for key, value in sorted(content.items())
        if key != "idempotency_key" and value not in (None, "", [], {}, ())
    }


def find(channel: Channel, caller: str, key: str) -> Message | None:
    """Return the message a caller's key has made, None where it has made none."""
    if not key:
        return None
    row = IdempotencyKey.objects.select_related("message__chat").filter(channel=channel, caller=caller, key=key).first()
    return row.message if row is not None else None


def claim(
    channel: Channel, caller: str, key: str, message_id: str, content: Mapping[str, str] | None
) -> Message | None:
    """Take the key for a message about to be written; returns the earlier message where it is taken.

    To be called first in the transaction that writes the message: a concurrent caller waits for its end. With
    ``content`` a key that was taken for something else raises IdempotencyConflict naming the keys that differ.
    """
    row = IdempotencyKey(channel=channel, caller=caller, key=key, content=dict(content or {}), message_id=message_id)
    if insert_if_absent(row):
        return None
    earlier = IdempotencyKey.objects.select_related("message__chat").get(channel=channel, caller=caller, key=key)
    if content is not None:
        differing = sorted(
            name for name in {*content, *earlier.content} if content.get(name) != earlier.content.get(name)
        )
        if differing:
            raise IdempotencyConflict(
                {"idempotency_key": f"{key!r} was used before with other values of {', '.join(differing)}"}
            )
    return earlier.message
