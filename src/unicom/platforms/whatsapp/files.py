"""Choose how a file is sent: as a picture, a sound, a film, or as it is."""

from __future__ import annotations

import contextlib
from typing import IO, Any

from unicom.errors import DeliveryError
from unicom.platforms.whatsapp.api import GraphApi
from unicom.types import OutgoingFile

MB = 1024 * 1024
LARGEST = 100 * MB
CAPTIONED = frozenset({"image", "video", "document"})
_KINDS = {
    "image/jpeg": ("image", 5 * MB), "image/png": ("image", 5 * MB),
    "video/mp4": ("video", 16 * MB), "video/3gpp": ("video", 16 * MB),
    "audio/aac": ("audio", 16 * MB), "audio/amr": ("audio", 16 * MB), "audio/mpeg": ("audio", 16 * MB),
    "audio/mp4": ("audio", 16 * MB), "audio/ogg": ("audio", 16 * MB),
}  # fmt: skip
_SPELLINGS = {
    "audio/x-m4a": "audio/mp4", "audio/m4a": "audio/mp4", "audio/mp3": "audio/mpeg", "audio/opus": "audio/ogg",
    "image/jpg": "image/jpeg", "audio/x-aac": "audio/aac",
}  # fmt: skip


def content_type_of(file: OutgoingFile) -> str:
    """Return a file's type as WhatsApp spells it."""
    plain = file.content_type.partition(";")[0].strip().lower()
    return _SPELLINGS.get(plain, plain) or "application/octet-stream"


def kind_of(file: OutgoingFile) -> str:
    """Return image, audio, video or document; what is no fit for its kind, or too large, goes as a document."""
    kind, most = _KINDS.get(content_type_of(file), ("document", LARGEST))
    return kind if file.size <= most else "document"


def upload(api: GraphApi, number: str, file: OutgoingFile) -> tuple[str, dict[str, Any]]:
    """Upload a file; returns its kind and the object that names it."""
    try:
        content = file.open()
    except OSError:
        raise DeliveryError(f"the file {file.name!r} is not in our storage any more", code="file") from None
    with contextlib.closing(content):
        kind, content_type = kind_of(file), content_type_of(file)
        if content_type == "audio/ogg" and not _is_opus(content):
            kind = "document"  # of Ogg, WhatsApp plays Opus only
        media_id = api.upload(f"{number}/media", content, file.name, content_type)
    named: dict[str, Any] = {"id": media_id}
    if kind == "document":
        named["filename"] = file.name
    elif content_type == "audio/ogg":
        named["voice"] = True
    return kind, named


def _is_opus(content: IO[bytes]) -> bool:
    head = content.read(256)
    content.seek(0)
    return b"OpusHead" in head
