"""Know for some seconds who is writing in a chat: told to sockets at once, and kept in Django's cache for who polls."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.core.cache import cache

from unicom import live
from unicom.ids import digest

logger = logging.getLogger("unicom")

LASTS_S = 6.0
"""How long somebody counts as writing after they said so; who goes on writing says so again."""
MOST = 10


def note_typing(chat_id: str, *, sender_name: str, is_outgoing: bool, account_id: str = "") -> None:
    """Say that somebody is writing; ``account_id`` is whose sockets need not be told."""
    now = time.time()
    writing = {name: item for name, item in _kept(chat_id).items() if item[0] > now}
    # Several may say so at once and one of them be forgotten, until they say so again.
    writing[sender_name] = (now + LASTS_S, is_outgoing)
    try:
        cache.set(_key(chat_id), dict(list(writing.items())[-MOST:]), LASTS_S + 1)
    except Exception:
        logger.debug("Who is writing could not be kept.", exc_info=True)
    live.typing("WebChat", chat_id, name=sender_name, is_outgoing=is_outgoing, account_id=account_id)


def who_is_typing(chat_id: str, *, but: str) -> list[dict[str, Any]]:
    """Return who is writing, in the shape of the socket's frame; ``but`` is the visitor who asks."""
    now = time.time()
    return [
        {"name": name, "is_outgoing": is_outgoing}
        for name, (until, is_outgoing) in _kept(chat_id).items()
        if until > now and (is_outgoing or name != but)
    ]


def _kept(chat_id: str) -> dict[str, tuple[float, bool]]:
    try:
        return cache.get(_key(chat_id)) or {}
    except Exception:
        # A cache that is down costs this sign, and no message.
        logger.debug("Who is writing could not be looked up.", exc_info=True)
        return {}


def _key(chat_id: str) -> str:
    return f"unicom:typing:{digest(chat_id)}"
