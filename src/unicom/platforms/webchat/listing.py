"""List a visitor's chats: which are theirs, in what order, and how much in each they have not read."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import IntegerField, OuterRef, Q, QuerySet, Subquery

from unicom.models import AccountChat, Chat, Message
from unicom.platforms.webchat import access
from unicom.platforms.webchat.filters import apply_filters
from unicom.platforms.webchat.visitors import owner_of
from unicom.types import Person

COUNTED = 100
"""Up to how many unread messages are counted; a visitor does not tell more apart."""
LOOKED_AT = 1000


class _CountOf(Subquery):
    """Count the rows of a subquery that has a limit."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def chats_of(person: Person | None, filters: Mapping[str, str], *, channel_id: object = None) -> QuerySet[Chat]:
    """Return somebody's chats that pass the filters; archived ones only where a filter asks for them.

    Raises InvalidMessage naming every key that is no filter, NotAccessible for an unknown web chat.
    """
    mine = Chat.objects.filter(
        access.within_reach(person, "channel_id"),
        account_chats__account_id=owner_of(person),
        platform="WebChat",
        deleted_at=None,
    )
    if "is_archived" not in filters:
        mine = mine.filter(is_archived=False)
    mine = apply_filters(mine, filters)
    if channel_id not in (None, ""):
        mine = mine.filter(channel=access.access_channel(channel_id, person))
    return mine


def listed(chats: QuerySet[Chat], account_id: str) -> QuerySet[Chat]:
    """Have chats come with their last message and ``unread``, in the same query."""
    part = AccountChat.objects.filter(chat=OuterRef("chat_id"), account_id=account_id).values("read_seq")[:1]
    unread = Message.objects.filter(
        Q(is_outgoing=True, deleted_at=None),
        chat=OuterRef("pk"),
        seq__gt=Subquery(part),
        # However long nobody has read, or however much they wrote themselves: no more is looked at.
        seq__gte=OuterRef("last_seq") - LOOKED_AT,
    )
    rows = unread.order_by().values("pk")[:COUNTED]
    return chats.select_related("last_message").annotate(unread=_CountOf(rows))
