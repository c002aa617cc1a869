"""Hold a message to the Cloud API's documented shape and limits, as strictly as the API and more."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from unicom.testing.whatsapp.errors import Json, graph_error, invalid, missing

OUTER = frozenset(
    {"messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data"}
)
MEDIA = ("image", "audio", "video", "document", "sticker")
CAPTIONED = ("image", "video", "document")
_TOKEN_LIMIT = 256

Complain = Callable[[str], None]


def check(message: Json, complain: Complain) -> str:
    """Return the type of a message that may be sent; raises GraphError as the API refuses, complains beyond that."""
    if message.get("messaging_product") != "whatsapp":
        raise invalid("messaging_product must be whatsapp")
    kind = message.get("type", "text")
    if not isinstance(kind, str) or kind not in _CHECKS:
        raise graph_error(131051, f"Message type {kind!r} is not currently supported.")
    content = message.get(kind)
    if content is None:
        raise missing(kind)
    for name in sorted(set(message) - OUTER - {kind}):
        complain(f"unknown parameter {name!r}")
    if message.get("to") and message.get("recipient"):
        complain("both to and recipient are given; to wins")
    opaque = message.get("biz_opaque_callback_data", "")
    if not isinstance(opaque, str) or len(opaque) > 512:
        raise invalid("biz_opaque_callback_data must be a string of at most 512 characters")
    context = message.get("context")
    if context is not None and not isinstance(context.get("message_id"), str):
        raise missing("context['message_id']")
    _CHECKS[kind](content, complain)
    return kind


def _length(value: Any, name: str, most: int, *, least: int = 1) -> str:
    if not isinstance(value, str):
        raise invalid(f"Param {name} must be a string")
    units = len(value.encode("utf-16-le")) // 2
    if units < least or not value.strip():
        raise missing(name)
    if units > most:
        raise invalid(f"Param {name} must be at most {most} characters long; it has {units}.")
    return value


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise invalid(f"Param {name} must be a JSON object")
    return value


def _text(content: Any, complain: Complain) -> None:
    content = _object(content, "text")
    _length(content.get("body"), "text['body']", 4096)
    if not isinstance(content.get("preview_url", False), bool):
        raise invalid("Param text['preview_url'] must be a boolean")


def _media(kind: str) -> Callable[[Any, Complain], None]:
    def checked(content: Any, complain: Complain) -> None:
        content = _object(content, kind)
        _named(content, kind)
        if "caption" in content:
            if kind not in CAPTIONED:
                raise invalid(f"Param {kind} takes no caption")
            _length(content["caption"], f"{kind}['caption']", 1024)
        for name in sorted(set(content) - {"id", "link", "caption", "filename", "voice", "provider"}):
            complain(f"{kind}: unknown parameter {name!r}")

    return checked


def _named(content: Mapping[str, Any], kind: str) -> None:
    if bool(content.get("id")) == bool(content.get("link")):
        raise invalid(f"Param {kind} needs either id or link")
    link = content.get("link")
    if link is not None and not str(link).startswith(("https://", "http://")):
        raise invalid(f"Param {kind}['link'] is not a valid URI")


def _location(content: Any, complain: Complain) -> None:
    content = _object(content, "location")
    for name, most in (("latitude", 90), ("longitude", 180)):
        try:
            number = float(content[name])
        except (KeyError, TypeError, ValueError):
            raise missing(f"location['{name}']") from None
        if abs(number) > most:
            raise invalid(f"Param location['{name}'] is out of range")


def _contacts(content: Any, complain: Complain) -> None:
    if not isinstance(content, list) or not content:
        raise missing("contacts")
    for contact in content:
        name = _object(_object(contact, "contacts").get("name"), "contacts['name']")
        _length(name.get("formatted_name"), "contacts['name']['formatted_name']", 512)


def _reaction(content: Any, complain: Complain) -> None:
    content = _object(content, "reaction")
    if not isinstance(content.get("message_id"), str) or not content["message_id"]:
        raise missing("reaction['message_id']")
    if not isinstance(content.get("emoji"), str):
        raise missing("reaction['emoji']")


def _interactive(content: Any, complain: Complain) -> None:
    content = _object(content, "interactive")
    kind = content.get("type")
    readers = {"button": _reply_buttons, "list": _list, "cta_url": _link}
    if kind in readers:
        _length(_object(content.get("body"), "interactive['body']").get("text"), "interactive['body']['text']", 1024)
    if "footer" in content:
        _length(_object(content["footer"], "footer").get("text"), "interactive['footer']['text']", 60)
    if "header" in content:
        _header(content["header"], str(kind))
    action = _object(content.get("action"), "interactive['action']")
    if kind in readers:
        readers[str(kind)](action)
    elif kind not in (
        "flow", "product", "product_list", "catalog_message", "location_request_message", "address_message",
        "voice_call", "call_permission_request", "carousel", "request_contact_info",
    ):  # fmt: skip
        raise invalid(f"Param interactive['type'] {kind!r} is not valid")


def _header(header: Any, kind: str) -> None:
    header = _object(header, "interactive['header']")
    shown = header.get("type")
    if shown == "text":
        _length(header.get("text"), "interactive['header']['text']", 60)
    elif shown in ("image", "video", "document") and kind != "list":
        _named(_object(header.get(shown), f"interactive['header']['{shown}']"), str(shown))
    else:
        raise invalid(f"Param interactive['header']['type'] {shown!r} is not valid here")


def _reply_buttons(action: Mapping[str, Any]) -> None:
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise invalid("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    replies = [_object(_object(button, "button").get("reply"), "reply") for button in buttons]
    for reply in replies:
        _length(reply.get("title"), "button['reply']['title']", 20)
        _length(reply.get("id"), "button['reply']['id']", _TOKEN_LIMIT)
    for name in ("title", "id"):
        if len({reply[name] for reply in replies}) != len(replies):
            raise invalid(f"Duplicate button {name}s are not allowed")


def _list(action: Mapping[str, Any]) -> None:
    _length(action.get("button"), "interactive['action']['button']", 20)
    sections = action.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10:
        raise invalid("Param interactive['action']['sections'] needs 1 to 10 sections")
    rows = [row for section in sections for row in _object(section, "section").get("rows", [])]
    if not 1 <= len(rows) <= 10:
        raise invalid("Total row count exceed max allowed count: 10")
    if len(sections) > 1:
        for section in sections:
            _length(section.get("title"), "section['title']", 24)
    for row in rows:
        _length(_object(row, "row").get("title"), "row['title']", 24)
        _length(row.get("id"), "row['id']", 200)
        if "description" in row:
            _length(row["description"], "row['description']", 72)
    if len({row["id"] for row in rows}) != len(rows):
        raise invalid("Duplicate row ids are not allowed")


def _link(action: Mapping[str, Any]) -> None:
    parameters = _object(action.get("parameters"), "interactive['action']['parameters']")
    _length(parameters.get("display_text"), "parameters['display_text']", 20)
    if not re.match(r"https?://\S", str(parameters.get("url", ""))):
        raise invalid("Param parameters['url'] is not a valid URI")


def _template(content: Any, complain: Complain) -> None:
    content = _object(content, "template")
    _length(content.get("name"), "template['name']", 512)
    _length(_object(content.get("language"), "template['language']").get("code"), "template['language']['code']", 20)
    for name in sorted(set(content) - {"name", "language", "components"}):
        complain(f"template: unknown parameter {name!r}")


_CHECKS: dict[str, Callable[[Any, Complain], None]] = {
    "text": _text, **{kind: _media(kind) for kind in MEDIA}, "location": _location, "contacts": _contacts,
    "reaction": _reaction, "interactive": _interactive, "template": _template,
}  # fmt: skip


def shown_text(message: Json) -> str:
    """Return what people read of a message."""
    kind = str(message.get("type", "text"))
    content = message.get(kind) or {}
    if kind == "text":
        return str(content.get("body", ""))
    if kind == "interactive":
        return str((content.get("body") or {}).get("text", ""))
    return str(content.get("caption", "")) if isinstance(content, Mapping) else ""
