"""Make the calls about a message that is there: edit it, take it back, react to it, mark it as read."""

from __future__ import annotations

from typing import Any

from unicom.errors import DeliveryError
from unicom.platforms.telegram import composing, errors, keyboards, places, sending
from unicom.platforms.telegram.api import BotApi
from unicom.types import DeliveryResult, Part


def edit(api: BotApi, part: Part) -> DeliveryResult:
    """Change text, caption, file or buttons; raises DeliveryError. What is so already is a success."""
    params = _target(part)
    params["reply_markup"] = keyboards.inline(part.buttons) or part.options.get("reply_markup")
    try:
        edited = _edit(api, part, params)
    except DeliveryError as error:
        if not errors.says(error, errors.NOT_MODIFIED):
            raise
        return DeliveryResult(raw={"not_modified": True})
    return DeliveryResult(raw=sending.kept(edited))


def _edit(api: BotApi, part: Part, params: dict[str, Any]) -> Any:
    shown = composing.rendered(part.text, part.html, part.parse_mode, part.options)
    entities = shown.entities() or None
    named, file_id = composing.by_id(part.options)
    if part.file is not None or named:
        kind = composing.kind_of(part.file) if part.file else named
        # A voice can be no part of an edit; as music it is heard all the same.
        media: dict[str, Any] = {"type": "audio" if kind == "voice" else kind, "media": file_id or "attach://file"}
        media.update({"caption": shown.text, "caption_entities": entities} if shown.text else {})
        files = {"file": part.file} if part.file else {}
        return sending.formatted(api, "editMessageMedia", {**params, "media": media}, files=files)
    if not (part.text or part.html):
        return api.call("editMessageReplyMarkup", params)
    preview = composing.manner(part).get("link_preview_options")
    try:
        return sending.formatted(
            api,
            "editMessageText",
            {**params, "text": shown.text, "entities": entities, "link_preview_options": preview},
        )
    except DeliveryError as error:
        # Only Telegram knows whether it was a text or a file with a caption.
        if not errors.says(error, errors.NO_TEXT):
            raise
        return sending.formatted(
            api, "editMessageCaption", {**params, "caption": shown.text, "caption_entities": entities}
        )


def delete(api: BotApi, part: Part) -> DeliveryResult:
    """Take a message back, or all of an album; raises DeliveryError. What is gone already is a success."""
    found = [_found(name) for name in part.target.split()] or [_found("")]
    where, ids = found[0][0], [number for _, number in found]
    try:
        if where.business:
            api.call("deleteBusinessMessages", {"business_connection_id": where.business, "message_ids": ids})
        elif len(ids) > 1:
            api.call("deleteMessages", {**places.Place(chat=where.chat).params(), "message_ids": ids})
        else:
            api.call("deleteMessage", {**places.Place(chat=where.chat).params(), "message_id": ids[0]})
    except DeliveryError as error:
        if not errors.says(error, errors.ALREADY_GONE):
            raise
    return DeliveryResult()


def react(api: BotApi, part: Part) -> DeliveryResult:
    """Set our one reaction, or take it back; raises DeliveryError."""
    reaction = [{"type": "emoji", "emoji": part.text}] if part.text else []
    where, number = _found(part.target)
    api.call(
        "setMessageReaction", {**places.Place(chat=where.chat).params(), "message_id": number, "reaction": reaction}
    )
    return DeliveryResult()


def read(api: BotApi, part: Part) -> DeliveryResult:
    """Mark a customer's message as read for the account a bot acts for; elsewhere bots have no such thing."""
    params = _target(part)
    if "business_connection_id" not in params:
        raise DeliveryError("Telegram shows people nothing of what a bot has read", code="unsupported")
    api.call("readBusinessMessage", params)
    return DeliveryResult()


def _found(target: str) -> tuple[places.Place, int]:
    found = places.message(target)
    if found is None:
        raise DeliveryError(f"{target!r} is not the id of a Telegram message", code="no_target")
    return found


def _target(part: Part) -> dict[str, Any]:
    where, number = _found(part.target)
    return {**where.params(), "message_id": number}
