"""Page through a chat by its numbers, whole or along one branch of it.

A visitor who edits an earlier message starts a branch: the new message answers what the old one answered, so what came
between the two belongs to the older branch.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Q

from unicom.errors import NotAccessible
from unicom.models import Chat, Message

MOST = 200
MOST_TURNINGS = 300
"""Beyond so many, the oldest branches are shown together: nobody finds their way among them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Be one page, oldest first; ``next_cursor`` leads on in the direction that was asked for."""

    messages: list[Message]
    has_more: bool
    next_cursor: str | None
    branch: str


def page(chat: Chat, *, limit: int, before: str = "", after: str = "", branch: str = "all") -> Page:
    """Return the newest page, or the one before or after a message; raises NotAccessible for a cursor not of here."""
    shown = Message.objects.filter(chat=chat, seq__isnull=False, deleted_at=None)
    if branch != "all":
        shown = shown.exclude(_other_branches(chat, branch))
    if after:
        rows = list(shown.filter(seq__gt=seq_of(chat.pk, after)).order_by("seq")[: limit + 1])
        messages = rows[:limit]
        cursor = messages[-1].pk if messages else after
    else:
        if before:
            shown = shown.filter(seq__lt=seq_of(chat.pk, before))
        rows = list(shown.order_by("-seq")[: limit + 1])
        messages = rows[:limit][::-1]
        cursor = messages[0].pk if messages else ""
    has_more = len(rows) > limit
    return Page(messages=messages, has_more=has_more, next_cursor=cursor if has_more else None, branch=branch)


def seq_of(chat_id: str, message_id: str) -> int:
    """Return the number of a chat's message; raises NotAccessible for one not of here."""
    found = (
        Message.objects.filter(chat_id=chat_id, pk=message_id, seq__isnull=False).values_list("seq", flat=True).first()
        if "\x00" not in message_id
        else None
    )
    if found is None:
        raise NotAccessible("There is no such message.")
    return found


def _other_branches(chat: Chat, branch: str) -> Q:
    """Return what is not on the branch: between each turning and what it answers, seen from the branch's end."""
    turnings = (
        # Who answers the newest message turns nowhere.
        Message.objects.filter(chat=chat, is_outgoing=False, seq__gt=F("reply_to_message__seq") + 1)
        .order_by("-seq")
        .values_list("seq", "reply_to_message__seq")[:MOST_TURNINGS]
    )
    pairs = [(seq or 0, root or 0) for seq, root in turnings]
    hidden = Q(pk__in=[])
    horizon: int | None = None
    if branch != "latest":
        wanted = seq_of(chat.pk, branch)
        # The branch ends where a later turning leaves it behind.
        leaving = [seq for seq, root in pairs if root < wanted < seq]
        if leaving:
            horizon = min(leaving)
            hidden |= Q(seq__gte=horizon)
    for seq, root in pairs:
        if horizon is not None and seq >= horizon:
            continue
        hidden |= Q(seq__gt=root, seq__lt=seq)
        horizon = root + 1  # turnings within what is hidden lead nowhere
    return hidden
