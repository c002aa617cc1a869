"""Find words in a visitor's own chats."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from unicom.cleaning import clean
from unicom.errors import InvalidMessage, NotAccessible
from unicom.models import Message
from unicom.platforms.webchat import history
from unicom.platforms.webchat.access import within_reach
from unicom.platforms.webchat.limiting import take
from unicom.platforms.webchat.links import link_for
from unicom.platforms.webchat.parameters import Problems, number_of
from unicom.platforms.webchat.responses import endpoint
from unicom.platforms.webchat.visitors import known_visitor, owner_of
from unicom.platforms.webchat.wire import message_dict

SHORTEST, LONGEST = 2, 200


@endpoint("GET")
def search(request: HttpRequest) -> HttpResponseBase:
    """Return messages of the visitor's chats that hold the words, and of chats whose name does, newest first."""
    problems: Problems = {}
    words = clean(request.GET.get("q", "")).strip()
    if not SHORTEST <= len(words) <= LONGEST:
        problems["q"] = f"{SHORTEST} to {LONGEST} characters are needed"
    limit = number_of(request, "limit", problems, default=20, most=history.MOST)
    if problems:
        raise InvalidMessage(problems)
    person = known_visitor(request)
    owner = owner_of(person)
    mine = Message.objects.filter(
        within_reach(person, "chat__channel_id"),
        chat__account_chats__account_id=owner,
        chat__platform="WebChat",
        chat__deleted_at=None,
        deleted_at=None,
    )
    if chat_id := request.GET.get("chat_id"):
        mine = mine.filter(chat_id=clean(chat_id))
    shown = mine.filter(seq__isnull=False).exclude(is_outgoing=None)
    found = shown.filter(Q(text__icontains=words) | Q(chat__name__icontains=words, seq=1))
    if cursor := request.GET.get("cursor"):
        last = mine.filter(pk=clean(cursor)).values_list("timestamp", "pk").first()
        if last is None:
            raise NotAccessible("There is no such message.")
        found = found.filter(Q(timestamp__lt=last[0]) | Q(timestamp=last[0], pk__lt=last[1]))
    take("searches", owner or "nobody")
    link = link_for(request)
    rows = list(found.select_related("chat").order_by("-timestamp", "-pk")[: limit + 1])
    return JsonResponse(
        {
            "success": True,
            "results": [
                {"chat": {"id": row.chat_id, "name": row.chat.name}, "message": message_dict(row, link)}
                for row in rows[:limit]
            ],
            "has_more": len(rows) > limit,
            "next_cursor": rows[limit - 1].pk if len(rows) > limit else None,
        }
    )
