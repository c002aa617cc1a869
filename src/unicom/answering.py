"""Find what a message answers where its sender names only the chat, and who takes part in a conversation of addresses.

For platforms whose messages have addresses and a subject of their own: an answer takes both from what it answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from unicom.drafting import Wish
from unicom.models import Chat, Message
from unicom.platforms.base import Adapter
from unicom.types import Answered

MACHINE_HOUR = timedelta(hours=1)


def complete(adapter: Adapter, wish: Wish, user: object) -> str:
    """Fill in what an answer takes from the message it answers; returns why a machine may not send it, or nothing."""
    wish.is_automatic = user is None
    if wish.chat is None:
        return ""
    answered = wish.answered or _last_of(wish.chat)
    if answered is None:
        return ""
    wish.answered, wish.answers = answered, described(answered)
    filled = adapter.answer(wish.outbound(), wish.answers)
    wish.subject = filled.subject
    wish.addresses = {"to": filled.to, "cc": filled.cc, "bcc": filled.bcc, "reply_to": filled.reply_to}
    return _loop(adapter, wish.chat, answered) if wish.is_automatic else ""


def _last_of(chat: Chat) -> Message | None:
    """Return the message an answer in a chat is to: the last a person wrote, else the last of ours."""
    here = Message.objects.select_related("sender").filter(chat=chat, external_id__isnull=False)
    return here.filter(is_outgoing=False).order_by("-seq").first() or here.order_by("-created_at").first()


def described(message: Message) -> Answered:
    """Return what an adapter may know of a message that is answered."""
    sender = message.sender if message.is_outgoing is False else None
    return Answered(
        external_id=message.external_id or "",
        is_outgoing=message.is_outgoing is True,
        sender=sender.external_id if sender else "",
        subject=message.subject,
        text=message.text,
        to=tuple(message.to),
        cc=tuple(message.cc),
        raw=message.raw,
    )


def _loop(adapter: Adapter, chat: Chat, answered: Message) -> str:
    """Return why a machine had better be silent: it would answer a machine, or has said much in a short time."""
    if answered.is_outgoing is False and answered.raw.get("automatic"):
        return f"it would answer an automatic message ({answered.raw['automatic']}), and machines do not"
    most = adapter.limits.automatic_per_hour
    if most is None:
        return ""
    since = timezone.now() - MACHINE_HOUR
    ours = Message.objects.filter(is_outgoing=True, user=None, created_at__gt=since).exclude(status="cancelled")
    if ours.filter(chat=chat).count() >= most:
        return f"{most} automatic messages have gone to this conversation within an hour, which looks like a loop"
    # A responder that opens a new conversation each time.
    if answered.sender_id and ours.filter(reply_to_message__sender=answered.sender_id).count() >= 2 * most:
        return f"{2 * most} automatic messages have answered this sender within an hour, which looks like a loop"
    return ""


def takes_part(chat_id: str, addresses: Iterable[str], own: str) -> bool:
    """Tell whether one of the addresses was written to, or has written, in a chat; our own is everybody's."""
    wanted = {address.lower() for address in addresses if address} - {own.lower(), ""}
    if not wanted:
        return False
    if Chat.objects.filter(pk=chat_id, accounts__external_id__in=wanted).exists():
        return True
    rows = Message.objects.filter(chat=chat_id).order_by("-created_at").values_list("to", "cc", "bcc")[:200]
    named = {str(address).lower() for row in rows for group in row for address in group if isinstance(group, list)}
    return bool(wanted & named)
