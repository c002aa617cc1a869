"""Read claimed deliveries with all that sending them needs, so that the threads that talk with platforms read nothing.

One prepared query: the claim asks it a hundred times a second, and the ORM takes longer to build it than to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from unicom.models import Channel, Chat, Delivery, Message, Suppression
from unicom.prepared import NUMBERS, TEXT, Prepared


def _names(model: type[Any], wanted: set[str] | None = None) -> tuple[str, ...]:
    """Return columns in the model's own order, as ``from_db()`` takes them."""
    names = tuple(field.attname for field in model._meta.concrete_fields)
    return tuple(name for name in names if name in wanted) if wanted else names


_DELIVERY = _names(Delivery)
_CHANNEL = _names(Channel)
# What recording folds into a message, and what completing a part asks of it; the rest is read where it is wanted.
_MESSAGE = _names(
    Message,
    {
        "id", "channel_id", "chat_id", "platform", "external_id", "seq", "reply_to_message_id", "timestamp", "status",
        "sent", "delivered", "seen", "time_sent", "time_delivered", "time_seen",
    },
)  # fmt: skip
_CHAT = _names(Chat, {"id", "channel_id", "platform", "external_id", "is_group", "open_until"})


def _claimed() -> QuerySet[Delivery, Any]:
    siblings = Delivery.objects.filter(message=OuterRef("message_id"), act="send").exclude(pk=OuterRef("pk"))
    known = Suppression.objects.filter(channel=OuterRef("channel_id"), scope="")
    by_address = known.filter(address=OuterRef("recipient")).exclude(address="")
    by_account = known.filter(account__account_chats__chat=OuterRef("chat_id"))
    return (
        Delivery.objects.filter(pk__in=NUMBERS, claimed_by=TEXT)
        .order_by("pk")
        .values_list(
            *_DELIVERY,
            *(f"message__{name}" for name in _MESSAGE),
            *(f"channel__{name}" for name in _CHANNEL),
            *(f"chat__{name}" for name in _CHAT),
            F("message__reply_to_message__external_id"),
            Exists(siblings),
            Subquery(by_address.values("reason")[:1]),
            Subquery(by_account.values("reason")[:1]),
        )
    )


_CLAIMED = Prepared(
    _claimed, shared=range(len(_DELIVERY) + len(_MESSAGE), len(_DELIVERY) + len(_MESSAGE) + len(_CHANNEL))
)


def claimed(database: str, keys: Sequence[int], token: str) -> list[Delivery]:
    """Return the deliveries among ``keys`` that ``token`` has taken, in the order of their keys.

    Each has its message, channel and chat (of which only what is needed), ``answered_external_id``, ``has_siblings``
    and ``suppressed``, the reason not to write to whom it is for.
    """
    channels: dict[int, Channel] = {}
    found = []
    for row in _CLAIMED.rows(database, numbers=keys, text=token):
        take = _taker(row)
        delivery = Delivery.from_db(database, _DELIVERY, take(len(_DELIVERY)))
        delivery.message = Message.from_db(database, _MESSAGE, take(len(_MESSAGE)))
        of_channel = take(len(_CHANNEL))
        if delivery.channel_id not in channels:
            channels[delivery.channel_id] = Channel.from_db(database, _CHANNEL, of_channel)
        delivery.channel = channels[delivery.channel_id]
        delivery.chat = Chat.from_db(database, _CHAT, take(len(_CHAT)))
        answered, siblings, by_address, by_account = take(4)
        delivery.answered_external_id = answered  # type: ignore[attr-defined]
        delivery.has_siblings = siblings  # type: ignore[attr-defined]
        of_account = "" if delivery.chat.is_group or delivery.recipient else by_account
        delivery.suppressed = by_address or of_account or ""  # type: ignore[attr-defined]
        found.append(delivery)
    return found


def _taker(row: Sequence[Any]) -> Callable[[int], Sequence[Any]]:
    at = 0

    def take(count: int) -> Sequence[Any]:
        nonlocal at
        at += count
        return row[at - count : at]

    return take
