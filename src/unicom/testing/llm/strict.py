"""Judge a prompt as the strictest of endpoints would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEYS = {
    "system": {"role", "content"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "tool_calls"},
    "tool": {"role", "tool_call_id", "content"},
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def violations(messages: Any, tools: Sequence[Mapping[str, Any]] = (), *, is_asked: bool = True) -> list[str]:
    """Return what is wrong with messages in the shape of chat completions, one sentence each.

    With ``is_asked`` they must end so that it is the model's turn.
    """
    return list(_all(messages, tools, is_asked=is_asked))


def _all(messages: Any, tools: Sequence[Mapping[str, Any]], *, is_asked: bool) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one is needed"
        return
    yield from _tools(tools)
    open_calls: list[str] = []
    used: set[str] = set()
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _KEYS:
            yield f"{where}: {role!r} is no role"
            continue
        for key in set(message) - _KEYS[role]:
            yield f"{where}.{key}: not a key of a {role} message"
        if open_calls and role != "tool":
            yield f"{where}: calls {', '.join(open_calls)} have no tool message before it"
            open_calls = []
        if role == "system" and number != 0:
            yield f"{where}: only the first message is the system's"
        if role == "tool":
            call_id = message.get("tool_call_id")
            if call_id in open_calls:
                open_calls.remove(call_id)
            else:
                yield f"{where}: {call_id!r} answers no open call"
            yield from _json(message.get("content"), f"{where}.content")
        elif role == "assistant":
            yield from _assistant(message, where, used, open_calls)
        else:
            yield from _content(message.get("content"), where, may_have_parts=role == "user")
        if "name" in message and not _NAME.fullmatch(str(message["name"])):
            yield f"{where}.name: {message['name']!r}"
    if open_calls:
        yield f"calls {', '.join(open_calls)} have no tool message"
    if is_asked and isinstance(messages[-1], dict) and messages[-1].get("role") == "assistant":
        yield "it is not the model's turn: the last message is its own"


def _tools(tools: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [str(tool.get("name")) for tool in tools]
    for name in names:
        if not _NAME.fullmatch(name):
            yield f"tools: {name!r} is not a name"
        if names.count(name) > 1:
            yield f"tools: {name!r} is there twice"
    for tool in tools:
        if not isinstance(tool.get("parameters"), dict) or tool["parameters"].get("type") != "object":
            yield f"tools: {tool.get('name')!r} has no schema of an object"


def _assistant(message: Mapping[str, Any], where: str, used: set[str], open_calls: list[str]) -> Iterator[str]:
    calls = message.get("tool_calls")
    if calls is None or message.get("content") is not None:
        yield from _content(message.get("content"), where, may_have_parts=False)
    if calls is None:
        return
    if not isinstance(calls, list) or not calls:
        yield f"{where}.tool_calls: a list of calls is needed"
        return
    for call in calls:
        call_id = str(call.get("id"))
        if not _ID.fullmatch(call_id):
            yield f"{where}: {call_id!r} is no id of a call"
        if call_id in used:
            yield f"{where}: the id {call_id!r} was used before"
        used.add(call_id)
        open_calls.append(call_id)
        function = call.get("function") or {}
        if call.get("type") != "function" or not _NAME.fullmatch(str(function.get("name"))):
            yield f"{where}: {call!r} is no call of a function"
        yield from _json(function.get("arguments"), f"{where}.arguments", kind=dict)


def _json(value: Any, where: str, kind: type = object) -> Iterator[str]:
    try:
        if not isinstance(value, str) or not isinstance(json.loads(value), kind):
            yield f"{where}: {value!r} is not JSON of the right kind"
    except ValueError:
        yield f"{where}: {value!r} is not JSON"


def _content(value: Any, where: str, *, may_have_parts: bool) -> Iterator[str]:
    if isinstance(value, str):
        if not value:
            yield f"{where}.content: empty"
        if _CONTROL.search(value):
            yield f"{where}.content: has a control character"
        return
    if not may_have_parts or not isinstance(value, list) or not value:
        yield f"{where}.content: {value!r} is neither a text nor parts"
        return
    for part in value:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str) and part["text"]:
            continue
        if kind == "image_url" and re.match(
            r"data:image/(png|jpeg|gif|webp);base64,|https://", part["image_url"]["url"]
        ):
            continue
        if kind == "input_audio" and part["input_audio"]["format"] in ("mp3", "wav") and part["input_audio"]["data"]:
            continue
        yield f"{where}.content: {str(part)[:80]!r} is no part"
