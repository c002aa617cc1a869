"""Take in what a visitor does without a message: they read, they type, they call an answer off; also when they poll."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from unicom import stopping
from unicom.errors import InvalidMessage
from unicom.models import AccountChat
from unicom.platforms.webchat import access
from unicom.platforms.webchat.parameters import Problems, json_body, text_of
from unicom.platforms.webchat.reading import mark_read
from unicom.platforms.webchat.responses import endpoint
from unicom.platforms.webchat.typing import note_typing
from unicom.platforms.webchat.visitors import known_visitor


def _part(request: HttpRequest, data: dict[str, Any], problems: Problems) -> AccountChat:
    chat_id = text_of(data, "chat_id", problems, required=True)
    if problems:
        raise InvalidMessage(problems)
    part = access.access_chat(known_visitor(request), chat_id, channel_id=data.get("channel_id"))
    access.refuse_blocked(part.account)
    return part


@endpoint("POST")
def read(request: HttpRequest) -> HttpResponseBase:
    """Note that the visitor has read up to a message."""
    data = json_body(request)
    problems: Problems = {}
    message_id = text_of(data, "message_id", problems, required=True)
    part = _part(request, data, problems)
    mark_read(part, message_id)
    return JsonResponse({"success": True, "chat_id": part.chat_id})


@endpoint("POST")
def typing(request: HttpRequest) -> HttpResponseBase:
    """Show for some seconds that the visitor is writing."""
    part = _part(request, json_body(request), {})
    note_typing(part.chat_id, sender_name=part.account.name, is_outgoing=False, account_id=part.account_id)
    return JsonResponse({"success": True, "chat_id": part.chat_id})


@endpoint("POST")
def stop(request: HttpRequest) -> HttpResponseBase:
    """Have the answer that is being written end where it is."""
    part = _part(request, json_body(request), {})
    stopping.ask_to_stop(part.chat_id)
    return JsonResponse({"success": True, "chat_id": part.chat_id})
