"""Know the platforms by name; each is one dotted path, imported when first used."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

from unicom.conf import settings
from unicom.errors import ConfigurationError, UnknownPlatform

if TYPE_CHECKING:
    from unicom.platforms.base import Adapter

BUILTIN = {
    "Email": "unicom.platforms.email.adapter.EmailAdapter",
    "Internal": "unicom.platforms.internal.InternalAdapter",
    "Telegram": "unicom.platforms.telegram.adapter.TelegramAdapter",
    "WebChat": "unicom.platforms.webchat.adapter.WebChatAdapter",
    "WhatsApp": "unicom.platforms.whatsapp.adapter.WhatsAppAdapter",
}


def names() -> list[str]:
    """Return the names of all platforms, sorted."""
    merged = {**BUILTIN, **settings.UNICOM_PLATFORMS}
    return sorted(name for name, path in merged.items() if path)


def adapter_class(platform: str) -> type[Adapter]:
    """Return the adapter of a platform; raises UnknownPlatform naming those there are."""
    path = {**BUILTIN, **settings.UNICOM_PLATFORMS}.get(platform)
    if not path:
        raise UnknownPlatform(f"{platform!r} is not one of {', '.join(names())}")
    return _load(path)


@cache
def _load(path: str) -> type[Adapter]:
    from unicom.platforms.base import Adapter

    found = import_string(path)
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise ConfigurationError(f"UNICOM_PLATFORMS: {path!r} is not a subclass of unicom.platforms.base.Adapter.")
    return found
