"""Make pictures and recordings parts of a prompt: sized down, and prepared only once."""

from __future__ import annotations

import base64
import io
import logging
from importlib.util import find_spec
from typing import IO, Any

from django.core.files.base import ContentFile

from unicom import media
from unicom.models import Message

logger = logging.getLogger("unicom.llm")

MOST = 8
"""Of how many messages the files are shown; those of earlier ones are only named."""
LONGEST_SIDE = 1568
LARGEST = 15 * 1024 * 1024
_AUDIO = {"audio/mpeg": "mp3", "audio/wav": "wav", "audio/x-wav": "wav"}
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def content(message: Message, words: str, *, with_media: bool, hears: bool = True) -> Any:
    """Return what a message with files says: a text that names them, or with media a list of parts."""
    shown: list[dict[str, Any]] = []
    named: list[str] = []
    transcript = message.raw.get("transcript") if isinstance(message.raw, dict) else None
    for path, name, content_type in files_of(message):
        is_heard = content_type.startswith("audio/") and (transcript or not hears)
        part = _part(path, content_type) if with_media and not is_heard else None
        if part is not None:
            shown.append(part)
        elif is_heard and transcript:
            named.append(f"[spoken] {transcript}")
        else:
            named.append(f"[{name or message.media_type}]")
    text = "\n".join(filter(None, [words, *named]))
    if not shown:
        return text
    return [*([{"type": "text", "text": text}] if text else []), *shown]


def files_of(message: Message) -> list[tuple[str, str, str]]:
    """Return a message's files as (path, name, content type)."""
    found = [(str(item.file.name), item.name, item.content_type) for item in message.attachments.all() if item.file]
    path = message.media.name or ""
    # What was made of an attachment, such as MP3 of a voice note, stands for it.
    if path and path not in {known for known, _, _ in found}:
        found = [item for item in found if not item[2].startswith(f"{message.media_type}/")]
        found.insert(0, (path, path.rsplit("/", 1)[-1], _type_of(path)))
    return found


def _type_of(path: str) -> str:
    try:
        with media.chat_storage().open(path) as stored:
            return media.detect(stored.read(4096), path)
    except OSError:
        return ""


def _part(path: str, content_type: str) -> dict[str, Any] | None:
    """Return a file as a part of a prompt, or None where no model takes it or it cannot be read."""
    try:
        if content_type.startswith("image/"):
            url = _image(path, content_type)
            return {"type": "image_url", "image_url": {"url": url}} if url else None
        if content_type in _AUDIO:
            with media.chat_storage().open(path) as stored:
                data = stored.read(LARGEST + 1)
            if len(data) > LARGEST:
                return None
            return {
                "type": "input_audio",
                "input_audio": {"data": base64.b64encode(data).decode(), "format": _AUDIO[content_type]},
            }
    except OSError as error:
        logger.warning("The file %s cannot be shown to a model: %s", path, error)
    return None


def _image(path: str, content_type: str) -> str:
    storage = media.chat_storage()
    if find_spec("PIL") is None:
        with storage.open(path) as stored:
            data = stored.read(LARGEST + 1)
        return _data_url(data, content_type) if content_type in _IMAGES and len(data) <= LARGEST else ""
    ready = media.prepared_path(path)
    if not storage.exists(ready):
        with storage.open(path) as stored:
            smaller = _smaller(stored)
        if not smaller:
            return ""
        ready = storage.save(ready, ContentFile(smaller))
    with storage.open(ready) as stored:
        return _data_url(stored.read(), "image/jpeg")


def _smaller(stored: IO[bytes]) -> bytes:
    """Return a picture as JPEG of at most LONGEST_SIDE pixels; nothing for what is none, or is a bomb."""
    from PIL import Image, ImageOps

    try:
        with Image.open(stored) as opened:
            if opened.width * opened.height > 50_000_000:
                return b""
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            flat = Image.new("RGB", upright.size, "white")
            with_alpha = upright.convert("RGBA")
            flat.paste(with_alpha, mask=with_alpha.getchannel("A"))
    except Exception as error:
        # Pillow raises a dozen kinds of error over broken files; none of them may cost the turn.
        logger.info("A picture cannot be read: %s", error)
        return b""
    written = io.BytesIO()
    flat.save(written, "JPEG", quality=85)
    return written.getvalue()


def _data_url(data: bytes, content_type: str) -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"
