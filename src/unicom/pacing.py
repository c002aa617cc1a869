"""Keep every platform's pace exactly, across processes: GCRA on rows, by the database's clock.

A limit of N in any window of W is kept as a rate of (N - burst) ÷ W with a tolerance of ``burst``, so that no window
of W holds more than N. What is let through may leave a little later than its slot: the windows are counted longer by
that much, and a call that would leave later still is put back (:data:`LATEST`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.db import connections, router, transaction
from pydantic import ValidationError

from unicom.errors import UnknownPlatform
from unicom.models import Channel, Delivery, Pace
from unicom.platforms import adapter_class
from unicom.platforms.base import PacingConfig
from unicom.rows import update_rows
from unicom.types import Pace as Rate

LATEST = 0.15
"""How many seconds after its slot a call may still leave."""
TURN = 1.0
"""For how many seconds after it has room an album may still take its turn before others go on."""
BOT_WIDE = 5.0
"""Within how many seconds a second refusal, from another chat, stops the whole channel."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Be one key a message has to pass: so much time for each, and so much of it in advance."""

    key: str
    interval: float
    tolerance: float
    channel_id: int | None = None
    most: int = 1
    """How many fit in a window."""

    def weight(self, size: int) -> int:
        """Return how many an album of so many messages counts as; one larger than the window is alone in it."""
        return min(size, self.most)

    def ahead(self, size: int) -> float:
        """Return how much longer an album waits, so that what was sent before it leaves it room in the window."""
        return (self.weight(size) - 1) * self.interval


def limits_of(delivery: Delivery) -> list[Limit]:
    """Return the limits a delivery counts against."""
    if delivery.act not in ("send", "edit"):
        return []
    channel = delivery.channel
    try:
        platform = adapter_class(channel.platform).limits
        own = _own_pacing(channel)
    except (UnknownPlatform, ValidationError):
        return []  # it cannot be delivered at all, as its delivery will say
    rates = [
        (f"channel:{channel.pk}", own.channel, platform.channel_pace, channel.pk),
        (f"chat:{delivery.chat_id}", own.chat, platform.chat_pace, None),
    ]
    if delivery.chat.is_group:
        rates.append((f"group:{delivery.chat_id}", own.group, platform.group_pace, None))
    found = []
    for key, chosen, default, channel_id in rates:
        rate = Rate(count=chosen[0], seconds=chosen[1]) if chosen else default
        if rate is not None:
            found.append(_limit(key, rate, own.time_scale, channel_id))
    return found


def _own_pacing(channel: Channel) -> PacingConfig:
    given = channel.config.get("PACING") if isinstance(channel.config, dict) else None
    return _checked(json.dumps(given, sort_keys=True)) if given else _PLATFORMS_OWN


@lru_cache(maxsize=1024)
def _checked(given: str) -> PacingConfig:
    return PacingConfig.model_validate_json(given)


_PLATFORMS_OWN = PacingConfig.model_validate({})


def _limit(key: str, rate: Rate, scale: float, channel_id: int | None) -> Limit:
    burst = rate.count // 10
    interval = (rate.seconds * scale + LATEST) / (rate.count - burst)
    return Limit(key=key, interval=interval, tolerance=burst * interval, channel_id=channel_id, most=rate.count)


def admit(deliveries: Sequence[Delivery]) -> dict[int, float | None]:
    """Take a slot for each delivery that may leave now; returns, for those that may not, in how many seconds they may.

    None is for an album that the whole channel is kept quiet for: other chats would never leave it its room. To be
    called in the transaction of the claim, so that slots and claims are taken together or not at all.
    """
    if _suspended:
        return {}
    wanted = {delivery.pk: limits_of(delivery) for delivery in deliveries}
    limits = {limit.key: limit for each in wanted.values() for limit in each}
    if not limits:
        return {}
    now, rows = _locked(limits)
    later: dict[int, float | None] = {}
    changed: set[str] = set()
    for delivery in deliveries:
        keys = wanted[delivery.pk]
        size = len(delivery.payload.get("files", ())) or 1
        wait = max((_wait(limit, rows[limit.key], size, now, delivery.pk) for limit in keys), default=0.0)
        if wait > 0:
            later[delivery.pk] = wait
            hint(wait)
            continue
        if size > 1 and (quiet := _keep_quiet(keys, rows, size, now, delivery.pk)):
            later[delivery.pk] = None
            changed |= quiet
            continue
        if keys:
            delivery.admitted_at = time.monotonic()  # type: ignore[attr-defined]
        for limit in keys:
            row = rows[limit.key]
            row.tat = max(row.tat, now) + limit.interval * limit.weight(size)
            row.open_at = max(row.open_at, row.tat - limit.tolerance)
            if row.held_for == delivery.pk:
                row.held_for, row.held_until = None, 0.0
            changed.add(limit.key)
    if changed:
        update_rows(
            Pace,
            [(key, *(getattr(rows[key], name) for name in _TAKEN)) for key in changed],
            match=["key"],
            change=_TAKEN,
        )
    return later


_TAKEN = ("tat", "open_at", "held_for", "held_until")


def _wait(limit: Limit, row: Pace, size: int, now: float, delivery_id: int) -> float:
    """Return in how many seconds a limit lets a delivery through, as far as it need not keep others quiet for that."""
    if limit.channel_id is None:
        return row.open_at + limit.ahead(size) - now
    held = row.held_until - now if row.held_for != delivery_id else 0.0
    return max(row.open_at - now, held)


def _keep_quiet(limits: Sequence[Limit], rows: dict[str, Pace], size: int, now: float, delivery_id: int) -> set[str]:
    """Close a channel for as long as an album needs to have room in its window, then to all but the album for a while.

    Returns the keys that were closed; none where there is room, or where the channel has been kept quiet for it.
    """
    closed = set()
    for limit in limits:
        row = rows[limit.key]
        until = row.open_at + limit.ahead(size)
        is_its_turn = row.held_for == delivery_id and now < row.held_until
        if limit.channel_id is None or is_its_turn or until <= now:
            continue
        row.open_at, row.held_for, row.held_until = until, delivery_id, until + TURN
        closed.add(limit.key)
        hint(until - now)
    return closed


def is_late(delivery: Delivery) -> bool:
    """Tell whether a delivery has missed its slot, so that sending it now could be one too many."""
    admitted_at: float | None = getattr(delivery, "admitted_at", None)
    return admitted_at is not None and time.monotonic() - admitted_at > LATEST


def _locked(limits: dict[str, Limit]) -> tuple[float, dict[str, Pace]]:
    """Lock the rows of these keys, in one order everywhere, and read the database's clock."""
    keys = sorted(limits)
    for _ in range(2):
        rows = {row.key: row for row in _stored(keys)}
        if len(rows) == len(keys):
            break
        Pace.objects.bulk_create(
            [Pace(key=key, channel_id=limits[key].channel_id) for key in keys if key not in rows],
            ignore_conflicts=True,
        )
    return database_time(), rows


_COLUMNS = tuple(field.attname for field in Pace._meta.concrete_fields)


def _stored(keys: Sequence[str]) -> Iterator[Pace]:
    database = router.db_for_write(Pace)
    connection = connections[database]
    name = connection.ops.quote_name
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(  # names come from the model, values travel as parameters
            f"SELECT {', '.join(map(name, _COLUMNS))} FROM {name(Pace._meta.db_table)} "  # noqa: S608
            f"WHERE key IN ({', '.join(['%s'] * len(keys))}) ORDER BY key{lock}",
            list(keys),
        )
        rows = cursor.fetchall()
    return (Pace.from_db(database, _COLUMNS, row) for row in rows)


def database_time() -> float:
    """Return the database's clock in seconds; SQLite has none of its own, it is on this machine.

    It is read once a second and in between carried on by this machine's, at most a few milliseconds ahead.
    """
    connection = connections[router.db_for_write(Pace)]
    if connection.vendor != "postgresql":
        return time.time()
    asked = time.monotonic()
    read_at, ahead = _clock
    if asked - read_at > CLOCK_GOOD_FOR:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            ahead = float(cursor.fetchone()[0]) - asked
        if time.monotonic() - asked < CLOCK_EXACT:
            _keep_clock(asked, ahead)
    return time.monotonic() + ahead


CLOCK_GOOD_FOR = 1.0
CLOCK_EXACT = 0.01
"""How quick the answer has to be for the reading to be kept."""
_clock = (float("-inf"), 0.0)


def _keep_clock(read_at: float, ahead: float) -> None:
    global _clock
    _clock = (read_at, ahead)


def refused(delivery: Delivery, retry_after: timedelta) -> None:
    """Close the chat for as long as the platform says; the channel too, if another chat was refused just before."""
    chat_key, channel_key = f"chat:{delivery.chat_id}", f"channel:{delivery.channel_id}"
    limits = {
        chat_key: Limit(key=chat_key, interval=0, tolerance=0),
        channel_key: Limit(key=channel_key, interval=0, tolerance=0, channel_id=delivery.channel_id),
    }
    with transaction.atomic():
        now, rows = _locked(limits)
        until = now + retry_after.total_seconds()
        chat, channel = rows[chat_key], rows[channel_key]
        chat.open_at = max(chat.open_at, until)
        if channel.refused_chat not in ("", delivery.chat_id) and now - channel.refused_at <= BOT_WIDE:
            channel.open_at = max(channel.open_at, until)
        channel.refused_at, channel.refused_chat = now, delivery.chat_id
        for row in (chat, channel):
            row.save(update_fields=["open_at", "refused_at", "refused_chat"])
    hint(retry_after.total_seconds())


def spent(*deliveries: Delivery) -> None:
    """Let the chat's next message wait from now on, when one has just been taken: calls of a chat never overlap.

    A call that was quick has been counted right already.
    """
    of_chats = [
        limit
        for delivery in deliveries
        if is_late(delivery)
        for limit in limits_of(delivery)
        if limit.key.startswith("chat:")
    ]
    if of_chats:
        now = database_time()
        opening = {limit.key: now + limit.interval - LATEST for limit in of_chats}
        update_rows(
            Pace,
            [(limit.key, opening[limit.key], opening[limit.key] + limit.tolerance) for limit in of_chats],
            match=["key"],
            change=["open_at", "tat"],
            raising="open_at",
        )


_suspended = 0


@contextmanager
def suspended() -> Iterator[None]:
    """Let everything leave at once, in this process; for tests that send nowhere."""
    global _suspended
    _suspended += 1
    try:
        yield
    finally:
        _suspended -= 1


# A worker's own memory of when a slot opens, so that it need not poll for it.

_lock = threading.Lock()
_soonest: float | None = None


def hint(seconds: float) -> None:
    """Remember that something may leave in so many seconds."""
    global _soonest
    at = time.monotonic() + max(seconds, 0.0)
    with _lock:
        _soonest = at if _soonest is None else min(_soonest, at)


def pause(longest: float) -> float:
    """Return how long a worker may rest: until the next slot it knows of, at most ``longest``. Forgets it."""
    global _soonest
    with _lock:
        at, _soonest = _soonest, None
    return longest if at is None else min(longest, max(at - time.monotonic(), 0.0) + 0.002)
