"""Keep images that stand within a message's HTML: stored under ids nobody can guess, shown by address or as data."""

from __future__ import annotations

import base64
import html as entities
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse

from unicom.media import INLINE_TYPES, chat_storage
from unicom.models import Message, MessageInlineImage

if TYPE_CHECKING:
    from unicom.arrivals import Arrived

_SOURCE = re.compile(r"""(\bsrc\s*=\s*)(["'])([^"']*)\2""", re.IGNORECASE)
MOST_BYTES = 20 * 1024 * 1024


def address(image_id: str) -> str:
    """Return where an image is shown; nothing where the project has not included our urls."""
    try:
        return reverse("inline_image", args=[image_id])
    except NoReverseMatch:
        return ""


def prepare(message: Message, files: Sequence[Arrived]) -> tuple[list[MessageInlineImage], list[Arrived]]:
    """Have the HTML show the images it names by content id; returns their rows, to be written, and the other files."""
    named = entities.unescape(message.html)
    wanted = {
        item.source.content_id: item
        for item in files
        if item.source.content_id
        and item.path
        and item.content_type in INLINE_TYPES
        and f"cid:{item.source.content_id}" in named
    }
    rows = {
        content_id: MessageInlineImage(
            message=message, file=item.path, content_type=item.content_type, content_id=content_id
        )
        for content_id, item in wanted.items()
    }
    places = {f"cid:{content_id}": place for content_id, row in rows.items() if (place := address(row.pk))}
    if places:
        message.html = replaced(message.html, places)
    return list(rows.values()), [item for item in files if wanted.get(item.source.content_id) is not item]


def replaced(html: str, sources: Mapping[str, str]) -> str:
    """Return HTML with the sources of its images exchanged."""

    def other(found: re.Match[str]) -> str:
        place = sources.get(entities.unescape(found[3]))
        return found[0] if place is None else f"{found[1]}{found[2]}{place}{found[2]}"

    return _SOURCE.sub(other, html)


def with_data(message: Message) -> str:
    """Return a message's HTML with its images in it, as data URIs; those that are gone stay as they are."""
    sources: dict[str, str] = {}
    size = 0
    for image in message.inline_images.all():
        try:
            with chat_storage().open(str(image.file.name), "rb") as content:
                data = content.read()
        except OSError:
            continue
        size += len(data)
        if size > MOST_BYTES:
            break
        uri = f"data:{image.content_type};base64,{base64.b64encode(data).decode()}"
        sources[f"cid:{image.content_id}"] = uri
        if place := address(image.pk):
            sources[place] = uri
    return replaced(message.html, sources)
