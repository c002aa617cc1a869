"""Keep tool calls and their results in a chat's history, as system messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from unicom import live
from unicom.cleaning import clean
from unicom.errors import InvalidMessage
from unicom.ids import unguessable, uuid7
from unicom.models import Chat, Message
from unicom.rows import next_seq


def log_tool_interaction(
    chat: Chat,
    *,
    tool_call: Mapping[str, Any] | None = None,
    tool_response: Mapping[str, Any] | None = None,
    reply_to: Message | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Message:
    """Keep a call ``{id, name, arguments}``, a response ``{call_id, result}`` or both; returns the last message made.

    ``extra`` goes into ``raw`` beside them.

    Raises InvalidMessage naming every bad key, with nothing saved.
    """
    problems: dict[str, str] = {}
    if tool_call is None and tool_response is None:
        problems["tool_call"] = "a tool_call, a tool_response or both are needed"
    interactions: dict[str, Any] = {"tool_call": tool_call, "tool_response": tool_response}
    for key, given in interactions.items():
        if given is not None and not isinstance(given, Mapping):
            problems[key] = f"a dict is needed, not {type(given).__name__}"
    if problems:
        raise InvalidMessage(problems)
    call = _call(tool_call, problems) if tool_call is not None else None
    response = _response(tool_response, call, chat, problems) if tool_response is not None else None
    if reply_to is not None and reply_to.chat_id != chat.pk:
        problems["reply_to"] = f"message {reply_to.pk!r} is in another chat"
    if problems:
        raise InvalidMessage(problems)
    made: Message | None = None
    with transaction.atomic():
        if call is not None:
            made = _store(
                chat, reply_to, "tool_call", f"Tool call: {call['name']}", {**(extra or {}), "tool_call": call}
            )
        if response is not None:
            text = f"Tool response: {response['tool_name'] or response['call_id']}"
            made = _store(chat, made or reply_to, "tool_response", text, {**(extra or {}), "tool_response": response})
    assert made is not None  # noqa: S101  one of the two was there
    return made


def _plain(value: Any, key: str, problems: dict[str, str]) -> Any:
    try:
        return clean(json.loads(json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        problems[key] = f"cannot be written as JSON ({error})"
        return None


def _call(tool_call: Mapping[str, Any], problems: dict[str, str]) -> dict[str, Any]:
    name = tool_call.get("name")
    if not isinstance(name, str) or not name:
        problems["tool_call.name"] = f"the tool's name is needed, not {name!r}"
    for key in sorted(set(tool_call) - {"id", "name", "arguments"}):
        problems[f"tool_call.{key}"] = "not a key of a tool call"
    arguments = _plain(tool_call.get("arguments") or {}, "tool_call.arguments", problems)
    return {"id": str(tool_call.get("id") or f"call_{unguessable()}"), "name": name, "arguments": arguments}


def _response(
    tool_response: Mapping[str, Any], call: dict[str, Any] | None, chat: Chat, problems: dict[str, str]
) -> dict[str, Any]:
    call_id = tool_response.get("call_id") or (call or {}).get("id")
    if not call_id:
        problems["tool_response.call_id"] = "the id of the call it answers is needed"
    if "result" not in tool_response:
        problems["tool_response.result"] = "required"
    for key in sorted(set(tool_response) - {"call_id", "result", "tool_name"}):
        problems[f"tool_response.{key}"] = "not a key of a tool response"
    tool_name = tool_response.get("tool_name") or (call or {}).get("name")
    if not tool_name and call_id:
        logged = chat.messages.filter(media_type="tool_call", raw__tool_call__id=str(call_id)).first()
        tool_name = logged.raw["tool_call"]["name"] if logged else ""
    result = _plain(tool_response.get("result"), "tool_response.result", problems)
    return {"call_id": str(call_id or ""), "result": result, "tool_name": str(tool_name or "")}


def _store(chat: Chat, reply_to: Message | None, media_type: str, text: str, raw: dict[str, Any]) -> Message:
    now = timezone.now()
    taken = next_seq(channel_id=chat.channel_id, chat_id=chat.pk, message_id=None, at=now)
    if taken is None:
        raise InvalidMessage({"chat": f"{chat.pk!r} is not a chat any more"})
    message = Message.objects.create(
        id=uuid7(),
        channel_id=chat.channel_id,
        platform=chat.platform,
        chat=chat,
        seq=taken[1],
        is_outgoing=None,
        sender_name="System",
        reply_to_message=reply_to,
        text=text,
        media_type=media_type,
        raw=raw,
        timestamp=now,
    )
    live.message_stored(message)
    return message
