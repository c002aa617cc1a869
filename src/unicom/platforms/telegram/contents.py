"""Say what a message carries: words, formatting, files; the same for new and edited ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from unicom.errors import AnomalousPayload
from unicom.platforms.telegram.reading import LARGEST, Json, an_object, full_name, number, objects, text
from unicom.platforms.telegram.rich_text import KINDS, RichText
from unicom.types import IncomingFile, MediaType

DOWNLOAD_BYTES = 20 * 1024 * 1024

Kind = Literal["image", "audio", "video", "file"]

_FILES: Mapping[str, Kind] = {
    # An animation comes with a document of the same file, so it is looked for first.
    "animation": "video",
    "document": "file",
    "audio": "audio",
    "voice": "audio",
    "video": "video",
    "video_note": "video",
    "sticker": "image",
}
# What Telegram marks by itself; it says nothing that the words do not.
_FOUND = frozenset({"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """Be what a message carries, in our words."""

    media_type: MediaType = "text"
    text: str = ""
    html: str = ""
    """The formatted text, where somebody has formatted it."""
    files: tuple[IncomingFile, ...] = ()


def read(message: Json) -> Content | None:
    """Return what a message carries; None for what is no writing of a person's, or newer than this."""
    if "text" in message:
        return Content(text=text(message, "text"), html=_html(message, "text", "entities"))
    caption = {"text": text(message, "caption"), "html": _html(message, "caption", "caption_entities")}
    if "photo" in message:
        sizes = objects(message, "photo")
        if not sizes:
            raise AnomalousPayload("photo: a list of sizes is needed.")
        largest = max(sizes, key=lambda size: number(size.get("width")) * number(size.get("height")))
        return Content(media_type="image", files=(_file(largest, "image", "photo.jpg", "image/jpeg"),), **caption)
    for name, kind in _FILES.items():
        if name in message:
            described = an_object(message, name)
            if name == "sticker" and (described.get("is_animated") or described.get("is_video")):
                kind = "video" if described.get("is_video") else "file"
            return Content(media_type=kind, files=(_file(described, kind, is_voice=name == "voice"),), **caption)
    for name, reader in _PLAIN.items():
        if name in message:
            return reader(an_object(message, name))
    return None


def _venue(venue: Json) -> Content:
    words = [text(venue, "title"), text(venue, "address"), _point(an_object(venue, "location"))]
    return Content(media_type="location", text="\n".join(filter(None, words)))


def _location(location: Json) -> Content:
    return Content(media_type="location", text=_point(location))


def _point(location: Json) -> str:
    found = [location.get(name) for name in ("latitude", "longitude")]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in found):
        raise AnomalousPayload("location: latitude and longitude are needed.")
    return f"{found[0]}, {found[1]}"


def _contact(contact: Json) -> Content:
    words = f"{full_name(contact)} {text(contact, 'phone_number')}".strip()
    return Content(media_type="contact", text=words)


def _poll(poll: Json) -> Content:
    options = [f"• {text(option, 'text')}" for option in objects(poll, "options")]
    return Content(text="\n".join([text(poll, "question"), *options]))


def _dice(dice: Json) -> Content:
    return Content(text=f"{text(dice, 'emoji')} {number(dice.get('value'))}".strip())


# A venue comes with its location.
_PLAIN = {"venue": _venue, "location": _location, "contact": _contact, "poll": _poll, "dice": _dice}


def _file(described: Json, kind: Kind, name: str = "", content_type: str = "", *, is_voice: bool = False) -> Any:
    size = described.get("file_size")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= LARGEST:
        size = None
    refused = ""
    if size is not None and size > DOWNLOAD_BYTES:
        refused = f"the file has {size:,} bytes; a bot can fetch at most 20 MB from Telegram"
    return IncomingFile(
        kind=kind,
        # Telegram may forget both when the file is fetched.
        name=text(described, "file_name")[:255] or name,
        content_type=text(described, "mime_type")[:255] or content_type,
        size=size,
        reference={"file_id": text(described, "file_id", required=True)},
        refused=refused,
        is_voice=is_voice,
    )


def _html(message: Json, name: str, entities: str) -> str:
    """Return a formatted text as HTML, empty where nobody formatted it."""
    marked = [
        entity
        for entity in objects(message, entities)
        if isinstance(entity.get("type"), str) and entity["type"] in KINDS - _FOUND
    ]
    if not marked:
        return ""
    return RichText.from_entities(text(message, name), marked, strict=False).html()
