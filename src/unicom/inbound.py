"""Take in what platforms tell us: account, chat, message, request, status and job, in one transaction. The only writer.

The duplicate test is a unique row written with the effect. Each event has a savepoint of its own, so a bad one costs no
good one; what cannot be read is kept as a dead letter. Database trouble is raised, so that the platform tries again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone

from unicom import (
    albums,
    arrivals,
    buttons,
    dead_letters,
    idempotency,
    identities,
    inline_images,
    jobs,
    live,
    media,
    message_reactions,
    moving,
    platform_templates,
    receipts,
    suppressions,
    threads,
    windows,
)
from unicom.adapters import adapter_for
from unicom.cleaning import clean, is_clean
from unicom.errors import AnomalousPayload, Expired, NotAccessible
from unicom.ids import bounded, uuid7
from unicom.models import (
    Account,
    AccountChat,
    Attachment,
    Channel,
    Chat,
    InboundReceipt,
    Message,
    MessageInlineImage,
    Request,
)
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter
from unicom.rows import give_back_seq, insert_if_absent, next_seq
from unicom.types import (
    SENT,
    ButtonClicked,
    ContactChanged,
    ContactSeen,
    Conversation,
    ConversationMoved,
    IdentityChanged,
    InboundEvent,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    PlatformTemplateChanged,
    ReactionChanged,
    ReactionsCounted,
    StatusChanged,
    WindowOpened,
)

logger = logging.getLogger("unicom")

# What says nothing about the payload: the platform shall come again.
TROUBLE = (OperationalError, InterfaceError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingested:
    """Be what became of one event."""

    event: InboundEvent
    message: Message | None = None
    is_duplicate: bool = False
    is_unused: bool = False
    """Nothing came of it, though it is in order; its raw form is kept."""


def take_in(channel: Channel, adapter: Adapter, body: bytes) -> None:
    """Store what an authenticated webhook brought; returns once it is committed.

    What cannot be read, or what our own code fails on, becomes a dead letter. Raises database trouble, with nothing
    stored. Idempotent as far as the platform names its events.
    """
    try:
        payload = read_json(body)
        items = adapter.items(payload)
    except Exception as error:
        with transaction.atomic():
            dead_letters.keep(channel, body, error=_reason(adapter, error))
        return
    # All of a payload or nothing of it; of a single item its own transaction is enough.
    with transaction.atomic() if len(items) > 1 else nullcontext():
        for item in items:
            _store_or_keep(channel, adapter, item, body if len(items) == 1 else json.dumps(item).encode())


def _store_or_keep(channel: Channel, adapter: Adapter, item: Any, original: bytes) -> None:
    try:
        with transaction.atomic():
            store_item(channel, adapter, item, original)
    except TROUBLE:
        raise
    except Exception as error:
        if not isinstance(error, AnomalousPayload):
            logger.exception("An update of channel %s could not be stored.", channel.pk)
        with transaction.atomic():
            dead_letters.keep(channel, original, error=_reason(adapter, error))


def read_json(body: bytes) -> Any:
    """Return the JSON in ``body``; raises ValueError for anything else, NaN and Infinity included."""

    def refuse(word: str) -> Any:
        raise AnomalousPayload(f"{word} is not JSON.")

    return json.loads(body, parse_constant=refuse)


def _reason(adapter: Adapter, error: Exception) -> str:
    return adapter.redact(clean(f"{type(error).__name__}: {error}"))[:2000]


def store_item(channel: Channel, adapter: Adapter, item: Any, original: bytes) -> list[Ingested]:
    """Store one item of a payload; what is known and unused, or had to be cleaned, is kept raw beside it."""
    stored = not is_clean(item)
    events = adapter.parse(clean(item))
    found = [record(channel, event) for event in events]
    if stored or not events or any(part.is_unused for part in found):
        dead_letters.keep_unused(channel, original)
    return found


def ingest(channel: Channel, events: list[InboundEvent], *, known: AccountChat | None = None) -> list[Ingested]:
    """Store events that were parsed already, all or none; raises what goes wrong. Used where no webhook stands between.

    ``known`` is the sender's part in the chat, where the caller has just looked it up.
    """
    with transaction.atomic():
        stored = []
        for event in events:
            with transaction.atomic():
                stored.append(record(channel, event, known=known))
        return stored


def receive(channel: Channel, payload: Mapping[str, Any]) -> Message | None:
    """Take in one payload in the platform's format, from our own code; returns its message, also for a repeat.

    Raises AnomalousPayload for one that cannot be read, with nothing stored.
    """
    adapter = adapter_for(channel)
    try:
        plain = json.loads(json.dumps(payload, cls=DjangoJSONEncoder, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise AnomalousPayload(f"The payload cannot be written as JSON ({error}).") from None
    stored = ingest(channel, adapter.parse(clean(plain)))
    return next((item.message for item in stored if item.message is not None), None)


def record(channel: Channel, event: InboundEvent, *, known: AccountChat | None = None) -> Ingested:
    """Store one event and write the job of its receivers; must run in a transaction."""
    handler = _HANDLERS.get(type(event))
    if handler is None:
        raise TypeError(f"{type(event).__name__} is not an event this version knows.")
    _check_lengths(event)
    if event.key and not insert_if_absent(InboundReceipt(channel=channel, key=bounded(event.key))):
        return Ingested(event=event, is_duplicate=True, message=_earlier(channel, event))
    event = identities.settled(channel, event)
    if isinstance(event, MessageReceived):
        return _message_received(channel, event, known)
    return handler(channel, event)


def _check_lengths(event: InboundEvent) -> None:
    # SQLite would take them, PostgreSQL would not; an id that is cut names nothing.
    place: Conversation | None = getattr(event, "conversation", None)
    for name, value, most in (
        ("chat", (place and place.external_id) or "", 255),
        ("chat_id", (place and place.chat_id) or "", 300),
        ("id", getattr(event, "external_id", ""), 512),
    ):
        if len(value) > most:
            raise AnomalousPayload(f"{name}: {value[:40]!r}… has {len(value):,} characters; at most {most} are kept.")


def _earlier(channel: Channel, event: InboundEvent) -> Message | None:
    external_id = getattr(event, "external_id", "")
    if not isinstance(event, MessageReceived) or not external_id:
        return None
    if event.fallback_id:
        return Message.objects.filter(pk=threads.look_up(channel, event).earlier).first()
    return Message.objects.filter(channel=channel, external_id=external_id).first()


def _message_received(
    channel: Channel, event: MessageReceived, known: AccountChat | None = None, *, edit: MessageEdited | None = None
) -> Ingested:
    """Store what was written; with ``edit`` it is the message as an edit has it whose first form did not come yet."""
    message_id = uuid7()
    account_id = arrivals.account_id(channel, event.sender)
    if event.idempotency_key:
        earlier = idempotency.claim(channel, account_id, event.idempotency_key, message_id, None)
        if earlier is not None:
            return Ingested(event=event, message=earlier, is_duplicate=True)
    if event.album:
        joined = albums.join(channel, event)
        if joined is not None:
            return Ingested(event=event, message=joined)
    place, now = event.conversation, timezone.now()
    begun = ""
    if place.is_thread or event.fallback_id:
        named = threads.look_up(channel, event)
        event = named.event
        if named.earlier:
            earlier = Message.objects.get(pk=named.earlier)
            return Ingested(event=event, message=earlier, is_duplicate=True)
        if place.is_thread:
            place = Conversation(chat_id=threads.find(channel, named))
            begun = "" if place.chat_id else threads.begin(channel, event, message_id, now)
    chat_id, seq = (begun, 1) if begun else _number(channel, place, message_id, now)
    account, has_categories, is_known = arrivals.sender(channel, event, chat_id, known)
    if is_known and edit is not None:
        # It, or another edit of it, was stored while this one waited for the chat.
        give_back_seq(chat_id)
        return _message_edited(channel, edit)
    edited = arrivals.edited_before(channel, event) if is_known else None
    files = [arrivals.Arrived.of(item) for item in event.files]
    try:
        if edited is not None:
            give_back_seq(chat_id)
            arrivals.complete(edited, event, files)
            live.message_changed(edited)
            return Ingested(event=event, message=edited, is_duplicate=True)
        edited_at = (edit.timestamp or now) if edit is not None else None
        return _write_message(
            channel, event, message_id, chat_id, seq, account, files, has_categories=has_categories, edited_at=edited_at
        )
    except BaseException:
        media.forget(item.path for item in files if item.path)
        raise


def _number(channel: Channel, place: Conversation, message_id: str | None, now: Any) -> tuple[str, int]:
    taken = next_seq(
        channel_id=channel.pk, chat_id=place.chat_id, external_id=place.external_id, message_id=message_id, at=now
    )
    if taken is None and (place.is_new or not place.chat_id):
        chat_id = arrivals.open_chat(channel, place)
        taken = next_seq(
            channel_id=channel.pk, chat_id=place.chat_id, external_id=place.external_id, message_id=message_id, at=now
        ) or next_seq(channel_id=channel.pk, chat_id=chat_id, message_id=message_id, at=now)
        # The last by our key: a conversation that moved has another id by now, and this was written before.
    if taken is None:
        raise NotAccessible(f"{place.chat_id!r} is not a chat of channel {channel.name!r}.")
    return taken


def _write_message(
    channel: Channel,
    event: MessageReceived,
    message_id: str,
    chat_id: str,
    seq: int,
    account: Account,
    files: list[arrivals.Arrived],
    *,
    has_categories: bool,
    edited_at: datetime | None,
) -> Ingested:
    first = next((item for item in files if item.path and not item.source.content_id), None)
    message = Message(
        id=message_id,
        external_id=event.external_id or None,
        channel=channel,
        platform=channel.platform,
        chat_id=chat_id,
        seq=seq,
        sender=account,
        sender_name=event.sender.name or account.name,
        is_outgoing=None if event.is_service else event.is_echo,
        reply_to_message_id=arrivals.find_message(channel, chat_id, event.reply_to) if event.reply_to else None,
        text=event.text,
        html=event.html,
        subject=event.subject,
        to=list(event.to),
        cc=list(event.cc),
        bcc=list(event.bcc),
        imap_uid=event.number,
        media_type=event.media_type,
        media=first.path if first else "",
        album=event.album,
        raw={**event.raw, "album": [albums.item_of(event)]} if event.album else dict(event.raw),
        timestamp=event.timestamp or timezone.now(),
        edited_at=edited_at,
        **_sent_at(event),
    )
    images: list[MessageInlineImage] = []
    if any(item.source.content_id for item in files):
        images, files = inline_images.prepare(message, files)
    message.save(force_insert=True)
    if images:
        MessageInlineImage.objects.bulk_create(images)
    if event.conversation.is_thread:
        threads.remember(channel, chat_id, event)
    files_wait = arrivals.write_attachments(channel, message, files, event.external_id if event.album else "")
    if not (event.is_service or event.is_echo):
        windows.opened(adapter_class(channel.platform), chat_id, event.timestamp)
    live.message_stored(message)
    if event.is_service:
        # The one moment at which a chat's name may have changed.
        Chat.objects.filter(pk=chat_id).exclude(name=event.conversation.name).update(name=event.conversation.name)
        jobs.enqueue("service", message.pk, {"message": message.pk}, lane=f"chat:{chat_id}")
    request: Request | None = None
    if event.automatic and not account.blocked:
        # Told, but nobody's request: what a machine wrote must not be answered by another one.
        jobs.enqueue("message", message.pk, {"message": message.pk}, lane=f"chat:{chat_id}")
    silent = account.blocked or event.is_service or event.is_echo or event.is_click or bool(event.automatic)
    if not silent and not _clicked_by_number(channel, message, account):
        request = Request.objects.create(
            message=message,
            channel=channel,
            chat_id=chat_id,
            account=account,
            member_id=None if event.is_unproven else account.member_id,
            status=Request.Status.PENDING if has_categories else Request.Status.QUEUED,
        )
        args = {"message": message.pk, "request": request.pk, **({"files": True} if files_wait else {})}
        delay = albums.DELAY if event.album else None
        if isinstance(channel.config, dict) and channel.config.get("SHOW_TYPING") is True:
            jobs.enqueue("typing", message.pk, {"message": message.pk})
        jobs.enqueue("message", message.pk, args, lane=f"chat:{chat_id}", delay=delay)
    return Ingested(event=event, message=message)


def _sent_at(event: MessageReceived) -> dict[str, Any]:
    """Return what is known of an echo's way: it was sent."""
    return {"status": SENT, "sent": True, "time_sent": event.timestamp or timezone.now()} if event.is_echo else {}


def _known(channel: Channel, external_id: str) -> Message | None:
    """Return a message by the platform's id of it, or of an item of the album it is, locked."""
    locked = Message.objects.select_for_update(of=("self",)).filter(channel=channel)
    item = Q(pk__in=Attachment.objects.filter(external_id=external_id).values("message"))
    return locked.filter(external_id=external_id).first() or locked.filter(item).first()


def _clicked_by_number(channel: Channel, message: Message, account: Account) -> bool:
    """Take a typed number as a click, where the last message we sent here offered numbered choices."""
    typed = message.text.strip().rstrip(".)")
    adapter = adapter_class(channel.platform)
    if not adapter.numbers_buttons or not (typed.isascii() and typed.isdigit() and len(typed) <= 3):
        return False
    last = Message.objects.filter(chat=message.chat_id, is_outgoing=True).exclude(seq=None).order_by("-seq").first()
    choices = adapter.numbered_choices(last.raw.get("interactive_buttons") or []) if last is not None else []
    if not 1 <= int(typed) <= len(choices):
        return False
    try:
        click(channel, account, choices[int(typed) - 1], chat_id=message.chat_id)
    except (NotAccessible, PermissionError):
        return False
    return True


def _message_edited(channel: Channel, event: MessageEdited) -> Ingested:
    message = _known(channel, event.external_id)
    if message is None:
        # Its first form did not come, or not yet: what it says now is what there is to keep.
        stand_in = MessageReceived(
            conversation=event.conversation,
            sender=event.sender,
            external_id=event.external_id,
            text=event.text,
            html=event.html,
            timestamp=event.timestamp,
            raw=event.raw,
        )
        return _message_received(channel, stand_in, edit=event)
    previous, original = message.text, message.raw
    text = albums.edited(message, event.external_id, event.text)
    if (text, event.html) == (message.text, message.html):
        return Ingested(event=event, message=message)
    now = event.timestamp or timezone.now()
    if message.edited_at is not None and now < message.edited_at:
        return Ingested(event=event, message=message, is_duplicate=True)  # an older edit that came late
    history = [*original.get("edits", []), {"text": previous, "html": message.html, "until": now.isoformat()}]
    message.text, message.html, message.edited_at = text, event.html, now
    message.raw = {**message.raw, "edits": history}
    message.save(update_fields=["text", "html", "edited_at", "raw"])
    live.message_changed(message)
    jobs.enqueue(
        "edited",
        f"{message.pk}:{uuid7()}",
        {"message": message.pk, "previous": previous},
        lane=f"chat:{message.chat_id}",
    )
    return Ingested(event=event, message=message)


def _message_deleted(channel: Channel, event: MessageDeleted) -> Ingested:
    for external_id in event.external_ids:
        message = _known(channel, external_id)
        if message is not None and message.deleted_at is None:
            message.deleted_at = event.timestamp or timezone.now()
            message.save(update_fields=["deleted_at"])
            live.message_changed(message, "deleted_at")
            jobs.enqueue("deleted", message.pk, {"message": message.pk}, lane=f"chat:{message.chat_id}")
    return Ingested(event=event)


def _reaction_changed(channel: Channel, event: ReactionChanged) -> Ingested:
    return Ingested(event=event, message=message_reactions.change(channel, event))


def _reactions_counted(channel: Channel, event: ReactionsCounted) -> Ingested:
    return Ingested(event=event, message=message_reactions.count(channel, event))


def _button_clicked(channel: Channel, event: ButtonClicked) -> Ingested:
    chat_id: str | None = None
    if event.conversation is not None:
        where = (
            {"pk": event.conversation.chat_id}
            if event.conversation.chat_id
            else {"external_id": event.conversation.external_id}
        )
        chat_id = Chat.objects.filter(channel=channel, **where).values_list("pk", flat=True).first() or ""
    account = arrivals.account(channel, event.sender, chat_id or "")
    if chat_id:
        windows.opened(adapter_class(channel.platform), chat_id, event.timestamp)
    text = ""
    try:
        execution_id = event.execution_id or buttons.execution_id_of(event.token)
        click(channel, account, execution_id, chat_id=chat_id)
    except (NotAccessible, PermissionError) as refusal:
        # Expired, forged or foreign: nothing happens, and whoever clicked is told.
        text = str(refusal) if isinstance(refusal, Expired) else "This button cannot be used."
    if event.click_id:
        jobs.enqueue(
            "answer_click",
            f"{channel.pk}:{event.click_id}",
            {"channel": channel.pk, "click_id": event.click_id, "text": text},
        )
    return Ingested(event=event)


def click(channel: Channel, account: Account, execution_id: str, *, chat_id: str | None = None) -> None:
    """Have receivers told of a click; raises NotAccessible, PermissionError or Expired as the button says."""
    with transaction.atomic():
        execution = buttons.access_callback(execution_id, account, channel, chat_id=chat_id)
        assert execution.message is not None  # noqa: S101  access_callback saw to it
        type(execution).objects.filter(pk=execution.pk).update(clicks=F("clicks") + 1, last_clicked_at=timezone.now())
        jobs.enqueue(
            "click",
            f"{execution.pk}:{uuid7()}",
            {"execution": execution.pk, "account": account.pk},
            lane=f"chat:{execution.message.chat_id}",
        )


def _status_changed(channel: Channel, event: StatusChanged) -> Ingested:
    return Ingested(event=event, is_unused=not receipts.take(channel, event))


def _contact_changed(channel: Channel, event: ContactChanged) -> Ingested:
    suppressions.contact_changed(channel, event)
    return Ingested(event=event)


def _contact_seen(channel: Channel, event: ContactSeen) -> Ingested:
    place = event.conversation
    if place.chat_id:
        arrivals.account(channel, event.sender, place.chat_id)
    return Ingested(event=event)


def _identity_changed(channel: Channel, event: IdentityChanged) -> Ingested:
    identities.change(channel, event.old, event.new)
    return Ingested(event=event)


def _window_opened(channel: Channel, event: WindowOpened) -> Ingested:
    place = event.conversation
    if not place.chat_id:
        arrivals.open_chat(channel, place)
    chats = Chat.objects.filter(channel=channel)
    chat_id = place.chat_id or chats.get(external_id=place.external_id).pk
    arrivals.account(channel, event.sender, chat_id)
    windows.opened(adapter_class(channel.platform), chat_id, event.timestamp)
    return Ingested(event=event)


def _platform_template_changed(channel: Channel, event: PlatformTemplateChanged) -> Ingested:
    platform_templates.changed(channel, event)
    return Ingested(event=event)


def _conversation_moved(channel: Channel, event: ConversationMoved) -> Ingested:
    moving.follow(channel, event.old, event.new)
    return Ingested(event=event)


_HANDLERS: dict[type[InboundEvent], Callable[[Channel, Any], Ingested]] = {
    MessageReceived: _message_received,
    MessageEdited: _message_edited,
    MessageDeleted: _message_deleted,
    ReactionChanged: _reaction_changed,
    ReactionsCounted: _reactions_counted,
    ButtonClicked: _button_clicked,
    StatusChanged: _status_changed,
    ContactChanged: _contact_changed,
    ContactSeen: _contact_seen,
    ConversationMoved: _conversation_moved,
    IdentityChanged: _identity_changed,
    WindowOpened: _window_opened,
    PlatformTemplateChanged: _platform_template_changed,
}

__all__ = ["Ingested", "click", "ingest", "receive", "record", "store_item", "take_in"]
