"""Understand what is spoken, and answer in speech."""

from __future__ import annotations

import base64
import logging
from typing import Any

from unicom import media
from unicom.cleaning import clean
from unicom.errors import ModelError
from unicom.llm import parts
from unicom.llm.providers import Provider
from unicom.models import Message, Request

logger = logging.getLogger("unicom.llm")
MOST = 5


def hears(model: str) -> bool:
    """Tell whether a model takes recordings themselves; for others they are written down first."""
    return "audio" in model or "omni" in model or "gemini" in model


def transcribe_new(request: Request, provider: Provider) -> None:
    """Write down what is said in the chat's latest recordings, each once; what fails stays a recording."""
    recordings = Message.objects.filter(
        chat_id=request.chat_id, is_outgoing=False, media_type="audio", raw__transcript__isnull=True, deleted_at=None
    ).order_by("-seq")[:MOST]
    for message in recordings:
        path = next((path for path, _, kind in parts.files_of(message) if kind.startswith("audio/")), "")
        if not path:
            continue
        try:
            with media.chat_storage().open(path) as stored:
                content = stored.read(parts.LARGEST + 1)
            if len(content) > parts.LARGEST:
                continue
            words = provider.transcribe(content, path.rsplit("/", 1)[-1])
        except (OSError, ModelError) as error:
            logger.warning("Message %s cannot be transcribed: %s", message.pk, error)
            continue
        message.refresh_from_db(fields=["raw"])
        message.raw = {**message.raw, "transcript": clean(words)}
        message.save(update_fields=["raw"])


def spoken(request: Request, provider: Provider, text: str, voice: str) -> dict[str, Any]:
    """Return what makes an answer a spoken one, where a recording is answered; nothing where it cannot be."""
    if not voice or request.message is None or request.message.media_type != "audio":
        return {}
    try:
        return {"base64_audio": base64.b64encode(provider.speak(text, voice=voice)).decode()}
    except ModelError as error:
        logger.warning("The answer to %s cannot be spoken: %s", request.message_id, error)
        return {}
