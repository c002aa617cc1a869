"""Know for some seconds who is writing in a chat: told to sockets at once, and kept in Django's cache for who polls."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache import cache

from unicom import live
from unicom.ids import digest

LASTS_S = 6.0
"""How long somebody counts as writing after they said so; who goes on writing says so again."""
MOST = 10


def note_typing(chat_id: str, *, sender_name: str, is_outgoing: bool, account_id: str = "") -> None:
    """Say that somebody is writing; ``account_id`` is whose sockets need not be told."""
    key, now = _key(chat_id), time.time()
    writing = {name: item for name, item in (cache.get(key) or {}).items() if item[0] > now}
    # Several may say so at once and one of them be forgotten, until they say so again.
    writing[sender_name] = (now + LASTS_S, is_outgoing)
    cache.set(key, dict(list(writing.items())[-MOST:]), LASTS_S + 1)
    live.typing("WebChat", chat_id, name=sender_name, is_outgoing=is_outgoing, account_id=account_id)


def who_is_typing(chat_id: str, *, but: str) -> list[dict[str, Any]]:
    """Return who is writing, in the shape of the socket's frame; ``but`` is the visitor who asks."""
    now = time.time()
    return [
        {"name": name, "is_outgoing": is_outgoing}
        for name, (until, is_outgoing) in (cache.get(_key(chat_id)) or {}).items()
        if until > now and (is_outgoing or name != but)
    ]


def _key(chat_id: str) -> str:
    return f"unicom:typing:{digest(chat_id)}"
