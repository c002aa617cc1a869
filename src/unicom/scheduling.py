"""Send drafts when their time has come: claimed, written to the outbox and marked as sent in one transaction.

Any number of processes may run this at once. A pass takes what is due in batches, each a transaction of its own: rows
that another process holds are passed over where the database can, and a batch only commits if every draft in it was
still waiting to be sent. A process that is killed has done a batch or has not. A draft that cannot be sent fails with
the reason, and is not tried again until a person says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, OperationalError, connections, router, transaction
from django.db.models import Q
from django.utils import timezone

from unicom import health, media, outbound, quiet_hours
from unicom.adapters import adapter_for
from unicom.errors import InvalidMessage
from unicom.models import Channel, Chat, DraftAttachment, DraftMessage, Message
from unicom.platforms.base import Adapter
from unicom.rows import update_rows

logger = logging.getLogger("unicom")

Status = DraftMessage.Status
BATCH = 100
MAX_CLASHES = 10
OPEN = (Status.DRAFT, Status.SCHEDULED, Status.FAILED)
"""What may still be changed, approved or cancelled."""
TROUBLE = (OperationalError, InterfaceError)


@dataclass(kw_only=True, slots=True)
class Pass:
    """Count what a pass over the due drafts came to."""

    sent: int = 0
    failed: int = 0
    cancelled: int = 0
    postponed: int = 0

    @property
    def total_due(self) -> int:
        """Return how many were dealt with; one that waits for the end of the quiet hours is not due yet."""
        return self.sent + self.failed + self.cancelled

    def count(self, status: str) -> None:
        """Count one draft by what has become of it."""
        name = "postponed" if status == Status.SCHEDULED else status
        setattr(self, name, getattr(self, name) + 1)


def process_scheduled_messages(progress: Callable[[Pass], None] | None = None) -> dict[str, int]:
    """Send every draft that is due; returns ``total_due``, ``sent`` (handed to the outbox) and ``failed``.

    Safe to run in any number of processes at once. ``progress`` is told after each batch. Raises database trouble: what
    was not dealt with is due still.
    """
    passed = run_due(progress)
    return {"total_due": passed.total_due, "sent": passed.sent, "failed": passed.failed}


def run_due(progress: Callable[[Pass], None] | None = None) -> Pass:
    """Send every draft that was due when this began, batch by batch."""
    passed = Pass()
    began = timezone.now()
    clashes = 0
    while True:
        try:
            done = _batch(began)
        except TakenElsewhere:
            clashes += 1
            if clashes > MAX_CLASHES:
                return passed  # others are at work; what they leave is due at the next pass
            continue
        for status in done:
            passed.count(status)
        if done and progress is not None:
            progress(passed)
        if len(done) < BATCH:
            return passed


@dataclass(kw_only=True, slots=True)
class _Outcome:
    """Be what becomes of one draft."""

    draft: DraftMessage
    status: str
    error: str = ""
    message: Message | None = None
    send_at: datetime | None = None
    postponed_from: datetime | None = None


def due(now: datetime) -> Any:
    """Return the drafts that are to be sent, the longest due first."""
    rows = DraftMessage.objects.filter(status=Status.SCHEDULED, is_approved=True, send_at__lte=now)
    return rows.order_by("send_at", "id")


def _batch(now: datetime) -> list[str]:
    """Deal with the next drafts that are due, in one transaction; returns what has become of each."""
    database = router.db_for_write(DraftMessage)
    stored: list[str] = []
    with transaction.atomic(using=database):
        try:
            drafts = list(_locked(due(now).using(database), database)[:BATCH])
            if not drafts:
                return []
            outcomes = _dealt_with(drafts, stored)
            _mark(outcomes)
        except BaseException:
            media.forget(stored)
            raise
    return [outcome.status for outcome in outcomes]


def _locked(drafts: Any, database: str) -> Any:
    if connections[database].features.has_select_for_update_skip_locked:
        return drafts.select_for_update(skip_locked=True, of=("self",))
    return drafts


class TakenElsewhere(Exception):
    """Undo a batch of which another process has taken a draft meanwhile."""


def _mark(outcomes: Sequence[_Outcome]) -> None:
    """Write what has become of the drafts, all of which must still be waiting."""
    now = timezone.now()
    marked = update_rows(
        DraftMessage,
        [
            (
                outcome.draft.pk,
                outcome.status,
                outcome.error,
                outcome.message.pk if outcome.message else None,
                now if outcome.message else None,
                _lateness(outcome, now),
                outcome.send_at or outcome.draft.send_at,
                outcome.postponed_from or outcome.draft.postponed_from,
            )
            for outcome in outcomes
        ],
        match=["id"],
        change=["status", "error", "message", "sent_at", "late_by", "send_at", "postponed_from"],
        status=Status.SCHEDULED,
    )
    if len(marked) != len(outcomes):
        raise TakenElsewhere


def _lateness(outcome: _Outcome, now: datetime) -> timedelta | None:
    if outcome.message is None or outcome.draft.send_at is None:
        return None
    return max(now - outcome.draft.send_at, timedelta(0))


@dataclass(kw_only=True)
class _Surroundings:
    """Hold what the drafts of a batch need, read once for all of them."""

    channels: dict[int, Channel] = field(default_factory=dict)
    unreadable: dict[int, str] = field(default_factory=dict)
    adapters: dict[int, Adapter] = field(default_factory=dict)
    chats: dict[tuple[int, str], Chat] = field(default_factory=dict)
    users: dict[Any, Any] = field(default_factory=dict)
    files: dict[int, list[DraftAttachment]] = field(default_factory=dict)

    @classmethod
    def of(cls, drafts: Collection[DraftMessage]) -> _Surroundings:
        """Read it."""
        found = cls()
        found._read_channels({draft.channel_id for draft in drafts if draft.channel_id is not None})
        places = {(draft.channel_id, draft.chat_id) for draft in drafts if draft.chat_id and draft.channel_id}
        if places:
            ids = {chat_id for _, chat_id in places}
            here = {pk for pk, _ in places}
            known = list(Chat.objects.filter(Q(pk__in=ids) | Q(external_id__in=ids), channel__in=here).order_by())
            for chat in known:
                if chat.external_id is not None:
                    found.chats.setdefault((chat.channel_id, chat.external_id), chat)
            found.chats.update({(chat.channel_id, chat.pk): chat for chat in known})
        users = {draft.created_by_id for draft in drafts if draft.created_by_id is not None}
        found.users = get_user_model()._default_manager.in_bulk(users) if users else {}
        saved = [draft.pk for draft in drafts if not draft._state.adding]
        for row in DraftAttachment.objects.filter(draft__in=saved).order_by("id"):
            found.files.setdefault(row.draft_id, []).append(row)
        return found

    def _read_channels(self, keys: Collection[int]) -> None:
        channels = Channel.objects.filter(pk__in=keys)
        self.channels = {
            channel.pk: channel for channel in health.readable(channels, otherwise=self.unreadable.__setitem__)
        }
        for pk, channel in self.channels.items():
            try:
                self.adapters[pk] = adapter_for(channel)
            except (LookupError, ValidationError):
                continue  # said by the send, in its own words

    def chat(self, draft: DraftMessage) -> Chat | None:
        """Return the chat a draft is for, where it is known already."""
        return self.chats.get((draft.channel_id or 0, draft.chat_id))

    def prepared(self, draft: DraftMessage) -> outbound.Prepared:
        """Read and check a draft as a send; raises InvalidMessage."""
        if draft.channel_id is None:
            raise InvalidMessage({"channel": "required: the one it was for has been deleted"})
        if draft.channel_id in self.unreadable:
            raise InvalidMessage({"channel": self.unreadable[draft.channel_id]})
        return outbound.prepare(
            self.channels[draft.channel_id],
            data_of(draft, self.files.get(draft.pk, ())),
            chat=self.chat(draft),
            user=self.users.get(draft.created_by_id),
            adapter=self.adapters.get(draft.channel_id),
        )


def data_of(draft: DraftMessage, files: Iterable[DraftAttachment]) -> dict[str, Any]:
    """Return a draft as the dict a caller would send."""
    data: dict[str, Any] = {
        key: value
        for key in ("chat_id", "to", "cc", "bcc", "subject", "text", "html", "buttons", "reply_to_message_id")
        if (value := getattr(draft, key))
    }
    data["render_template"] = draft.render_template
    if draft.render_template and draft.render_variables:
        data["render_variables"] = draft.render_variables
    if draft.cancel_on_reply:
        data["cancel_on_reply"] = True
    attached = [media.StoredFile(row.file.name or "", row.name) for row in files]
    if attached:
        data["attachments"] = attached
    return data


def _dealt_with(drafts: Sequence[DraftMessage], stored: list[str]) -> list[_Outcome]:
    around = _Surroundings.of(drafts)
    outcomes: list[_Outcome] = []
    ready: list[tuple[DraftMessage, outbound.Prepared]] = []
    for draft in drafts:
        if early := _not_now(draft, around):
            outcomes.append(early)
            continue
        try:
            ready.append((draft, around.prepared(draft)))
        except InvalidMessage as error:
            outcomes.append(_Outcome(draft=draft, status=Status.FAILED, error=str(error)))
        except DatabaseError:
            raise
        except Exception as error:
            outcomes.append(_unexpected(draft, error))
    return outcomes + _written(ready, stored)


def _not_now(draft: DraftMessage, around: _Surroundings) -> _Outcome | None:
    """Return what becomes of a draft that is due and not to be sent: its recipient has written, or is asleep."""
    chat = around.chat(draft)
    if draft.cancel_on_reply and has_reply(draft, chat):
        return _Outcome(draft=draft, status=Status.CANCELLED, error="the recipient has written since")
    if draft.quiet_from is not None:
        until = quiet_hours.end(draft, chat, timezone.now())
        if until is not None:
            first = draft.postponed_from or draft.send_at
            return _Outcome(draft=draft, status=Status.SCHEDULED, send_at=until, postponed_from=first)
    return None


def has_reply(draft: DraftMessage, chat: Chat | None) -> bool:
    """Tell whether whom a draft is for has written to its channel since it was made."""
    # The times, which have the index, may be those of a platform whose clock is behind.
    recent = Message.objects.filter(channel=draft.channel_id, timestamp__gt=draft.created_at - timedelta(days=1))
    came = recent.filter(is_outgoing=False, created_at__gt=draft.created_at)
    if chat is not None:
        return came.filter(chat=chat).exists()
    return bool(draft.to) and came.filter(sender__external_id__in=draft.to).exists()


def is_overtaken(draft: DraftMessage) -> bool:
    """Tell whether a reply has come that cancels a draft once it is due."""
    return draft.channel_id is not None and has_reply(draft, _Surroundings.of([draft]).chat(draft))


def _written(ready: Sequence[tuple[DraftMessage, outbound.Prepared]], stored: list[str]) -> list[_Outcome]:
    """Write the messages together; where one of them stands in the way, each by itself."""
    if not ready:
        return []
    try:
        messages = outbound.write([prepared for _, prepared in ready], stored)
        return [
            _Outcome(draft=draft, status=Status.SENT, message=message)
            for (draft, _), message in zip(ready, messages, strict=True)
        ]
    except TROUBLE:
        raise
    except Exception as error:
        if len(ready) == 1:
            return [_unexpected(ready[0][0], error)]
    return [outcome for item in ready for outcome in _written([item], stored)]


def _unexpected(draft: DraftMessage, error: Exception) -> _Outcome:
    logger.exception("Draft %s could not be sent.", draft.pk)
    return _Outcome(draft=draft, status=Status.FAILED, error=f"it could not be sent ({type(error).__name__})")


# What a person decides.


def send_now(draft: DraftMessage) -> Message:
    """Hand one draft to the outbox; raises InvalidMessage, and where it failed for its content that is kept on it."""
    error: InvalidMessage | None = None
    with transaction.atomic():
        fresh = DraftMessage.objects.select_for_update(of=("self",)).filter(pk=draft.pk).first()
        if fresh is None:
            raise InvalidMessage({"draft": "it is not saved, or was deleted"})
        _check_sendable(fresh)
        DraftMessage.objects.filter(pk=fresh.pk).update(status=Status.SCHEDULED)
        try:
            outcome = _written([(fresh, _Surroundings.of([fresh]).prepared(fresh))], [])[0]
        except InvalidMessage as problem:
            outcome, error = _Outcome(draft=fresh, status=Status.FAILED, error=str(problem)), problem
        _mark([outcome])
    if not transaction.get_connection().in_atomic_block and outcome.message is not None:
        outcome.message.refresh_from_db()
    draft.refresh_from_db()
    if error is not None:
        raise error
    if outcome.message is None:
        raise InvalidMessage({"draft": outcome.error})
    return outcome.message


def _check_sendable(draft: DraftMessage) -> None:
    problems: dict[str, str] = {}
    if draft.status in (Status.SENT, Status.CANCELLED):
        problems["status"] = f"it was {draft.status} already; make a new draft"
    elif not draft.is_approved:
        problems["is_approved"] = "it is not approved yet"
    if draft.send_at is not None and draft.send_at > timezone.now():
        problems["send_at"] = f"it is sent by itself at {draft.send_at:%Y-%m-%d %H:%M %Z}, not before"
    if problems:
        raise InvalidMessage(problems)


def problems_of(draft: DraftMessage, *, user: Any = None) -> dict[str, str]:
    """Return what stands in the way of sending a draft, as far as can be told now; its files are not looked at."""
    around = _Surroundings.of([draft])
    around.users = {draft.created_by_id: user}
    try:
        around.prepared(draft)
    except InvalidMessage as error:
        return error.problems
    return {}


def approve(draft: DraftMessage) -> bool:
    """Approve a draft that waits for it; with a time it is scheduled. False where it does not wait."""
    draft.is_approved = True
    status = Status.SCHEDULED if draft.send_at else Status.DRAFT
    waiting = DraftMessage.objects.filter(pk=draft.pk, status__in=OPEN).exclude(is_approved=True, status__in=OPEN[:2])
    changed = waiting.update(is_approved=True, status=status, error="")
    draft.refresh_from_db()
    return bool(changed)


def cancel(draft: DraftMessage) -> bool:
    """Cancel a draft that was not handed over; False where it was, or was cancelled already."""
    changed = DraftMessage.objects.filter(pk=draft.pk, status__in=OPEN).update(status=Status.CANCELLED)
    draft.refresh_from_db()
    return bool(changed)


def check_before_saving(draft: DraftMessage, update_fields: Collection[str] | None) -> Collection[str] | None:
    """Bring status, approval and time in line, under a lock on the stored row; returns the fields to save.

    Raises InvalidMessage for a time without a zone, for one that is missing, and once the draft was handed over: what
    was read before that must not make it a draft again.
    """
    given: Any = draft.send_at
    try:
        draft.send_at = DraftMessage._meta.get_field("send_at").to_python(given)
    except (ValidationError, TypeError):
        raise InvalidMessage({"send_at": f"{given!r} is not a date and time"}) from None
    if draft.send_at is not None and timezone.is_naive(draft.send_at) and timezone.is_aware(timezone.now()):
        example = "timezone.now() + timedelta(hours=1)"
        raise InvalidMessage({"send_at": f"{draft.send_at!s} has no time zone; give an aware datetime, as {example}"})
    stored = None
    if not draft._state.adding:
        rows = DraftMessage.objects.select_for_update(of=("self",)).filter(pk=draft.pk)
        stored = rows.values_list("status", "send_at").first()
        if stored is not None and stored[0] == Status.SENT:
            raise InvalidMessage({"status": "it was sent already; make a new draft"})
    before = (draft.status, draft.postponed_from)
    if draft.status in (Status.DRAFT, Status.SCHEDULED):
        wanted = draft.is_approved and (draft.send_at is not None or draft.status == Status.SCHEDULED)
        draft.status = Status.SCHEDULED if wanted else Status.DRAFT
    if draft.status == Status.SCHEDULED and draft.send_at is None:
        raise InvalidMessage({"send_at": "required: a scheduled draft needs its time"})
    if stored is not None and stored[1] != draft.send_at:
        draft.postponed_from = None
    if update_fields is None or (draft.status, draft.postponed_from) == before:
        return update_fields
    return {*update_fields, "status", "postponed_from"}
