"""Turn a caller's dict into a checked message with its delivery rows, in the caller's transaction.

Nothing is saved unless everything is right: every bad key is named at once in InvalidMessage. The rows are delivered
after the commit; a rollback sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from unicom import buttons, claiming, drafting, idempotency, jobs, media, platform_templates, windows
from unicom.adapters import adapter_for
from unicom.drafting import Wish
from unicom.errors import InvalidConfig, InvalidMessage
from unicom.ids import chat_key, uuid7
from unicom.models import Attachment, Channel, Chat, Delivery, Message, Suppression
from unicom.models.message import PRIORITY_REPLY
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter
from unicom.rows import insert_if_absent
from unicom.types import OPEN_STATES, QUEUED, OutboundMessage, OutgoingFile, Part


def send(channel: Channel, data: Mapping[str, Any], *, chat: Chat | None = None, user: Any = None) -> Message:
    """Queue a message; returns it, delivered already where nothing waits. Raises InvalidMessage, nothing saved.

    Idempotent with ``idempotency_key``: the same key and content give the same message, other content
    IdempotencyConflict.
    """
    return _send(channel, data, chat=chat, answered=None, user=user)


def reply(message: Message, data: Mapping[str, Any], *, user: Any = None) -> Message:
    """Queue an answer to ``message`` in its chat; as :func:`send`."""
    return _send(message.channel, data, chat=message.chat, answered=message, user=user)


def _send(
    channel: Channel, data: Mapping[str, Any], *, chat: Chat | None, answered: Message | None, user: Any
) -> Message:
    adapter, problems = opened(channel)
    if adapter is None:
        raise InvalidMessage(problems)
    wish = drafting.read(adapter, channel, data, problems, chat=chat, answered=answered)
    if not problems:
        _check(adapter, wish.outbound(), problems)
        _check_window(adapter, channel, wish, problems)
    if problems:
        raise InvalidMessage(problems)
    stored: list[str] = []
    with transaction.atomic():
        try:
            message = _save(channel, adapter, wish, user, stored)
        except BaseException:
            # Only in here: once it is committed the files are the row's, whatever a hook after the commit does.
            media.forget(stored)
            raise
    # Outside a transaction it has been tried by now; inside one the row is as it was written.
    if not transaction.get_connection().in_atomic_block:
        message.refresh_from_db()
    return message


def opened(channel: Channel) -> tuple[Adapter | None, dict[str, str]]:
    """Return a channel's adapter, and what stands in the way of sending with it."""
    problems: dict[str, str] = {}
    try:
        adapter = adapter_for(channel)
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
    if adapter.window is None or wish.template is not None or windows.is_open(wish.chat):
        wish.before = None
    elif wish.before is None:
        names = platform_templates.fitting(channel)
        problems["template"] = windows.closed_sentence(type(adapter), wish.chat, names)
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


def _save(channel: Channel, adapter: Adapter, wish: Wish, user: Any, stored: list[str]) -> Message:
    message_id = uuid7()
    if wish.idempotency_key:
        earlier = idempotency.claim(channel, "", wish.idempotency_key, message_id, wish.content)
        if earlier is not None:
            return earlier
    chat = wish.chat or _open_chat(channel, wish.new_chat)
    if wish.before is not None:
        wish.before.chat = chat
        _save(channel, adapter, wish.before, user, stored)
    files = [item.store(stored) for item in wish.files]
    outbound = wish.outbound(tuple(files))
    first = files[0] if files else None
    raw: dict[str, Any] = {}
    if outbound.buttons:
        raw["interactive_buttons"] = buttons.as_stored(outbound.buttons)
    if outbound.template is not None:
        raw["template"] = outbound.options["template"]
    message = Message(
        id=message_id,
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
        status=QUEUED,
        priority=wish.priority,
    )
    message.save(force_insert=True)
    if files:
        Attachment.objects.bulk_create(
            Attachment(
                message=message, kind=item.kind, name=item.name, content_type=item.content_type, size=item.size,
                file=item.path,
            )
            for item in files
        )  # fmt: skip
    if wish.executions:
        buttons.attach(wish.executions, message)
    parts = adapter.split(outbound)
    if wish.before is not None:
        windows.hold(message, parts)
    else:
        _queue(message, chat, parts, adapter, wish.priority)
    return message


def _media_type(outbound: OutboundMessage, adapter: Adapter) -> str:
    if outbound.files:
        return outbound.files[0].kind
    if "location" in outbound.options:
        return "location"
    return "html" if outbound.html and adapter.supports_addresses else "text"


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
    adapter = adapter_for(message.channel)
    _queue(message, message.chat, parts, adapter, message.priority)


def queue_acts(message: Message, parts: Mapping[int, Part], adapter: Adapter) -> None:
    """Queue what is to be done with a message, by the number of the part it is about; in the caller's transaction."""
    _queue(message, message.chat, list(parts.values()), adapter, PRIORITY_REPLY, numbers=list(parts))


def _queue(
    message: Message,
    chat: Chat,
    parts: list[Part],
    adapter: Adapter,
    priority: int,
    *,
    numbers: Sequence[int] | None = None,
) -> None:
    waiting = Delivery.objects.filter(chat=chat, state__in=OPEN_STATES).exists()
    made = Delivery.objects.bulk_create(
        Delivery(
            message=message,
            channel_id=message.channel_id,
            chat=chat,
            act=part.act,
            part=numbers[at] if numbers else at,
            recipient=part.recipient,
            payload=part.to_json(),
            priority=priority,
            at_front=at == 0 and not waiting,
        )
        for at, part in enumerate(parts)
    )
    if waiting:
        # After the commit: in the caller's transaction it would hold up what goes out meanwhile.
        transaction.on_commit(lambda: claiming.lend_priority(made[0]), robust=True)
    jobs.wake(chat_id=chat.pk, is_local=adapter.is_local)


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
    _queue(message, message.chat, [part], adapter, PRIORITY_REPLY)
