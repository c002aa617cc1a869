"""Make the OpenAI SDK's client, and its errors ours."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import openai

from unicom.conf import settings
from unicom.errors import ModelError
from unicom.llm import providers

_TOO_LONG = ("context_length_exceeded", "string_above_max_length")
SPEECH_MODEL = "gpt-4o-mini-tts"
TRANSCRIPTION_MODEL = "gpt-4o-mini-transcribe"


class SDK:
    """Be what both ways of asking an OpenAI-compatible endpoint have in common."""

    def __init__(self) -> None:
        address = settings.OPENAI_BASE_URL
        if not settings.OPENAI_API_KEY and not address:
            raise ModelError(
                "OPENAI_API_KEY: set it in the settings or the environment, or OPENAI_BASE_URL for an endpoint that "
                "needs none",
                code="configuration",
            )
        providers.allow(address)

    @contextmanager
    def client(self) -> Iterator[openai.OpenAI]:
        """Give the client; what goes wrong in the block is raised as ModelError."""
        try:
            yield _shared()
        except openai.OpenAIError as error:
            raise translated(error) from None

    def speak(self, text: str, *, voice: str) -> bytes:
        """Return the text as spoken words, in MP3."""
        with self.client() as client:
            return client.audio.speech.create(
                model=SPEECH_MODEL, voice=voice, input=text[:4096], response_format="mp3"
            ).read()

    def transcribe(self, content: bytes, name: str) -> str:
        """Return what is said in a recording."""
        with self.client() as client:
            found = client.audio.transcriptions.create(model=TRANSCRIPTION_MODEL, file=(name, io.BytesIO(content)))
        return found.text


_lock = threading.Lock()
_client: tuple[tuple[str, str, float], openai.OpenAI] | None = None


def _shared() -> openai.OpenAI:
    """Return this process's client: its connections stay open from turn to turn, until a setting changes."""
    global _client
    wanted = (settings.OPENAI_API_KEY or "none", settings.OPENAI_BASE_URL, settings.UNICOM_LLM_TIMEOUT)
    with _lock:
        if _client is None or _client[0] != wanted:
            if _client is not None:
                _client[1].close()
            key, address, timeout = wanted
            # Asking again is the turn's affair, under its lease and with its own patience.
            made = openai.OpenAI(api_key=key, base_url=address or None, timeout=timeout, max_retries=0)
            _client = wanted, made
        return _client[1]


def translated(error: openai.OpenAIError) -> ModelError:
    """Return what an error of the SDK means; never with the key in it."""
    if isinstance(error, openai.APITimeoutError):
        return ModelError(
            f"the model was silent for {settings.UNICOM_LLM_TIMEOUT:g} seconds", retryable=True, code="timeout"
        )
    if isinstance(error, openai.APIStatusError):
        code = str(error.code or error.status_code)
        sentence = f"the model's endpoint answered {error.status_code}: {_message(error)}"
        return ModelError(
            _redacted(sentence),
            retryable=error.status_code in (408, 409, 429) or error.status_code >= 500,
            retry_after=_retry_after(error),
            too_long=code in _TOO_LONG,
            code=code,
        )
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        return ModelError(
            _redacted(f"the model's endpoint cannot be reached ({cause or error})"), retryable=True, code="connection"
        )
    # A stream that breaks off or says that it failed, and answers of no known shape.
    return ModelError(_redacted(f"the model's answer cannot be read ({error})"), retryable=True, code="unreadable")


def _message(error: openai.APIStatusError) -> str:
    body: Any = error.body
    found = body.get("message") if isinstance(body, dict) else None
    return str(found or error.message)[:500]


def _retry_after(error: openai.APIStatusError) -> timedelta | None:
    given = error.response.headers.get("retry-after", "")
    try:
        return timedelta(seconds=min(float(given), 600.0)) if error.status_code in (429, 503) else None
    except ValueError:
        return None


def _redacted(sentence: str) -> str:
    key = settings.OPENAI_API_KEY
    return sentence.replace(key, "***") if key else sentence
