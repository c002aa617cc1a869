"""Serve the web chat's REST endpoints to its visitors, guests and users alike."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import ensure_csrf_cookie

from unicom import inbound, live, stopping
from unicom.cleaning import clean
from unicom.conf import settings
from unicom.errors import InvalidMessage, NotAccessible
from unicom.models import Account, Chat, Message
from unicom.platforms.webchat import access, changes, history
from unicom.platforms.webchat.guests import remember_session
from unicom.platforms.webchat.limiting import address_of, take
from unicom.platforms.webchat.links import Link, holder_of, link_for
from unicom.platforms.webchat.listing import chats_of, listed
from unicom.platforms.webchat.parameters import (
    Problems,
    form_or_json,
    json_body,
    number_of,
    object_of,
    text_of,
    time_of,
)
from unicom.platforms.webchat.receiving import delete_chat, save_webchat_message
from unicom.platforms.webchat.responses import endpoint
from unicom.platforms.webchat.serving import serve
from unicom.platforms.webchat.typing import who_is_typing
from unicom.platforms.webchat.visitors import bearer_of, known_visitor, owner_of, visitor
from unicom.platforms.webchat.wire import chat_dict, message_dict

_LIST_KEYS = {"limit", "offset", "cursor", "channel_id", "_"}
_SUGGESTIONS = [_("Hello"), _("What can you do?"), _("Show me buttons")]
# What the demo page lets one choose from; demo.css knows what they look like.
_LOOKS = [
    {"name": "auto", "theme": "auto", "title": _("Automatic")},
    {"name": "light", "theme": "light", "title": _("Light")},
    {"name": "dark", "theme": "dark", "title": _("Dark")},
    {"name": "minimal", "theme": "light", "title": _("Minimal")},
    {"name": "forest", "theme": "light", "title": _("Forest")},
    {"name": "sunset", "theme": "light", "title": _("Sunset")},
    {"name": "midnight", "theme": "dark", "title": _("Midnight")},
]


@endpoint("POST")
def send(request: HttpRequest) -> HttpResponseBase:
    """Take in a visitor's message."""
    data = form_or_json(request)
    problems: Problems = {}
    text = text_of(data, "text", problems, longest=settings.UNICOM_MAX_TEXT_LENGTH)
    chat_id = text_of(data, "chat_id", problems)
    reply_to = text_of(data, "reply_to_message_id", problems)
    client_msg_id = text_of(data, "client_msg_id", problems, longest=255)
    metadata = object_of(data.get("metadata"), "metadata", problems)
    upload = request.FILES.get("media")
    if upload is not None and (upload.size or 0) > settings.UNICOM_MAX_UPLOAD_BYTES:
        problems["media"] = (
            f"the file has {upload.size:,} bytes; at most {settings.UNICOM_MAX_UPLOAD_BYTES:,} are taken"
        )
    elif upload is not None and not upload.size:
        problems["media"] = "the file is empty"
    if not text.strip() and upload is None and "text" not in problems:
        problems["text"] = "a message needs text or a file"
    if reply_to and not chat_id:
        problems["reply_to_message_id"] = "there is nothing to answer in a new chat"
    if problems:
        raise InvalidMessage(problems)
    if known_visitor(request) is None:
        take("guests", address_of(request))
    person = visitor(request)
    part = access.access_chat(person, chat_id, channel_id=data.get("channel_id")) if chat_id else None
    channel = part.chat.channel if part is not None else access.access_channel(data.get("channel_id"), person)
    if part is not None and not channel.active:
        raise NotAccessible("This web chat is closed.")
    if reply_to and not Message.objects.filter(pk=reply_to, chat_id=chat_id).exists():
        raise InvalidMessage({"reply_to_message_id": f"{reply_to!r} is not a message of this chat"})
    if reply_to:
        # Who goes back to an earlier message does not wait for the answer to the later one.
        stopping.ask_to_stop(chat_id)
    message = save_webchat_message(
        channel,
        person,
        text=text,
        part=part,
        upload=upload,
        metadata=metadata,
        reply_to=reply_to,
        client_msg_id=client_msg_id,
    )
    if part is None and person.user_id is None and message.sender is not None and bearer_of(request) is None:
        remember_session(message.sender, request.session.session_key)
    shown = message_dict(message, link_for(request))
    return JsonResponse({"success": True, "chat_id": message.chat_id, "message": shown})


@endpoint("GET")
def messages(request: HttpRequest) -> HttpResponseBase:
    """Return a page of a chat, oldest first."""
    problems: Problems = {}
    limit = number_of(request, "limit", problems, default=50, most=history.MOST)
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    if before and after:
        problems["after"] = "give either before or after"
    if not request.GET.get("chat_id"):
        problems["chat_id"] = "required"
    since, at = time_of(request, "changed_since", problems), changes.moment()
    if problems:
        raise InvalidMessage(problems)
    part = access.access_chat(known_visitor(request), request.GET["chat_id"], channel_id=request.GET.get("channel_id"))
    branch = request.GET.get("branch") or "all"
    found = history.page(part.chat, limit=limit, before=before, after=after, branch=branch)
    link = link_for(request)
    return JsonResponse(
        {
            "success": True,
            "chat_id": part.chat_id,
            "messages": [message_dict(message, link) for message in found.messages],
            "has_more": found.has_more,
            "next_cursor": found.next_cursor,
            "branch_mode": found.branch,
            "typing": who_is_typing(part.chat_id, but=part.account.name),
            "read_up_to": next(
                (
                    row.pk
                    for row in reversed(found.messages)
                    if row.is_outgoing is False and (row.seq or 0) <= part.chat.read_seq
                ),
                None,
            ),
            "at": at.isoformat(),
            **(_changed(part.chat, since, link) if since else {}),
        }
    )


def _changed(chat: Chat, since: datetime, link: Link) -> dict[str, Any]:
    """Return what was changed or deleted since a moment that an earlier answer has told."""
    found, has_more = changes.since(chat, since, until=chat.last_seq)
    return {
        "changed": [message_dict(row, link) for row in found if row.deleted_at is None],
        "deleted": [row.pk for row in found if row.deleted_at is not None],
        "has_more_changes": has_more,
    }


@endpoint("GET")
def chats(request: HttpRequest) -> HttpResponseBase:
    """Return the visitor's chats, newest activity first."""
    if bearer_of(request) is None:
        get_token(request)  # a page that never gave the CSRF cookie can send all the same
    problems: Problems = {}
    limit = number_of(request, "limit", problems, default=50, most=history.MOST)
    offset = number_of(request, "offset", problems, default=0, most=10**9, least=0)
    if problems:
        raise InvalidMessage(problems)
    filters = {key: str(request.GET[key]) for key in request.GET if key not in _LIST_KEYS}
    person = known_visitor(request)
    mine = chats_of(person, filters, channel_id=request.GET.get("channel_id"))
    if cursor := request.GET.get("cursor"):
        last = mine.filter(pk=clean(cursor)).values_list("last_message_at", "pk").first()
        if last is None:
            raise NotAccessible("There is no such chat.")
        mine = mine.filter(last_message_at__lt=last[0]) | mine.filter(last_message_at=last[0], pk__gt=last[1])
    rows = list(listed(mine, owner_of(person)).order_by("-last_message_at", "pk")[offset : offset + limit + 1])
    return JsonResponse(
        {
            "success": True,
            "chats": [chat_dict(chat) for chat in rows[:limit]],
            "has_more": len(rows) > limit,
            "next_cursor": rows[limit - 1].pk if len(rows) > limit else None,
        }
    )


@endpoint("PATCH", "PUT")
def update_chat(request: HttpRequest, chat_id: str) -> HttpResponseBase:
    """Rename or archive a chat."""
    chat = access.access_owned_chat(known_visitor(request), chat_id)
    data = form_or_json(request)
    problems: Problems = dict.fromkeys(sorted(set(data) - {"title", "is_archived"}), "not a key of a chat")
    changed = []
    if "title" in data:
        title = data["title"]
        if not isinstance(title, str) or not title.strip() or len(title) > 255:
            problems["title"] = "a title of 1 to 255 characters is needed"
        else:
            chat.name = title.strip()
            changed.append("name")
    if "is_archived" in data:
        wanted = {"true": True, "false": False}.get(str(data["is_archived"]).lower())
        if wanted is None:
            problems["is_archived"] = f"{data['is_archived']!r} is not true or false"
        else:
            chat.is_archived = wanted
            changed.append("is_archived")
    if not changed and not problems:
        problems["title"] = "give a title, is_archived or both"
    if problems:
        raise InvalidMessage(problems)
    chat.save(update_fields=changed)
    live.chat_changed(chat)
    return JsonResponse({"success": True, "chat": {"id": chat.pk, "name": chat.name, "is_archived": chat.is_archived}})


@endpoint("DELETE")
def delete(request: HttpRequest, chat_id: str) -> HttpResponseBase:
    """Take a chat from the list; with ``hard_delete=true`` delete it."""
    part = access.access_chat(known_visitor(request), chat_id)
    access.refuse_blocked(part.account)
    hard = request.GET.get("hard_delete", "").lower() in ("true", "1")
    delete_chat(part, hard=hard)
    return JsonResponse({"success": True, "message": "The chat was deleted." if hard else "The chat was removed."})


@endpoint("POST")
def button_click(request: HttpRequest) -> HttpResponseBase:
    """Take in a click on a button."""
    data = json_body(request)
    execution_id = data.get("callback_execution_id")
    if not isinstance(execution_id, str) or not execution_id:
        raise InvalidMessage({"callback_execution_id": "required"})
    person = known_visitor(request)
    channel = access.access_callback_channel(execution_id, data.get("channel_id"), person)
    account = Account.objects.filter(pk=owner_of(person)).first() if person else None
    if account is None:
        raise PermissionError("This button is somebody else's.")
    take("clicks", account.pk)
    inbound.click(channel, account, execution_id)
    return JsonResponse({"success": True})


@endpoint("GET", "HEAD")
def media_file(request: HttpRequest, message_id: str) -> HttpResponseBase:
    """Return a message's file to those who take part in its chat, by their session, their token or the link's key."""
    message = (
        Message.objects.filter(pk=clean(message_id), platform="WebChat", deleted_at=None).exclude(media="").first()
    )
    if message is None:
        raise NotAccessible("There is no such file.")
    key = request.GET.get("key")
    holder = holder_of(key, message.pk) if key is not None else None
    part = access.access_chat(holder or known_visitor(request), message.chat_id)
    if holder is not None:
        access.refuse_blocked(part.account)
    return serve(request, message, is_for_others=holder is not None)


@ensure_csrf_cookie
def demo(request: HttpRequest) -> HttpResponse:
    """Show the demo page; there is none in production."""
    if not settings.DEBUG:
        raise Http404
    visitor(request)
    return render(
        request,
        "unicom/webchat/demo.html",
        {
            "channel_id": request.GET.get("channel_id", ""),
            # A socket that nothing answers would be a failed request in everybody's log.
            "disable_websocket": not settings.channel_layer_backend,
            "suggestions": [str(text) for text in _SUGGESTIONS],
            "themes": _LOOKS,
            "title": "Unicom WebChat",
        },
    )
