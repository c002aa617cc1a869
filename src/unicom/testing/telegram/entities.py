"""Text and its entities: UTF-16 offsets, bounds, and the trimming that Telegram does to every text."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from unicom.testing.telegram.errors import Json, bad_request

MAX_ENTITIES = 100
KINDS = {
    "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic", "underline",
    "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre", "text_link", "text_mention",
    "custom_emoji", "date_time",
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DETECTED = re.compile(
    r"(?P<url>https?://[^\s<>]+)"
    r"|(?P<email>[\w.+-]+@[\w-]+\.[\w.-]+)"
    r"|(?<!\S)(?P<bot_command>/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{5,32})?)"
    r"|(?<!\w)(?P<mention>@[A-Za-z0-9_]{4,32})"
    r"|(?<!\w)(?P<hashtag>#\w+)"
)


def utf16_len(text: str) -> int:
    """Return the length of ``text`` in UTF-16 code units, the unit of every Telegram offset and limit."""
    return len(text) + sum(char > "\uffff" for char in text) if not text.isascii() else len(text)


def utf16_slice(text: str, offset: int, length: int) -> str:
    """Return the part of ``text`` that an entity covers."""
    data = text.encode("utf-16-le", "surrogatepass")
    return data[offset * 2 : (offset + length) * 2].decode("utf-16-le", "surrogatepass")


def read_entities(values: list[Any] | None) -> list[Json]:
    """Check the shape of the entities that a call gave."""
    checked: list[Json] = []
    for value in values or []:
        if not isinstance(value, dict):
            raise bad_request("can't parse MessageEntity: expected an Object")
        for field in ("offset", "length"):
            if isinstance(value.get(field), bool) or not isinstance(value.get(field), int):
                raise bad_request(f'can\'t parse MessageEntity: Field "{field}" must be of type Number')
        kind = value.get("type")
        if not isinstance(kind, str):
            raise bad_request('can\'t parse MessageEntity: Field "type" must be of type String')
        if kind == "text_link" and not isinstance(value.get("url"), str):
            raise bad_request("can't parse MessageEntity: Can't find field \"url\"")
        # The real server drops kinds it does not know; the caller records them as a violation.
        checked.append(value)
    return checked


def normalise(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Return what Telegram stores: control characters replaced, ends trimmed, entities moved along and sorted."""
    _check_bounds(text, entities)
    if not entities:
        return _CONTROL.sub(" ", text.replace("\r", "")).strip(" \n"), []
    if "\r" in text:
        text, entities = _drop_returns(text, entities)
    text = _CONTROL.sub(" ", text)
    kept = text.rstrip(" \n")
    end = utf16_len(kept)
    starts = [entity["offset"] for entity in entities]
    spaces = len(kept) - len(kept.lstrip(" \n"))
    skipped = min(spaces, *starts)
    moved: list[Json] = []
    for entity in entities:
        length = min(entity["offset"] + entity["length"], end) - entity["offset"]
        if length > 0:
            moved.append({**entity, "offset": entity["offset"] - skipped, "length": length})
    return kept[skipped:], sorted(moved, key=lambda entity: (entity["offset"], -entity["length"]))


def _check_bounds(text: str, entities: list[Json]) -> None:
    if not entities:
        return
    size = utf16_len(text)
    middles = _surrogate_middles(text)
    for entity in entities:
        start, length = entity["offset"], entity["length"]
        end = start + length
        if start < 0:
            raise bad_request(f"receive an entity with incorrect offset {start}")
        if length <= 0:
            raise bad_request(f"receive an entity with incorrect length {length}")
        if end > size:
            raise bad_request(
                f"entity beginning at UTF-16 offset {start} ends after the end of the text at UTF-16 offset {end}"
            )
        if start in middles:
            raise bad_request(f"entity begins in a middle of a UTF-16 symbol at UTF-16 offset {start}")
        if end in middles:
            raise bad_request(f"entity beginning at UTF-16 offset {start} ends in a middle of a UTF-16 symbol")


def _surrogate_middles(text: str) -> set[int]:
    middles: set[int] = set()
    if text.isascii():
        return middles
    offset = 0
    for char in text:
        if char > "\uffff":
            middles.add(offset + 1)
            offset += 1
        offset += 1
    return middles


def _drop_returns(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    removed: list[int] = []
    offset = 0
    for char in text:
        if char == "\r":
            removed.append(offset)
        offset += 2 if char > "\uffff" else 1

    def moved(position: int) -> int:
        return position - sum(place < position for place in removed)

    result = []
    for entity in entities:
        start, end = moved(entity["offset"]), moved(entity["offset"] + entity["length"])
        result.append({**entity, "offset": start, "length": end - start})
    return text.replace("\r", ""), result


def detect(text: str) -> list[Json]:
    """Return the entities that Telegram finds by itself in a user's plain text."""
    found: list[Json] = []
    for match in _DETECTED.finditer(text):
        kind = match.lastgroup
        if kind is not None:
            start = utf16_len(text[: match.start()])
            found.append({"type": kind, "offset": start, "length": utf16_len(match.group())})
    return found


def check_url(url: str) -> str:
    """Return the link as Telegram keeps it, or "" where it is not one it would open."""
    candidate = url.strip()
    if not candidate or any(char.isspace() for char in candidate):
        return ""
    if "://" not in candidate and not candidate.startswith(("tg:", "mailto:", "tel:")):
        candidate = f"http://{candidate}"
    try:
        parts = urlsplit(candidate)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme in ("tg", "ton", "tonsite", "mailto", "tel"):
        return candidate
    if parts.scheme not in ("http", "https") or ("." not in host and ":" not in host) or host.endswith("."):
        return ""
    if not parts.path and not parts.query and not parts.fragment:
        candidate += "/"
    return candidate


def link_entity(url: str, offset: int, length: int) -> Json | None:
    """Return the entity of a link's text: a mention for ``tg://user?id=``, a text_link, or None for a dead link."""
    mention = re.fullmatch(r"tg:(?://)?user\?id=(\d+)", url.strip())
    if mention:
        user = {"id": int(mention.group(1)), "is_bot": False, "first_name": "User"}
        return {"type": "text_mention", "offset": offset, "length": length, "user": user}
    checked = check_url(url)
    return {"type": "text_link", "offset": offset, "length": length, "url": checked} if checked else None
