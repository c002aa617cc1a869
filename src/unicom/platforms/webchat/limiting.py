"""Bound what one visitor, or one address, may do in a while: exactly, over all processes, in one statement each."""

from __future__ import annotations

import ipaddress
import math
import time
from typing import Any

from django.http import HttpRequest

from unicom.conf import settings
from unicom.errors import NotAccessible
from unicom.ids import digest
from unicom.models import Pace
from unicom.rows import insert_or_change

_NAMES = {
    "messages": "messages",
    "chats": "new chats",
    "upload_bytes": "bytes of files",
    "clicks": "clicks",
    "searches": "searches",
    "guests": "new visitors from one address",
}


class TooMuch(NotAccessible):
    """Refuse for now; ``retry_after`` says for how many seconds."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


def take(kind: str, who: str, amount: int = 1) -> None:
    """Count what ``who`` does against the limit of its kind; raises TooMuch, with nothing counted. Nobody has none."""
    limit = settings.visitor_limits.get(kind)
    if limit is None or amount <= 0 or not who:
        return
    count, seconds = limit
    # GCRA: each act pushes a mark ahead, and the mark may be at most the window ahead of the clock.
    step, now = amount * seconds / count, time.time()
    key = f"visitor:{kind}:{digest(who)}"
    if step <= seconds and _advance(key, step, now, seconds):
        return
    mark = Pace.objects.filter(pk=key).values_list("tat", flat=True).first() or now
    wait = max(math.ceil(max(mark, now) + min(step, seconds) - now - seconds), 1)
    raise TooMuch(f"Too much at once: at most {count:,} {_NAMES[kind]} in {_duration(seconds)}.", wait)


def _advance(key: str, step: float, now: float, seconds: float) -> bool:
    mark = f"{Pace._meta.db_table}.tat"
    later = f"CASE WHEN {mark} > %s THEN {mark} ELSE %s END + %s"
    return insert_or_change(
        Pace(key=key, tat=now + step, open_at=now + step),
        f"SET tat = {later}, open_at = {later} WHERE {later} <= %s",
        [*([now, now, step] * 3), now + seconds],
    )


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{'an' if name == 'hour' else 'a'} {name}" if count == 1 else f"{count} {name}s"
    return f"{seconds:g} seconds"


def address_of(request: HttpRequest) -> str:
    """Return the public address a visitor comes from, empty where it is not known.

    Without UNICOM_CLIENT_ADDRESS_HEADER it is the other end of the connection. One that is not public is a proxy of
    ours or a colleague, and says nothing of who is behind it.
    """
    header = settings.UNICOM_CLIENT_ADDRESS_HEADER
    # What is not of our own proxy's hand may stand to the left.
    value = (
        request.headers.get(header, "").rpartition(",")[2].strip() if header else request.META.get("REMOTE_ADDR", "")
    )
    try:
        address: Any = ipaddress.ip_address(value)
    except ValueError:
        return ""
    if not header and not address.is_global:
        return ""
    if address.version == 6:
        # A household has a whole network.
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
