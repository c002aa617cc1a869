"""Read what a message carries, type by type."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unicom.platforms.whatsapp import errors
from unicom.platforms.whatsapp.reading import Json, any_text, object_of, objects_of, optional_object, text_of
from unicom.types import IncomingFile, MediaType

TOKEN = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9_-]{24}")
"""How the buttons of ours look that call back; whether one is, the core alone can tell."""
_ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "audio/ogg": "ogg", "audio/mpeg": "mp3",
    "audio/aac": "aac", "audio/amr": "amr", "audio/mp4": "m4a", "video/mp4": "mp4", "video/3gpp": "3gp",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """Be what is shown of a message."""

    media_type: MediaType = "text"
    text: str = ""
    files: tuple[IncomingFile, ...] = ()
    token: str = ""
    """What the clicked button carries, where it looks like one of ours."""


def read(message: Json) -> Content | None:
    """Return what a message carries, None for a type that is not known; one WhatsApp could not pass on says why."""
    kind = text_of(message, "type", required=True)
    reader = _READERS.get(kind)
    return reader(message) if reader is not None else None


def _text(message: Json) -> Content:
    return Content(text=text_of(object_of(message, "text"), "body"))


def _media(message: Json) -> Content:
    name = text_of(message, "type")
    described = object_of(message, name)
    is_voice = name == "voice" or described.get("voice") is True
    content_type = text_of(described, "mime_type")[:255]
    plain = content_type.partition(";")[0].strip().lower()
    kind: Any = {"sticker": "image", "document": "file", "voice": "audio"}.get(name, name)
    filename = text_of(described, "filename")[:255]
    caption = text_of(described, "caption")
    if name == "document" and not filename:
        filename = f"document.{_ENDINGS.get(plain, 'bin')}"
    digest = text_of(described, "sha256")
    return Content(
        media_type=kind,
        text=caption,
        files=(
            IncomingFile(
                kind=kind,
                name=filename or f"{'voice' if is_voice else name}.{_ENDINGS.get(plain, 'bin')}",
                content_type=plain,
                is_voice=is_voice,
                reference={
                    "media_id": text_of(described, "id", required=True),
                    **({"sha256": digest} if digest else {}),
                },
            ),
        ),
    )


def _location(message: Json) -> Content:
    place = object_of(message, "location")
    words = [any_text(place, "name"), any_text(place, "address"), any_text(place, "url")]
    return Content(media_type="location", text="\n".join(word for word in words if word))


def _contacts(message: Json) -> Content:
    lines = []
    for contact in objects_of(message, "contacts"):
        name = any_text(optional_object(contact, "name"), "formatted_name", "first_name")
        phones = [any_text(phone, "phone", "wa_id") for phone in objects_of(contact, "phones")]
        lines.append(" ".join(part for part in (name, *phones) if part))
    return Content(media_type="contact", text="\n".join(line for line in lines if line))


def _button(message: Json) -> Content:
    pressed = object_of(message, "button")
    payload = text_of(pressed, "payload")
    return Content(text=text_of(pressed, "text") or payload, token=payload if TOKEN.fullmatch(payload) else "")


def _interactive(message: Json) -> Content:
    interactive = object_of(message, "interactive")
    kind = text_of(interactive, "type", required=True)
    answer = interactive.get(kind)
    if not isinstance(answer, Mapping):
        return Content(text=f"[{kind}]")
    if kind == "nfm_reply":
        return Content(text=any_text(answer, "body") or _flow(answer))
    chosen = any_text(answer, "id")
    title, description = any_text(answer, "title"), any_text(answer, "description")
    return Content(text=title or description or chosen or f"[{kind}]", token=chosen if TOKEN.fullmatch(chosen) else "")


def _flow(answer: Json) -> str:
    given = any_text(answer, "response_json")
    try:
        fields = json.loads(given)
    except (ValueError, RecursionError):
        return given
    if not isinstance(fields, dict):
        return given
    return "\n".join(f"{name}: {value}" for name, value in fields.items() if name != "flow_token")


def _order(message: Json) -> Content:
    order = object_of(message, "order")
    lines = [any_text(order, "text")]
    for item in objects_of(order, "product_items"):
        name = any_text(item, "product_retailer_id") or "?"
        lines.append(f"{item.get('quantity', 1)} × {name} {item.get('item_price', '')} {any_text(item, 'currency')}")
    return Content(text="\n".join(line.strip() for line in lines if line.strip()))


def _welcome(message: Json) -> Content:
    return Content(text="[opened the chat]")


def _unsupported(message: Json) -> Content:
    problems = objects_of(message, "errors")
    why = errors.read(problems[0]).sentence if problems else "WhatsApp does not pass this type on"
    kind = any_text(optional_object(message, "unsupported"), "type") or text_of(message, "type")
    return Content(text=f"[{kind}: {why}]")


_READERS: Mapping[str, Callable[[Json], Content]] = {
    "text": _text,
    **dict.fromkeys(("image", "audio", "voice", "video", "document", "sticker"), _media),
    "location": _location,
    "contacts": _contacts,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
    "request_welcome": _welcome,
    "unsupported": _unsupported,
    "unknown": _unsupported,
}
