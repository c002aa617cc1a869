"""Find the provider of a model; the protocol every provider keeps is small: a prompt in, a completion out.

A model is named ``provider:model``, or only ``model`` for the endpoint of OPENAI_API_KEY and OPENAI_BASE_URL. No SDK is
imported before a model is asked.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.utils.module_loading import import_string

from unicom.conf import settings
from unicom.errors import ConfigurationError, ModelError, RealModelForbidden

BUILTIN: Mapping[str, str] = {
    "openai": "unicom.llm.providers.openai_chat.ChatProvider",
    "openai-responses": "unicom.llm.providers.openai_responses.ResponsesProvider",
}
EVERYBODY_ELSE = "unicom.llm.providers.pydantic_ai.PydanticAIProvider"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """Be what a model is asked: messages and tools in the shape of chat completions."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    """``{name, description, parameters}`` each."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the caller wants passed on, such as ``temperature``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalledTool:
    """Be one call a model makes; ``arguments`` is what it wrote, which may be no JSON at all."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """Be what a model answered."""

    text: str = ""
    tool_calls: tuple[CalledTool, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    is_cut: bool = False
    """It came to the end of what it may say at once."""
    model: str = ""


class Provider(Protocol):
    """Ask models of one maker, or of one kind of endpoint."""

    def complete(self, prompt: Prompt, on_text: Callable[[str], None] | None = None) -> Completion:
        """Ask; raises ModelError. With ``on_text`` the answer is streamed: it is called with each piece of text."""
        ...

    def speak(self, text: str, *, voice: str) -> bytes:
        """Return the text as spoken words, in MP3; raises ModelError."""
        ...

    def transcribe(self, content: bytes, name: str) -> str:
        """Return what is said in a recording; raises ModelError."""
        ...


_replacements: list[Provider] = []
_forbidden = 0
_lock = threading.Lock()


@contextmanager
def replaced_by(provider: Provider) -> Iterator[None]:
    """Have every model answered by ``provider`` within the block, in all threads."""
    with _lock:
        _replacements.append(provider)
    try:
        yield
    finally:
        with _lock:
            _replacements.remove(provider)


@contextmanager
def real_models_forbidden() -> Iterator[None]:
    """Refuse every call to a model that is not on this machine within the block, in all threads."""
    global _forbidden
    with _lock:
        _forbidden += 1
    try:
        yield
    finally:
        with _lock:
            _forbidden -= 1


def allow(address: str) -> None:
    """Raise RealModelForbidden for an address off this machine, while real models are forbidden."""
    if not _forbidden:
        return
    host = urlsplit(address).hostname or ""
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise RealModelForbidden(
            f"A real model would have been asked, at {host or 'its maker'}; use unicom.testing.FakeModel.",
            code="forbidden",
        )


def find(model: str) -> tuple[Provider, str]:
    """Return who answers for ``model``, and the model's name there; raises ModelError where nobody does."""
    with _lock:
        if _replacements:
            return _replacements[-1], model
    prefix, colon, rest = model.partition(":")
    known = {**BUILTIN, **settings.UNICOM_LLM_PROVIDERS}
    if colon and rest and prefix in known:
        return _load(known[prefix]), rest
    if colon and rest and _is_maker(prefix):
        return _load(EVERYBODY_ELSE), model
    # A colon may also be part of the name, as in "llama3:8b" or "ft:gpt-4o:shop::7p4".
    return _load(known["openai"]), model


def _load(path: str) -> Provider:
    try:
        made: Provider = import_string(path)()
    except ImportError as error:
        extra = "pydantic-ai" if path == EVERYBODY_ELSE else "openai"
        raise ModelError(f"{error}; pip install 'django-unicom[{extra}]'", code="not_installed") from None
    except ConfigurationError as error:
        raise ModelError(str(error), code="configuration") from None
    return made


# Asked for by name where pydantic-ai is not there to tell.
_MAKERS = frozenset(
    {"anthropic", "bedrock", "cohere", "google", "google-gla", "google-vertex", "groq", "mistral", "xai"}
)


def _is_maker(prefix: str) -> bool:
    if find_spec("pydantic_ai") is None:
        return prefix in _MAKERS
    from unicom.llm.providers.pydantic_ai import is_maker

    return prefix in _MAKERS or is_maker(prefix)
