"""Turn a caller's dict into a checked message with its delivery rows, in the caller's transaction.

Nothing is saved unless everything is right: every bad key is named at once in InvalidMessage. The rows are delivered
after the commit; a rollback sends nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from unicom import (
    answering,
    buttons,
    claiming,
    drafting,
    idempotency,
    jobs,
    media,
    platform_templates,
    statuses,
    threads,
    windows,
)
from unicom.adapters import adapter_for
from unicom.drafting import Wish
from unicom.errors import InvalidConfig, InvalidMessage
from unicom.ids import chat_key, uuid7
from unicom.models import Attachment, CallbackExecution, Channel, Chat, Delivery, Message, Suppression
from unicom.models.message import PRIORITY_REPLY
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter
from unicom.rows import insert_if_absent
from unicom.types import FAILED, OPEN_STATES, QUEUED, SURPLUS, OutboundMessage, OutgoingFile, Part


def send(channel: Channel, data: Mapping[str, Any], *, chat: Chat | None = None, user: Any = None) -> Message:
    """Queue a message; returns it, delivered already where nothing waits. Raises InvalidMessage, nothing saved.

    Idempotent with ``idempotency_key``: the same key and content give the same message, other content
    IdempotencyConflict.
    """
    return _send(channel, data, chat=chat, answered=None, user=user)


def reply(message: Message, data: Mapping[str, Any], *, user: Any = None) -> Message:
    """Queue an answer to ``message`` in its chat; as :func:`send`."""
    return _send(message.channel, data, chat=message.chat, answered=message, user=user)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """Be a send that was read and checked, with nothing written yet."""

    channel: Channel
    adapter: Adapter
    wish: Wish
    user: Any = None
    held: str = ""
    """Why it is not to be sent though nothing is wrong with it; it is kept as failed."""


@dataclass(kw_only=True, slots=True)
class Rows:
    """Be what a send comes to in the database, not inserted yet; of a repeated one, the earlier message alone."""

    message: Message
    adapter: Adapter
    is_repeat: bool = False
    attachments: list[Attachment] = field(default_factory=list)
    executions: list[CallbackExecution] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    is_held: bool = False
    before: Rows | None = None
    """What has to be delivered before this one, which is held until then."""


def _send(
    channel: Channel, data: Mapping[str, Any], *, chat: Chat | None, answered: Message | None, user: Any
) -> Message:
    message = write([prepare(channel, data, chat=chat, answered=answered, user=user)])[0]
    # Outside a transaction it has been tried by now; inside one the row is as it was written.
    if not transaction.get_connection().in_atomic_block:
        message.refresh_from_db()
    return message


def prepare(
    channel: Channel,
    data: Mapping[str, Any],
    *,
    chat: Chat | None = None,
    answered: Message | None = None,
    user: Any = None,
    adapter: Adapter | None = None,
) -> Prepared:
    """Read and check a send; raises InvalidMessage. ``adapter`` is the channel's, where the caller has it at hand."""
    adapter, problems = opened(channel, adapter)
    if adapter is None:
        raise InvalidMessage(problems)
    wish = drafting.read(adapter, channel, data, problems, chat=chat, answered=answered, user=user)
    held = answering.complete(adapter, wish, user) if adapter.supports_addresses and not problems else ""
    if not problems:
        _check(adapter, wish.outbound(), problems)
        _check_window(adapter, channel, wish, problems)
    if problems:
        raise InvalidMessage(problems)
    return Prepared(channel=channel, adapter=adapter, wish=wish, user=user, held=held)


def write(prepared: Sequence[Prepared], stored: list[str] | None = None) -> list[Message]:
    """Write what was prepared, all or none, each table in one statement; returns the messages in the same order.

    ``stored`` takes the paths of the files that were copied, for a caller whose own transaction may still fail.
    """
    copied: list[str] = []
    with transaction.atomic():
        try:
            rows = [_build(item, copied) for item in prepared]
            fresh = [item for item in rows if not item.is_repeat]
            _insert([row for item in fresh for row in (item.before, item) if row is not None])
        except BaseException:
            # Only in here: once it is committed the files are the row's, whatever a hook after the commit does.
            media.forget(copied)
            raise
    if stored is not None:
        stored += copied
    return [item.message for item in rows]


def opened(channel: Channel, adapter: Adapter | None = None) -> tuple[Adapter | None, dict[str, str]]:
    """Return a channel's adapter, and what stands in the way of sending with it."""
    problems: dict[str, str] = {}
    try:
        adapter = adapter or adapter_for(channel)
    except InvalidConfig as error:
        return None, {f"channel.config.{key}": sentence for key, sentence in error.problems.items()}
    except LookupError as error:
        return None, {"platform": str(error)}
    if not channel.active:
        reason = channel.error or "call validate() or save it in the admin"
        problems["channel"] = f"{channel.name!r} is not active ({reason})"
    return adapter, problems


def _check(adapter: Adapter, message: OutboundMessage, problems: dict[str, str]) -> None:
    limits = adapter.limits
    for name, supported in (("buttons", adapter.supports_buttons), ("file_path", adapter.supports_files)):
        if not supported and (message.buttons if name == "buttons" else message.files):
            problems[name] = f"{type(adapter).__name__.removesuffix('Adapter')} cannot do that"
    for item in message.files:
        most = limits.image_bytes if item.kind == "image" and limits.image_bytes else limits.file_bytes
        if most is not None and item.size > most:
            problems["file_path"] = f"{item.name!r} has {item.size:,} bytes; at most {most:,} can be sent"
    count = sum(len(row) for row in message.buttons)
    if limits.buttons is not None and count > limits.buttons:
        problems["buttons"] = f"{count} buttons; at most {limits.buttons} can be sent"
    try:
        adapter.check(message)
    except InvalidMessage as error:
        problems.update(error.problems)


def _check_window(adapter: Adapter, channel: Channel, wish: Wish, problems: dict[str, str]) -> None:
    """Refuse what the platform would refuse because the person has not written lately, or put a template before it."""
    if wish.template is not None:
        _check_marketing(channel, wish, problems)
    if adapter.window is None or wish.template is not None:
        wish.before = None
        return
    chat = windows.fresh(wish.chat) if wish.chat is not None else None
    if windows.is_open(chat):
        wish.before = None
    elif wish.before is None:
        names = platform_templates.fitting(channel)
        problems["template"] = windows.closed_sentence(type(adapter), chat, names)
    else:
        found: dict[str, str] = {}
        _check(adapter, wish.before.outbound(), found)
        problems.update({f"on_closed_window.{key.removeprefix('template.')}": found[key] for key in found})


def _check_marketing(channel: Channel, wish: Wish, problems: dict[str, str]) -> None:
    if wish.chat is None or wish.template is None or not wish.template.category:
        return
    stopped = Suppression.objects.filter(
        channel=channel, scope=wish.template.category, account__account_chats__chat=wish.chat
    ).first()
    if stopped is not None and not wish.chat.is_group:
        problems["template"] = f"not sent: {stopped.reason}"


def _build(prepared: Prepared, stored: list[str]) -> Rows:
    """Make the rows of a send: take its idempotency key, open its chat, copy its files; nothing else is written yet."""
    channel, adapter, wish, user = prepared.channel, prepared.adapter, prepared.wish, prepared.user
    message_id, tracking_id = uuid7(), uuid.uuid4()
    if wish.idempotency_key:
        earlier = idempotency.claim(channel, "", wish.idempotency_key, message_id, wish.content)
        if earlier is not None:
            return Rows(message=earlier, adapter=adapter, is_repeat=True)
    chat = wish.chat or (_open_chat(channel, wish.new_chat) if wish.new_chat else _open_thread(channel, wish.subject))
    before: Rows | None = None
    if wish.before is not None:
        wish.before.chat = chat
        before = _build(replace(prepared, wish=wish.before, held=""), stored)
    files = [item.store(stored) for item in wish.files]
    outbound = replace(wish.outbound(tuple(files)), id=message_id, tracking_id=str(tracking_id), chat_id=chat.pk)
    stamp = adapter.stamp(outbound)
    first = files[0] if files else None
    raw: dict[str, Any] = dict(stamp.raw)
    if outbound.buttons:
        raw["interactive_buttons"] = buttons.as_stored(outbound.buttons)
    if outbound.template is not None:
        raw["template"] = outbound.options["template"]
    message = Message(
        id=message_id,
        external_id=stamp.external_id or None,
        tracking_id=tracking_id,
        channel=channel,
        platform=channel.platform,
        chat=chat,
        user=user,
        sender_name=wish.sender_name(user),
        is_outgoing=True,
        reply_to_message=wish.answered,
        text=adapter.template_text(outbound) if outbound.template is not None else outbound.text,
        html=outbound.html,
        subject=outbound.subject,
        to=list(outbound.to),
        cc=list(outbound.cc),
        bcc=list(outbound.bcc),
        media_type=_media_type(outbound, adapter),
        media=first.path if first else "",
        raw=raw,
        status=FAILED if prepared.held else QUEUED,
        error=f"not sent: {prepared.held}" if prepared.held else "",
        priority=wish.priority,
    )
    attachments = [
        Attachment(
            message=message, kind=item.kind, name=item.name, content_type=item.content_type, size=item.size,
            file=item.path,
        )
        for item in files
    ]  # fmt: skip
    parts = adapter.split(outbound)
    if wish.cancel_on_reply and parts:
        # Of the first alone: what has begun is said to its end.
        parts[0] = replace(parts[0], unless_answered=True)
    return Rows(
        message=message,
        adapter=adapter,
        attachments=attachments,
        executions=wish.executions,
        parts=parts,
        is_held=bool(prepared.held),
        before=before,
    )


def _insert(rows: Sequence[Rows]) -> None:
    """Insert the rows of several sends."""
    if not rows:
        return
    Message.objects.bulk_create([item.message for item in rows])
    attachments = [row for item in rows for row in item.attachments]
    if attachments:
        Attachment.objects.bulk_create(attachments)
    for item in rows:
        if item.executions:
            buttons.attach(item.executions, item.message)
        if item.before is not None:
            windows.hold(item.message, item.parts)
        if item.is_held:
            statuses.refold(item.message, None, folded=FAILED)  # it takes its place in the chat
    threads.keep_sent([item.message for item in rows if item.adapter.supports_addresses])
    free = [item for item in rows if item.before is None and not item.is_held]
    _queue([(item.message, dict(enumerate(item.parts)), item.message.priority) for item in free])
    for is_local in (False, True):
        chats = dict.fromkeys(item.message.chat_id for item in free if item.adapter.is_local is is_local)
        jobs.wake_chats(chats, is_local=is_local)


def _media_type(outbound: OutboundMessage, adapter: Adapter) -> str:
    if outbound.files:
        return outbound.files[0].kind
    if "location" in outbound.options:
        return "location"
    return "html" if outbound.html and adapter.supports_addresses else "text"


def _open_thread(channel: Channel, subject: str) -> Chat:
    """Open a conversation that the platform has no id for; answers are known by the messages they name."""
    key = f"{channel.platform.lower()}_{uuid.uuid4()}"
    return Chat.objects.create(id=key, channel=channel, platform=channel.platform, name=subject[:200])


def _open_chat(channel: Channel, external_id: str) -> Chat:
    chat = Chat(
        id=chat_key(channel.platform, channel.pk, external_id),
        channel=channel,
        platform=channel.platform,
        external_id=external_id,
    )
    if not insert_if_absent(chat):
        known = Chat.objects.filter(external_id=external_id, channel=channel).first()
        if known is not None:
            return known
        # The key is that of a conversation which has moved to another external id since.
        if not adapter_class(channel.platform).identity_keys:
            return Chat.objects.get(pk=chat.pk)
        chat.pk = f"{chat.pk}~{uuid7()}"
        insert_if_absent(chat)
        return Chat.objects.get(external_id=external_id, channel=channel)
    return chat


def queue_parts(message: Message, parts: list[Part]) -> None:
    """Queue the calls of a message that was held until now."""
    _queue([(message, dict(enumerate(parts)), message.priority)])
    jobs.wake(chat_id=message.chat_id, is_local=adapter_class(message.channel.platform).is_local)


def queue_acts(message: Message, parts: Mapping[int, Part], adapter: Adapter) -> None:
    """Queue what is to be done with a message, by the number of the part it is about; in the caller's transaction."""
    _queue([(message, parts, PRIORITY_REPLY)])
    jobs.wake(chat_id=message.chat_id, is_local=adapter.is_local)


def _queue(acts: Sequence[tuple[Message, Mapping[int, Part], int]]) -> None:
    """Write the deliveries of messages, each with its parts by their numbers and its priority."""
    if not acts:
        return
    before = _waiting({message.chat_id for message, _, _ in acts})
    taken = set(before)
    rows = []
    for message, parts, priority in acts:
        for number, part in parts.items():
            rows.append(
                Delivery(
                    message=message,
                    channel_id=message.channel_id,
                    chat_id=message.chat_id,
                    act=part.act,
                    part=number,
                    recipient=part.recipient,
                    payload=part.to_json(),
                    priority=priority,
                    at_front=message.chat_id not in taken,
                )
            )
            taken.add(message.chat_id)
    behind = {row.chat_id: row for row in reversed(Delivery.objects.bulk_create(rows)) if row.chat_id in before}
    if behind:
        # After the commit: in the caller's transaction it would hold up what goes out meanwhile.
        transaction.on_commit(lambda: _lend(list(behind.values())), robust=True)


def _lend(rows: Sequence[Delivery]) -> None:
    for row in rows:
        claiming.lend_priority(row)


def _waiting(chat_ids: Collection[str]) -> set[str]:
    """Return those chats in which something is still to be delivered."""
    if len(chat_ids) == 1:
        return set(chat_ids) if Delivery.objects.filter(chat__in=chat_ids, state__in=OPEN_STATES).exists() else set()
    waiting = Delivery.objects.filter(chat=OuterRef("pk"), state__in=OPEN_STATES)
    return set(Chat.objects.filter(Exists(waiting), pk__in=chat_ids).order_by().values_list("pk", flat=True))


def edit(message: Message, data: Mapping[str, Any]) -> Message:
    """Change the text, HTML, file or buttons of a message we sent; raises InvalidMessage, with nothing saved.

    The row follows once the platform has taken it. Without buttons the message loses those it had.
    """
    channel = message.channel
    adapter, problems = opened(channel)
    if adapter is None:
        raise InvalidMessage(problems)
    if not adapter.supports_edit:
        problems["message"] = f"{channel.platform} messages cannot be edited"
    elif message.is_outgoing is not True:
        problems["message"] = f"{message.pk!r} was not sent by us; only our own messages can be edited"
    elif message.status in ("failed", "cancelled", "bounced"):
        problems["message"] = f"{message.pk!r} was never delivered (it is {message.status})"
    wish = drafting.read_edit(adapter, channel, data, problems, message=message)
    if not problems:
        _check(adapter, wish.outbound(), problems)
    if problems:
        raise InvalidMessage(problems)
    stored: list[str] = []
    with transaction.atomic():
        try:
            _queue_edit(message, adapter, wish, data, [item.store(stored) for item in wish.files])
        except BaseException:
            media.forget(stored)
            raise
    if not transaction.get_connection().in_atomic_block:
        message.refresh_from_db()
    return message


def _queue_edit(
    message: Message, adapter: Adapter, wish: Wish, data: Mapping[str, Any], files: list[OutgoingFile]
) -> None:
    outbound = wish.outbound(tuple(files))
    # What is not given stays as it is on the platform: formatting is not stored, so it could not be sent again. A new
    # file takes the text's place, too, and so it goes along.
    stays = not files and not set(outbound.options) - {"reply_markup"}
    changes_text = not stays or any(data.get(key) is not None for key in ("text", "html"))
    part = Part(
        act="edit",
        file=files[0] if files else None,
        text=outbound.text if changes_text else "",
        html=outbound.html if changes_text else "",
        buttons=outbound.buttons,
        parse_mode=outbound.parse_mode,
        options=outbound.options,
    )
    if files:
        item = files[0]
        Attachment.objects.create(
            message=message, kind=item.kind, name=item.name, content_type=item.content_type, size=item.size,
            file=item.path,
        )  # fmt: skip
    buttons.attach(wish.executions, message)
    acts = {0: part}
    if changes_text and adapter.supports_delete:
        # The new text is all in the first part: what the others say would be said beside it.
        gone = message.deliveries.filter(act="delete").values("part")
        others = message.deliveries.filter(act="send", part__gt=0).exclude(part__in=gone).order_by("part")
        texts = [row.part for row in others if not {"file", "files"} & set(row.payload)]
        acts.update((number, Part(act="delete", options={SURPLUS: True})) for number in texts)
    queue_acts(message, acts, adapter)
