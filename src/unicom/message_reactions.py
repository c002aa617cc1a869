"""Keep how people react to messages, as the platforms tell."""

from __future__ import annotations

from unicom import arrivals, jobs
from unicom.ids import uuid7
from unicom.models import Channel, Chat, Message, Reaction
from unicom.rows import insert_if_absent
from unicom.types import Conversation, ReactionChanged, ReactionsCounted

LONGEST = 100


def change(channel: Channel, event: ReactionChanged) -> Message | None:
    """Bring a person's reactions to a message up to date; None where the message is not known."""
    message = _message(channel, event.conversation, event.message_external_id)
    if message is None:
        return None
    account = arrivals.account(channel, event.sender, message.chat_id)
    known = Reaction.objects.filter(message=message, account=account)
    before = set(known.values_list("emoji", flat=True))
    now = dict.fromkeys(emoji[:LONGEST] for emoji in event.reactions if emoji)
    added = [emoji for emoji in now if emoji not in before]
    removed = sorted(before - set(now))
    known.filter(emoji__in=removed).delete()
    for emoji in added:
        insert_if_absent(Reaction(message=message, account=account, emoji=emoji))
    if added or removed:
        _tell(message, account.pk, added, removed)
    return message


def count(channel: Channel, event: ReactionsCounted) -> Message | None:
    """Keep how often each reaction was given in ``raw["reaction_counts"]``; None where the message is not known."""
    message = _message(channel, event.conversation, event.message_external_id)
    if message is None:
        return None
    before, now = message.raw.get("reaction_counts", {}), dict(event.counts)
    if before != now:
        message.raw = {**message.raw, "reaction_counts": now}
        message.save(update_fields=["raw"])
        _tell(message, None, [emoji for emoji in now if emoji not in before], sorted(set(before) - set(now)))
    return message


def _message(channel: Channel, place: Conversation, external_id: str) -> Message | None:
    where = {"pk": place.chat_id} if place.chat_id else {"external_id": place.external_id}
    chat_id = Chat.objects.filter(channel=channel, **where).values_list("pk", flat=True).first()
    # Some platforms do not tell which topic of a chat a message is in; its own id is enough.
    pk = arrivals.find_message(channel, chat_id, external_id)
    return Message.objects.select_for_update(of=("self",)).get(pk=pk) if pk else None


def _tell(message: Message, account_id: str | None, added: list[str], removed: list[str]) -> None:
    jobs.enqueue(
        "reaction",
        f"{message.pk}:{uuid7()}",
        {"message": message.pk, "account": account_id, "added": added, "removed": removed},
        lane=f"chat:{message.chat_id}",
    )
