"""Follow a conversation to its new external id; what came in there before we heard of it joins the chat it was."""

from __future__ import annotations

from typing import Any

from django.db.models import F

from unicom import jobs, live
from unicom.models import AccountChat, Channel, Chat, Message


def follow(channel: Channel, old: str, new: str) -> None:
    """Let the chat known as ``old`` be known as ``new``; must run in a transaction. Idempotent."""
    known = Chat.objects.filter(channel=channel, external_id__in=(old, new)).select_for_update(of=("self",))
    chats = {chat.external_id: chat for chat in known.order_by("pk")}
    if old not in chats:
        return
    if new in chats:
        _join(chats[new], chats[old])
    Chat.objects.filter(pk=chats[old].pk).update(external_id=new)
    live.chat_changed(chats[old])


def _join(young: Chat, chat: Chat) -> None:
    """Put all that hangs on a chat behind what hangs on another, and delete it."""
    last_seq = Chat.objects.values_list("last_seq", flat=True)
    behind = last_seq.get(pk=chat.pk)
    Message.objects.filter(chat=young).update(chat=chat, seq=F("seq") + behind)
    known = AccountChat.objects.filter(chat=chat).values("account")
    AccountChat.objects.filter(chat=young).exclude(account__in=known).update(chat=chat)
    for relation in Chat._meta.related_objects:
        model: Any = relation.related_model
        if model in (Message, AccountChat):
            continue
        # Only one of a chat's deliveries is at the front.
        waits = {"at_front": False} if any(field.name == "at_front" for field in model._meta.fields) else {}
        model.objects.filter(**{relation.field.name: young}).update(**{relation.field.name: chat}, **waits)
    newest: dict[str, Any] = {"last_seq": behind + last_seq.get(pk=young.pk)}
    if young.last_message_id is not None:
        newest.update(last_message=young.last_message_id, last_message_at=young.last_message_at)
    Chat.objects.filter(pk=young.pk).delete()
    Chat.objects.filter(pk=chat.pk).update(**newest)
    jobs.wake(chat_id=chat.pk)
