"""Make the call that sends a part: text, file, album or thing; plainer where Telegram surely refused the finery."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from unicom.errors import DeliveryError
from unicom.platforms import http
from unicom.platforms.telegram import composing, errors, places
from unicom.platforms.telegram.api import BotApi
from unicom.types import DeliveryResult, OutgoingFile, Part


def send(api: BotApi, part: Part) -> DeliveryResult:
    """Send a part; raises DeliveryError."""
    where = places.place(part.chat)
    params = {**where.params(), **composing.manner(part), "reply_parameters": _reply(where, part.reply_to)}
    shown = composing.rendered(part.text, part.html, part.parse_mode, part.options)
    entities = shown.entities() or None
    caption = {"caption": shown.text or None, "caption_entities": entities}
    kind, file_id = composing.by_id(part.options)
    thing = next((name for name in composing.THINGS if name in part.options), "")
    if part.files:
        return _album_result(where, _send_album(api, part.files, params, caption))
    if part.file is not None:
        return result(where, _send_file(api, part.file, {**params, **caption}))
    if kind:
        given = {} if kind in composing.WITHOUT_CAPTION else caption
        return result(where, formatted(api, composing.METHODS[kind], {**params, **given, kind: file_id}))
    if thing:
        return result(where, _send_thing(api, thing, part.options[thing], params))
    return result(where, formatted(api, "sendMessage", {**params, "text": shown.text, "entities": entities}))


def _send_file(api: BotApi, file: OutgoingFile, params: dict[str, Any]) -> Any:
    kind = composing.kind_of(file)
    try:
        return formatted(api, composing.METHODS[kind], params, files={kind: file})
    except DeliveryError as error:
        if kind == "document" or not errors.says(error, errors.NO_PHOTO):
            raise
        plain = {name: value for name, value in params.items() if name not in composing.WITH_FILE[kind]}
        return formatted(api, "sendDocument", plain, files={"document": file})


def _send_album(
    api: BotApi, files: Sequence[OutgoingFile], params: dict[str, Any], caption: Mapping[str, Any]
) -> list[Any]:
    """Send an album, as files where one of its pictures can be no photo."""
    look = {name: params.pop(name) for name in list(params) if any(name in names for names in _FILE_KEYS)}
    try:
        return _album(api, files, list(map(composing.kind_of, files)), params, caption, look)
    except DeliveryError as error:
        if not errors.says(error, errors.NO_PHOTO):
            raise
        return _album(api, files, ["document"] * len(files), params, caption, look)


_FILE_KEYS = tuple(composing.WITH_FILE.values())


def _album(
    api: BotApi,
    files: Sequence[OutgoingFile],
    kinds: Sequence[str],
    params: dict[str, Any],
    caption: Mapping[str, Any],
    look: Mapping[str, Any],
) -> list[Any]:
    media = []
    for number, kind in enumerate(kinds):
        item = {"type": kind, "media": f"attach://file{number}"}
        item.update({name: value for name, value in look.items() if name in composing.WITH_FILE[kind]})
        item.update({name: value for name, value in caption.items() if value and not number})
        media.append(item)
    named = {f"file{number}": file for number, file in enumerate(files)}
    sent = formatted(api, "sendMediaGroup", {**params, "media": media}, files=named)
    return sent if isinstance(sent, list) else []


def _send_thing(api: BotApi, name: str, given: Mapping[str, Any], params: dict[str, Any]) -> Any:
    wanted = dict(given)
    title = wanted.pop("name", None) or wanted.get("title")
    if name == "location" and title and wanted.get("address"):
        # A place with a name is what people call a location, too.
        return api.call("sendVenue", {**params, **wanted, "title": title})
    return api.call(composing.THINGS[name], {**params, **wanted})


def formatted(
    api: BotApi, method: str, params: dict[str, Any], *, files: Mapping[str, OutgoingFile] | None = None
) -> Any:
    """Make a call; where Telegram cannot make sense of the formatting, once more without it."""
    try:
        return _call(api, method, params, files or {})
    except DeliveryError as error:
        plain = _without_entities(params)
        if plain == params or not errors.says(error, errors.CANNOT_PARSE):
            raise
        return _call(api, method, plain, files or {})


def _without_entities(value: Any) -> Any:
    if isinstance(value, Mapping):
        marks = ("entities", "caption_entities")
        return {name: _without_entities(item) for name, item in value.items() if not (item and name in marks)}
    return [_without_entities(item) for item in value] if isinstance(value, list) else value


def _call(api: BotApi, method: str, params: Mapping[str, Any], files: Mapping[str, OutgoingFile]) -> Any:
    with contextlib.ExitStack() as opened:
        uploads: dict[str, http.File] = {}
        for name, file in files.items():
            try:
                content = opened.enter_context(contextlib.closing(file.open()))
            except OSError:
                raise DeliveryError(f"the file {file.name!r} is not in our storage any more", code="file") from None
            uploads[name] = (file.name, content, file.content_type)
        return api.call(method, params, files=uploads)


def _reply(where: places.Place, reply_to: str) -> dict[str, Any] | None:
    answered = places.message(reply_to) if reply_to else None
    # A group that became a supergroup counts its messages anew: the old number would be another message.
    if answered is None or (answered[0].business, answered[0].chat) != (where.business, where.chat):
        return None
    return {"message_id": answered[1], "allow_sending_without_reply": True}


def result(where: places.Place, sent: Any) -> DeliveryResult:
    """Return what came of a call that sent one message."""
    if not isinstance(sent, dict) or not isinstance(sent.get("message_id"), int):
        return DeliveryResult()  # "ok" without a message: it was sent, and cannot be edited
    return DeliveryResult(external_id=_name(where, sent), raw=kept(sent))


def _album_result(where: places.Place, sent: list[Any]) -> DeliveryResult:
    items = [item for item in sent if isinstance(item, dict) and isinstance(item.get("message_id"), int)]
    if not items:
        return DeliveryResult()
    names = [_name(where, item) for item in items]
    return DeliveryResult(external_id=names[0], also=tuple(names[1:]), raw={"album": [kept(item) for item in items]})


def _name(where: places.Place, sent: Mapping[str, Any]) -> str:
    chat = sent.get("chat")
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    there = places.Place(business=where.business, chat=str(chat_id) if isinstance(chat_id, int) else where.chat)
    return there.message(sent["message_id"])


def kept(sent: Any) -> dict[str, Any]:
    """Keep what is of use later: the number, the time, and the id by which a file can be sent again."""
    if not isinstance(sent, dict):
        return {}
    found = {name: sent[name] for name in ("message_id", "date", "edit_date") if name in sent}
    for name in ("photo", "animation", "document", "audio", "voice", "video", "video_note", "sticker"):
        described = sent.get(name)
        if isinstance(described, list) and described:
            described = described[-1]
        if isinstance(described, dict) and isinstance(described.get("file_id"), str):
            found.update(file_id=described["file_id"], kind=name)
            break
    return found
