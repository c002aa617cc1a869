"""Fold what is known of a message's deliveries into the message; nothing here ever steps back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from unicom import jobs, live, signals
from unicom.models import Chat, Delivery, Message
from unicom.rows import next_seq, update_row, update_rows
from unicom.types import BOUNCED, CANCELLED, DELIVERED, FAILED, OPEN_STATES, QUEUED, RANK, SEEN, SENDING, SENT, UNKNOWN

SETTLED = frozenset({UNKNOWN, SENT, FAILED, BOUNCED, DELIVERED, SEEN, CANCELLED})
_FAILURES = (FAILED, BOUNCED)


def fold(deliveries: Iterable[tuple[str, str]]) -> str:
    """Return a message's status from its deliveries' (state, recipient): as far as its least part.

    One part that failed for good fails the message; of recipients all must have failed.
    """
    rows = [(state, recipient) for state, recipient in deliveries if state != CANCELLED]
    if not rows:
        return CANCELLED
    failed = [row for row in rows if row[0] in _FAILURES]
    if failed and (len(failed) == len(rows) or any(not recipient for _, recipient in failed)):
        return FAILED if any(state == FAILED for state, _ in failed) else BOUNCED
    alive = [state for state, _ in rows if state not in _FAILURES]
    least = min(alive, key=lambda state: RANK[state])
    # A part is on its way or done, another still waits: the message is being sent.
    return SENDING if least == QUEUED and any(RANK[state] > RANK[QUEUED] for state, _ in rows) else least


def refold(
    message: Message,
    delivery: Delivery | None,
    *,
    error: str = "",
    folded: str = "",
    at: datetime | None = None,
    **known: Any,
) -> str:
    """Bring a message's row in line with its deliveries, number it once it is settled, and tell receivers.

    To be called in the transaction that changed a delivery. ``known`` are further columns to write, ``folded`` is the
    status where the caller knows that there is one delivery only. Returns the status.
    """
    if folded:
        status = folded
    else:
        # Two deliveries of one message may end at the same moment; each must see what the other wrote.
        _lock(message.pk)
        message.refresh_from_db(fields=["status", "seq", "sent", "delivered", "seen"])
        rows = list(message.deliveries.filter(act="send").values_list("state", "recipient"))
        status = fold(rows) if rows else message.status
    previous = message.status
    values: dict[str, Any] = {**known}
    if status != previous:
        values.update(status=status, **_documented(message, status, at or timezone.now()))
        values["error"] = error if status in (*_FAILURES, UNKNOWN, CANCELLED) else ""
    if message.seq is None and status in SETTLED:
        taken = next_seq(
            channel_id=message.channel_id, chat_id=message.chat_id, message_id=message.pk, at=message.timestamp
        )
        if taken is not None:
            values["seq"] = taken[1]
    if values:
        update_row(message, values)
        for name, value in values.items():
            setattr(message, name, value)
        if "seq" in values:
            live.message_stored(message)
        else:
            live.message_changed(message, *values)
    if status != previous:
        _tell(message, delivery, status, previous)
    return status


def _lock(message_id: str) -> None:
    # Not against rows that name it: an answer that comes in must not wait, nor hold the chat's row meanwhile.
    rows = Message.objects.select_for_update(of=("self",), no_key=True).filter(pk=message_id)
    rows.order_by().values_list("pk").first()


def is_fresh(message: Message, external_id: str) -> bool:
    """Tell whether nothing is known yet of a message's way; of one that waits or is being sent.

    Mail bears its id before it is sent: it is fresh as long as it was sent under that one.
    """
    return (
        message.seq is None
        and message.external_id in (None, external_id)
        and not message.sent
        and message.time_sent is None
        and message.status in (QUEUED, SENDING)
    )


def handed_over(deliveries: Sequence[tuple[Delivery, str | None]], *, at: datetime) -> None:
    """Do for several fresh messages of one delivery each what :func:`refold` does for one: each table in a statement.

    With each comes the platform's id of it. To be called in the transaction that changed the deliveries; no two may be
    of one chat.
    """
    numbers = dict(
        update_rows(
            Chat,
            [
                (delivery.chat_id, delivery.channel_id, delivery.message_id, delivery.message.timestamp)
                for delivery, _ in deliveries
            ],
            match=["id", "channel"],
            change=["last_message", "last_message_at"],
            count_up="last_seq",
            returning=["last_message", "last_seq"],
        )
    )
    update_rows(
        Message,
        [(delivery.message_id, external_id, numbers.get(delivery.message_id)) for delivery, external_id in deliveries],
        match=["id"],
        change=["external_id", "seq"],
        constants={"status": SENT, "sent": True, "time_sent": at, "error": ""},
    )
    for delivery, _ in deliveries:
        live.message_stored(delivery.message, seq=numbers.get(delivery.message_id))
        _tell(delivery.message, delivery, SENT, delivery.message.status)


def _tell(message: Message, delivery: Delivery | None, status: str, previous: str) -> None:
    if signals.message_status_changed.has_listeners(Message):
        jobs.enqueue(
            "status",
            f"{message.pk}:{delivery.pk if delivery else ''}:{status}",
            {"message": message.pk, "delivery": delivery.pk if delivery else None, "previous": previous},
            lane=f"status:{message.chat_id}",
        )


def _documented(message: Message, status: str, now: datetime) -> dict[str, Any]:
    """Return the documented booleans and times that a status implies: who has seen it has got it."""
    values: dict[str, Any] = {}
    for name, reached_by in (("sent", (SENT, DELIVERED, SEEN)), ("delivered", (DELIVERED, SEEN)), ("seen", (SEEN,))):
        if status in reached_by and not getattr(message, name):
            values[name] = True
            values[f"time_{name}"] = getattr(message, f"time_{name}") or now
    return values


def receipt(
    delivery: Delivery,
    status: str,
    *,
    at: datetime | None,
    error: str = "",
    code: str = "",
    details: Mapping[str, Any] | None = None,
) -> bool:
    """Raise a delivery to what the platform reports; False where it was as far already. Idempotent, in any order."""
    if details:
        _keep_details(delivery, details)
    lower = [state for state, rank in RANK.items() if rank < RANK[status]]
    values: dict[str, Any] = {
        "state": status,
        "lease_until": None,
        "next_attempt_at": None,
        "finished_at": timezone.now(),
        # What an earlier failure said is past once it has arrived after all.
        "error": error,
        "error_code": code,
    }
    was_open = delivery.state in OPEN_STATES
    if not Delivery.objects.filter(pk=delivery.pk, state__in=lower).update(**values):
        _note_time(delivery, status, at)
        return False
    if was_open:
        # It was to be sent again: what waited behind it need not wait for the sweep.
        jobs.wake(chat_id=delivery.chat_id)
    delivery.refresh_from_db()
    _lock(delivery.message_id)
    message = Message.objects.get(pk=delivery.message_id)
    known: dict[str, Any] = {}
    if at and status in (SENT, DELIVERED, SEEN) and _is_earlier(message, status, at):
        known[f"time_{status}"] = at
    refold(message, delivery, error=error, at=at, **known)
    return True


def _is_earlier(message: Message, status: str, at: datetime) -> bool:
    known = getattr(message, f"time_{status}")
    return known is None or at < known


def _note_time(delivery: Delivery, status: str, at: datetime | None) -> None:
    """Keep the time of a receipt that came after a later one: a message is delivered before it is seen."""
    if at is None or status not in (SENT, DELIVERED, SEEN):
        return
    message = Message.objects.select_for_update(of=("self",)).get(pk=delivery.message_id)
    if getattr(message, status) and _is_earlier(message, status, at):
        update_row(message, {f"time_{status}": at})


def _keep_details(delivery: Delivery, details: Mapping[str, Any]) -> None:
    row = Delivery.objects.select_for_update(of=("self",)).only("result").get(pk=delivery.pk)
    if any(row.result.get(key) != value for key, value in details.items()):
        Delivery.objects.filter(pk=delivery.pk).update(result={**row.result, **details})
