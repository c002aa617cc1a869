"""Deliver what is queued: claim, deliver, record. Nothing else calls Adapter.deliver.

A claim is a short transaction of its own; the call to the platform happens outside any; its outcome is recorded under
the claim's fence. A worker that dies in between leaves a lease that runs out, and :func:`recover` settles the row:
where the platform would not notice a repeat it becomes ``unknown`` and waits for a person, else it is queued again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, router, transaction
from django.utils import timezone

from unicom import buttons, health, jobs, pacing, statuses, suppressions, windows
from unicom.adapters import adapter_for
from unicom.claiming import QUEUE, claim
from unicom.cleaning import clean
from unicom.errors import DeliveryError, InvalidConfig, UnknownPlatform
from unicom.jobs import backoff
from unicom.leases import MAX_CRASHES
from unicom.models import Channel, Chat, Delivery, Message
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter
from unicom.rows import update_row, update_rows
from unicom.types import BOUNCED, CANCELLED, FAILED, QUEUED, SENDING, SENT, SURPLUS, UNKNOWN, DeliveryResult, Part

logger = logging.getLogger("unicom")

LATE, ANSWERED = "late", "answered"
TORN = "an earlier part failed"
"""Why the parts after one that failed are cancelled; sending that one again brings them back."""
HOLD = timedelta(minutes=15)
"""How long a delivery that keeps failing may hold its chat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Be what came of one delivery: a result, or the error that stands for it."""

    result: DeliveryResult | None = None
    error: DeliveryError | None = None


def run_chat(chat_id: str) -> int:
    """Deliver a chat's due messages in order, until none is left or one has to wait; returns the number of calls."""
    made = 0
    QUEUE.promote(chat_id)
    while claimed := claim(1, chat_id=chat_id) or (not made and _recovered(chat_id) and claim(1, chat_id=chat_id)):
        # A message committed while this one was under way is found by the next look.
        for delivery in claimed:
            with QUEUE.kept(delivery):
                record_many([(delivery, deliver(delivery))])
            made += 1
    return made


def _recovered(chat_id: str) -> int:
    # Where no worker sweeps, a process that was killed must not have silenced the chat for ever.
    return QUEUE.recover(_settle_lost, chat_id=chat_id)


def deliver(delivery: Delivery) -> Outcome:
    """Make the platform's call for a claimed delivery, outside any transaction; a platform's errors are outcomes."""
    try:
        adapter = adapter_for(delivery.channel)
    except (InvalidConfig, UnknownPlatform) as error:
        return Outcome(error=DeliveryError(str(error), channel_down=True, code="config"))
    with contextlib.closing(adapter):
        try:
            part = complete(delivery, adapter)
            if not QUEUE.is_held(delivery):
                return Outcome(error=DeliveryError("its lease ran out before it was sent", code=LATE))
            if pacing.is_late(delivery):
                return Outcome(error=DeliveryError("it missed its slot", retryable=True, code=LATE))
            return Outcome(result=adapter.deliver(part))
        except DeliveryError as error:
            error.reason = clean(adapter.redact(error.reason))
            return Outcome(error=error)
        except Exception as error:
            # An adapter's bug: the call may have been made, so it must not be repeated blindly.
            logger.exception("Delivering %s failed unexpectedly.", delivery.pk)
            reason = adapter.redact(f"{type(error).__name__}: {error}")
            return Outcome(error=DeliveryError(reason, ambiguous=not adapter.is_local, code="bug"))


def complete(delivery: Delivery, adapter: Adapter) -> Part:
    """Return the delivery's part with what is known only now; raises DeliveryError where it has become pointless."""
    message = delivery.message
    suppressed: str = delivery.suppressed  # type: ignore[attr-defined]
    if suppressed and not adapter.is_local:
        raise DeliveryError(f"not sent: {suppressed}", code="suppressed")
    part = Part.from_json(delivery.payload)
    is_free = adapter.window is not None and delivery.act == "send" and "template" not in part.options
    if is_free and not windows.is_open(delivery.chat):
        # It was open when the message was queued, and has closed while it waited.
        raise DeliveryError(windows.closed_sentence(type(adapter), delivery.chat, []), code="window")
    if part.unless_answered and answered_since(message):
        raise DeliveryError("not sent: a reply came first", code=ANSWERED)
    reply_to = target = ""
    if delivery.act == "send" and message.reply_to_message_id and delivery.part == 0:
        known: str | None = delivery.answered_external_id  # type: ignore[attr-defined]
        reply_to = known or (message.reply_to_message_id if adapter.is_local else "")
    elif delivery.act != "send":
        target = _target(delivery, part) or (message.pk if adapter.is_local else "")
        if not target:
            raise DeliveryError("the message it is about was never delivered", code="no_target")
    return part.at(
        delivery_id=str(delivery.pk),
        chat=delivery.chat.external_id or delivery.chat_id,
        reply_to=reply_to,
        target=target,
    )


def answered_since(message: Message) -> bool:
    """Tell whether somebody has written in a message's chat since it was queued."""
    # Ids rise with our clock; the times, which have the index, may be those of a platform whose clock is behind.
    recent = Message.objects.filter(chat=message.chat_id, timestamp__gt=message.timestamp - timedelta(days=1))
    return recent.filter(is_outgoing=False, id__gt=message.pk).exists()


def _target(delivery: Delivery, part: Part) -> str:
    """Return the external id an act is about: of several parts the first has the text, the last the buttons."""
    if delivery.act == "delete":
        sent = delivery.message.deliveries.filter(act="send", part=delivery.part, external_id__isnull=False).first()
        paths = [item["path"] for item in sent.payload.get("files", ())] if sent else []
        album = delivery.message.attachments.filter(file__in=paths, external_id__isnull=False)
        items = list(album.values_list("external_id", flat=True))
        return " ".join(filter(None, items)) or (sent.external_id if sent else "") or ""
    if delivery.act == "edit" and not (part.text or part.html or part.file):
        gone = delivery.message.deliveries.filter(act="delete", state=SENT).values("part")
        there = delivery.message.deliveries.filter(act="send", external_id__isnull=False).exclude(part__in=gone)
        last = there.order_by("-part").first()
        return (last.external_id if last else "") or ""
    external_id = Message.objects.filter(pk=delivery.message_id).values_list("external_id", flat=True).first()
    return external_id or ""


def record(delivery: Delivery, outcome: Outcome) -> bool:
    """Write what came of a delivery, under its fence; False where the lease was lost: then only a success is kept."""
    with transaction.atomic(using=router.db_for_write(Delivery), durable=True):
        return _record(delivery, outcome)


def record_many(outcomes: Sequence[tuple[Delivery, Outcome]]) -> None:
    """Write several outcomes in one transaction; where one stands in the way, each in its own."""
    if len(outcomes) > 1:
        try:
            with transaction.atomic(using=router.db_for_write(Delivery), durable=True):
                # In one order everywhere, so that two workers never wait for each other's chats.
                for delivery, outcome in _record_plain(sorted(outcomes, key=lambda pair: pair[0].chat_id)):
                    _record(delivery, outcome)
            return
        except DatabaseError:
            logger.debug("Outcomes could not be written together.", exc_info=True)
    for delivery, outcome in outcomes:
        try:
            record(delivery, outcome)
        except (OperationalError, InterfaceError):
            raise  # the database is in trouble: all of it is tried again
        except DatabaseError:
            logger.exception("The outcome of delivery %s cannot be written.", delivery.pk)
            with transaction.atomic(using=router.db_for_write(Delivery), durable=True):
                _settle(delivery, UNKNOWN, "what came of it could not be written; it may have arrived", "unwritable")
                QUEUE.promote(delivery.chat_id)


def _record_plain(outcomes: Sequence[tuple[Delivery, Outcome]]) -> list[tuple[Delivery, Outcome]]:
    """Write those that are nothing but a message handed over, each table in one statement; returns the others."""
    plain = {
        delivery.pk: (delivery, outcome.result)
        for delivery, outcome in outcomes
        if outcome.result is not None and _is_plain(delivery, outcome.result)
    }
    if len(plain) < 2:
        return list(outcomes)
    now = timezone.now()
    written = update_rows(
        Delivery,
        [
            (pk, delivery.fence, result.external_id or None, clean(dict(result.raw)))
            for pk, (delivery, result) in plain.items()
        ],
        match=["id", "fence"],
        change=["external_id", "result"],
        constants={
            "state": SENT, "time_sent": now, "finished_at": now, "lease_until": None, "error": "", "error_code": "",
        },
        returning=["id"],
        state=SENDING,
    )  # fmt: skip
    ours = [plain[pk] for (pk,) in written]
    if ours:
        statuses.handed_over([(delivery, result.external_id or None) for delivery, result in ours], at=now)
        pacing.spent(*(delivery for delivery, _ in ours))
        QUEUE.promote(*(delivery.chat_id for delivery, _ in ours))
    done = {delivery.pk for delivery, _ in ours}
    return [(delivery, outcome) for delivery, outcome in outcomes if delivery.pk not in done]


def _is_plain(delivery: Delivery, result: DeliveryResult) -> bool:
    return (
        result.status == SENT
        and not result.also
        and delivery.act == "send"
        and statuses.is_fresh(delivery.message, result.external_id)
        and not getattr(delivery, "has_siblings", True)
        and not result.follow_up
    )


def _record(delivery: Delivery, outcome: Outcome) -> bool:
    if outcome.result is not None:
        written = _delivered(delivery, outcome.result)
    else:
        assert outcome.error is not None  # noqa: S101  one of the two
        written = _not_delivered(delivery, outcome.error)
    QUEUE.promote(delivery.chat_id)
    return written


def _delivered(delivery: Delivery, result: DeliveryResult) -> bool:
    now = timezone.now()
    values: dict[str, Any] = {
        "state": result.status,
        "external_id": result.external_id or None,
        "result": clean(dict(result.raw)),
        "time_sent": now,
        "finished_at": now,
        "lease_until": None,
        "error": "",
        "error_code": "",
    }
    # A copy: should this transaction be rolled back, the next try must start from what the claim has read.
    message = copy(delivery.message)
    written = update_row(delivery, values, fence=delivery.fence, state=SENDING)
    if not written:
        # Somebody thought us dead and called it unknown, or it is to be sent again: we know better.
        if not any(update_row(delivery, values, state=state) for state in (UNKNOWN, QUEUED, CANCELLED)):
            logger.warning("Delivery %s was sent by a worker that had lost its lease.", delivery.pk)
            return False
        message.refresh_from_db()
    # Under the lease nobody else writes the message's delivery columns: what the claim read still holds.
    delivery.state, delivery.external_id = result.status, values["external_id"]
    known: dict[str, Any] = {}
    if _names_message(delivery) and message.external_id is None and result.external_id:
        known["external_id"] = result.external_id
    if result.also:
        _name_items(message, delivery.payload, (result.external_id, *result.also))
    if delivery.act == "edit":
        message.refresh_from_db(fields=["raw", "status"])
        known.update(_edited(message, delivery.payload))
    elif delivery.act == "delete" and not delivery.payload.get("options", {}).get(SURPLUS):
        known["deleted_at"] = now
    if delivery.act in ("send", "edit"):
        pacing.spent(delivery)
    if result.follow_up:
        jobs.enqueue("follow_up", str(delivery.message_id), {"delivery": delivery.pk})
    alone = written and delivery.act == "send" and not getattr(delivery, "has_siblings", True)
    statuses.refold(message, delivery, folded=result.status if alone else "", **known)
    return written


def _name_items(message: Message, payload: dict[str, Any], external_ids: Sequence[str]) -> None:
    """Keep what the platform calls each item of an album, so that what is said of one is said of the message."""
    paths = [item["path"] for item in payload.get("files", ())]
    for path, external_id in zip(paths, external_ids, strict=False):
        message.attachments.filter(file=path).update(external_id=external_id)


def _names_message(delivery: Delivery) -> bool:
    """Tell whether the platform's id of a delivery is the message's too: the first part's is, or any recipient's."""
    return delivery.act == "send" and (delivery.part == 0 or bool(delivery.recipient))


def _edited(message: Message, payload: dict[str, Any]) -> dict[str, Any]:
    part = Part.from_json(payload)
    raw = dict(message.raw)
    raw["interactive_buttons"] = buttons.as_stored(part.buttons)
    if not raw["interactive_buttons"]:
        del raw["interactive_buttons"]
    changed: dict[str, Any] = {"edited_at": timezone.now(), "raw": raw}
    if "text" in payload or "html" in payload:
        changed.update(text=part.text, html=part.html)
    if part.file is not None:
        changed.update(media=part.file.path, media_type=part.file.kind)
        replaced = message.attachments.exclude(file=part.file.path).order_by("pk").first()
        if replaced is not None:
            replaced.delete()
    return changed


def _not_delivered(delivery: Delivery, error: DeliveryError) -> bool:
    now = timezone.now()
    if error.code == LATE:
        return QUEUE.give_back(delivery, now, attempts=max(delivery.attempts - 1, 0))
    if error.code == ANSWERED:
        return _settle(delivery, CANCELLED, error.reason, error.code)
    if error.channel_down:
        health.channel_down(delivery.channel_id, error.reason)
        return QUEUE.give_back(
            delivery,
            now,
            attempts=max(delivery.attempts - 1, 0),
            first_attempt_at=None,
            error=error.reason,
            error_code=error.code,
        )
    if error.suppress:
        suppressions.suppress(delivery, error.suppress, error.suppress_scope)
    if error.moved_to:
        if delivery.attempts > 3 or not _moved(delivery.chat_id, error.moved_to):
            return _settle(delivery, FAILED, f"{error.reason} (the conversation goes on in another chat)", error.code)
        return QUEUE.give_back(delivery, now, error=error.reason, error_code=error.code)
    if error.ambiguous and not _may_repeat(delivery):
        return _settle(delivery, _unknown_state(delivery), error.reason, error.code)
    if error.retryable or error.ambiguous:
        began: datetime | None = delivery.first_attempt_at or now
        wait = error.retry_after if error.retry_after is not None else backoff(delivery.attempts)
        if error.retry_after is not None:
            pacing.refused(delivery, error.retry_after)
        if error.retry_after is not None or (began and now + wait - began <= HOLD):
            # Waiting because we were told to is no failure: the time a failing message may take begins anew.
            began = None if error.retry_after is not None else began
            return QUEUE.give_back(
                delivery, now + wait, first_attempt_at=began, error=error.reason, error_code=error.code
            )
        return _settle(delivery, FAILED, f"{error.reason} (given up after {HOLD.seconds // 60} minutes)", error.code)
    if error.notes:
        _note(delivery.message_id, error.notes)
    return _settle(delivery, BOUNCED if error.bounced else FAILED, error.reason, error.code)


def _note(message_id: str, notes: Mapping[str, Any]) -> None:
    message = Message.objects.select_for_update(of=("self",)).get(pk=message_id)
    message.raw = {**message.raw, **clean(dict(notes))}
    message.save(update_fields=["raw"])


def _moved(chat_id: str, external_id: str) -> bool:
    """Give a chat its new id on the platform; False where another chat has it, be it since this moment."""
    try:
        with transaction.atomic(using=router.db_for_write(Chat)):
            Chat.objects.filter(pk=chat_id).update(external_id=external_id)
    except IntegrityError:
        return False
    return True


def _may_repeat(delivery: Delivery) -> bool:
    try:
        adapter = adapter_class(delivery.channel.platform)
    except UnknownPlatform:
        return False
    return (
        adapter.safe_to_repeat
        or adapter.is_local
        or delivery.act in ("edit", "delete", "read")  # doing these twice changes nothing
        or _on_unknown(delivery.channel) == "resend"
    )


def _on_unknown(channel: Channel) -> str:
    return str(channel.config.get("ON_UNKNOWN", "ask")) if isinstance(channel.config, dict) else "ask"


def _unknown_state(delivery: Delivery) -> str:
    return FAILED if _on_unknown(delivery.channel) == "give_up" else UNKNOWN


def _settle(delivery: Delivery, state: str, reason: str, code: str = "") -> bool:
    """Write an end that is not a success, and what follows for the message."""
    written = QUEUE.mine(delivery).update(
        state=state,
        error=reason,
        error_code=code,
        finished_at=timezone.now(),
        lease_until=None,
        next_attempt_at=None,
    )
    if written:
        message = copy(delivery.message)
        message.refresh_from_db(fields=["status", "seq", "sent", "delivered", "seen"])
        if delivery.act == "edit" and state == FAILED and delivery.payload.get("file"):
            message.attachments.filter(file=delivery.payload["file"]["path"]).delete()  # it took no file's place
        if delivery.act == "send":
            if state in (FAILED, CANCELLED):
                # The parts after one that failed would arrive as a torn message.
                message.deliveries.filter(
                    act="send", state=QUEUED, part__gt=delivery.part, recipient=delivery.recipient
                ).update(state=CANCELLED, finished_at=timezone.now(), error=TORN)
            statuses.refold(message, delivery, error=reason)
    return bool(written)


def recover() -> int:
    """Settle deliveries whose worker died in the middle; returns how many."""
    return QUEUE.recover(_settle_lost)


def _settle_lost(delivery: Delivery) -> None:
    reason = "the worker died while it was being sent; it may have arrived"
    with transaction.atomic(using=router.db_for_write(Delivery)):
        if not _may_repeat(delivery):
            _settle(delivery, _unknown_state(delivery), reason, "worker_died")
        elif delivery.crashes >= MAX_CRASHES:
            _settle(delivery, FAILED, f"parked: its worker died {delivery.crashes} times while sending it", "parked")
        else:
            QUEUE.give_back(delivery, timezone.now(), error=reason, error_code="worker_died")
        QUEUE.promote(delivery.chat_id)


__all__ = [
    "HOLD", "LATE", "QUEUE", "TORN", "Outcome", "claim", "complete", "deliver", "record", "record_many", "recover",
    "run_chat",
]  # fmt: skip
