"""Join rows that turned out to be one: two accounts of a person, two chats of one conversation."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, models, transaction

from unicom import outbox
from unicom.jobs import RetryLater, job
from unicom.models import Account, AccountChat, Chat, Delivery, DraftMessage, Message
from unicom.rows import insert_if_absent
from unicom.types import QUEUED, SENDING

logger = logging.getLogger("unicom")


def merge_accounts(one: str, other: str) -> tuple[str, str]:
    """Give the older of two accounts all that the other has, and remove that; returns (kept, removed)."""
    rows = list(Account.objects.select_for_update().filter(pk__in=(one, other)).order_by("created_at", "pk"))
    if len(rows) < 2:
        return (rows[0].pk if rows else one), other
    kept, gone = rows
    move_references(Account, gone, kept)
    kept.blocked = kept.blocked or gone.blocked
    kept.member_id = kept.member_id or gone.member_id
    kept.name, kept.username = kept.name or gone.name, kept.username or gone.username
    kept.save(update_fields=["blocked", "member", "name", "username"])
    gone.delete()
    logger.info("Account %s turned out to be %s, and was joined with it.", gone.pk, kept.pk)
    return kept.pk, gone.pk


def move_references(model: type[models.Model], source: Any, target: Any, *, but: frozenset[str] = frozenset()) -> None:
    """Point every row that refers to ``source`` at ``target``; one that ``target`` has already is dropped.

    To be called in a transaction.
    """
    for relation in model._meta.related_objects:
        field = relation.field
        related: Any = relation.related_model
        if relation.many_to_many or not isinstance(field, models.ForeignKey) or related._meta.label in but:
            continue
        rows = related._base_manager.filter(**{field.name: source})
        try:
            with transaction.atomic():
                rows.update(**{field.name: target})
        except IntegrityError:
            for row in rows:
                try:
                    with transaction.atomic():
                        related._base_manager.filter(pk=row.pk).update(**{field.name: target})
                except IntegrityError:
                    related._base_manager.filter(pk=row.pk).delete()


@job("merge_chats")
def merge_chats(args: dict[str, Any]) -> None:
    """Join a chat with another of the same channel: one history by time, what waits goes on in it."""
    rows = {row.pk: row for row in Chat.objects.select_for_update().filter(pk__in=(args["into"], args["chat"]))}
    target, source = rows.get(args["into"]), rows.get(args["chat"])
    if target is None or source is None or target.pk == source.pk or target.channel_id != source.channel_id:
        return
    waiting = Delivery.objects.select_for_update(of=("self",)).filter(chat__in=(target, source))
    if SENDING in set(waiting.filter(state__in=(QUEUED, SENDING)).values_list("state", flat=True)):
        raise RetryLater(timedelta(seconds=2))
    for account in AccountChat.objects.filter(chat=source).values_list("account_id", flat=True):
        insert_if_absent(AccountChat(account_id=account, chat=target))
    AccountChat.objects.filter(chat=source).delete()
    _renumber(target, source)
    Delivery.objects.filter(chat=source).update(at_front=False)
    move_references(Chat, source, target, but=frozenset({"unicom.AccountChat", "unicom.Message"}))
    DraftMessage.objects.filter(chat_id=source.pk).update(chat_id=target.pk)
    target.name = target.name or source.name
    target.metadata = {**source.metadata, **target.metadata}
    target.open_until = max(filter(None, (target.open_until, source.open_until)), default=None)
    external_id, source.external_id = source.external_id, None
    source.save(update_fields=["external_id"])
    target.external_id = target.external_id or external_id
    target.save(update_fields=["name", "metadata", "open_until", "external_id"])
    source.delete()
    waiting.filter(chat=target, state=QUEUED).update(at_front=False)
    outbox.QUEUE.promote(target.pk)


def _renumber(target: Chat, source: Chat) -> None:
    """Put the messages of both in one order, by their times."""
    both = Message.objects.filter(chat__in=(target, source))
    ordered = list(both.exclude(seq=None).order_by("timestamp", "pk").values_list("pk", flat=True))
    both.update(seq=None)
    Message.objects.filter(chat=source).update(chat=target)
    for start in range(0, len(ordered), 500):
        Message.objects.bulk_update(
            [Message(pk=pk, seq=number) for number, pk in enumerate(ordered[start : start + 500], start + 1)], ["seq"]
        )
    target.last_seq = len(ordered)
    if ordered:
        target.last_message_id = ordered[-1]
        target.last_message_at = max(target.last_message_at, source.last_message_at)
    target.save(update_fields=["last_seq", "last_message", "last_message_at"])
