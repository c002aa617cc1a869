"""Files: uploads and their limits, ids that run out, addresses that live for minutes."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from unicom.testing.whatsapp.accounts import number_of
from unicom.testing.whatsapp.errors import Json, graph_error, invalid, missing, unknown_object
from unicom.testing.whatsapp.world import Media, World

if TYPE_CHECKING:
    from unicom.testing.whatsapp.api import Context

MB = 1024 * 1024
TYPES = {
    "image/jpeg": 5 * MB, "image/png": 5 * MB, "image/webp": MB // 2, "audio/aac": 16 * MB, "audio/amr": 16 * MB,
    "audio/mpeg": 16 * MB, "audio/mp4": 16 * MB, "audio/ogg": 16 * MB, "video/mp4": 16 * MB, "video/3gpp": 16 * MB,
}  # fmt: skip
DOCUMENT = 100 * MB
URL_SECONDS = 300.0


def upload(context: Context) -> Json:
    """Keep a file; returns its id."""
    number = number_of(context)
    if context.params.get("messaging_product") != "whatsapp":
        raise missing("messaging_product")
    file = context.files.get("file")
    if file is None:
        raise missing("file")
    mime_type = str(context.params.get("type") or file.mime_type)
    most = TYPES.get(mime_type, DOCUMENT)
    if not file.data:
        raise invalid("Param file must not be empty")
    if len(file.data) > DOCUMENT or (len(file.data) > most and mime_type.startswith("audio/")):
        raise graph_error(131053, f"File of {len(file.data)} bytes is larger than {most}")
    return {"id": keep(context.world, number.id, file.data, mime_type, file.name).id}


def keep(world: World, number_id: str, data: bytes, mime_type: str, name: str = "") -> Media:
    """Keep a file for a number."""
    made = Media(
        id=str(900_000_000_000_000 + world.number()), data=data, mime_type=mime_type, number_id=number_id, name=name
    )
    world.media[made.id] = made
    return made


def _known(context: Context) -> Media:
    found = context.world.media[context.path[0]]
    asked = context.params.get("phone_number_id", found.number_id)
    if found.expired or asked != found.number_id:
        raise unknown_object(found.id)
    return found


def node(context: Context) -> Json:
    """Return where a file is, for five minutes."""
    found = _known(context)
    found.url_key, found.url_until = secrets.token_urlsafe(16), time.monotonic() + URL_SECONDS
    return {
        "messaging_product": "whatsapp", "id": found.id, "url": f"{context.settings.base_url}/media/{found.url_key}",
        "mime_type": found.mime_type, "sha256": found.sha256, "file_size": str(len(found.data)),
    }  # fmt: skip


def delete(context: Context) -> Json:
    """Forget a file."""
    del context.world.media[_known(context).id]
    return {"success": True}


def by_key(world: World, key: str) -> Media | None:
    """Return the file at an address, as long as that lives."""
    now = time.monotonic()
    return next((item for item in world.media.values() if key and item.url_key == key and now < item.url_until), None)
