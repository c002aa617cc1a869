"""Say what a web chat's config may hold: whose pages show it beside our own, and how those prove who visits them."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from unicom.platforms.base import AdapterConfig

SHORTEST_SECRET = 32
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*|\[[0-9a-f:.]+\]")


def checked_origin(value: str) -> str:
    """Return an origin as browsers write it, perhaps with ``*.`` for all names below; raises ValueError for others."""
    if value == "*":
        raise ValueError("* would let every site in; name each, as in https://shop.example")
    try:
        parts = urlsplit(value.lower())
        port = parts.port
    except ValueError:
        raise ValueError(f"{value!r} is not an origin, such as https://shop.example") from None
    host = parts.netloc.rpartition("@")[2]
    host = host.removesuffix(f":{port}") if port is not None else host
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        raise ValueError(f"{value!r} is not an origin, such as https://shop.example; names are written in ASCII")
    if host.startswith("*.") and "." not in host[2:]:
        raise ValueError(f"{value!r} would let in whole registries of names; put a site's own name behind the *.")
    if "@" in parts.netloc or parts.path or parts.query or parts.fragment or value[-1] in "?#":
        raise ValueError(f"{value!r} holds more than an origin; leave it at {parts.scheme}://{host}")
    shown = "" if port is None or port == _DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


class WebChatConfig(AdapterConfig):
    """Be a web chat; without a config it is on the pages of our own site alone."""

    ALLOWED_ORIGINS: list[Annotated[str, AfterValidator(checked_origin)]] = Field(
        default_factory=list,
        description="The other sites whose pages show this chat, as in https://shop.example or https://*.shop.example.",
    )
    IDENTITY_SECRET: SecretStr | list[SecretStr] | None = Field(
        None,
        description="With it those sites prove who their visitors are; the new and the old one while it is changed.",
    )

    @field_validator("IDENTITY_SECRET")
    @classmethod
    def _are_secrets(cls, value: SecretStr | list[SecretStr] | None) -> SecretStr | list[SecretStr] | None:
        given = value if isinstance(value, list) else [value] if value is not None else []
        if value is not None and not 1 <= len(given) <= 2:
            raise ValueError("one secret is needed, or the new and the old one")
        if any(len(item.get_secret_value()) < SHORTEST_SECRET for item in given):
            raise ValueError(f"a secret of at least {SHORTEST_SECRET} characters is needed")
        return value

    @property
    def identity_secrets(self) -> list[str]:
        """Return the secrets, the new one first."""
        given = self.IDENTITY_SECRET if isinstance(self.IDENTITY_SECRET, list) else [self.IDENTITY_SECRET]
        return [item.get_secret_value() for item in given if item is not None]

    def proves(self, identifier: str, identifier_hash: str) -> bool:
        """Tell whether a site that knows the secret vouches for an identifier."""
        given = identifier_hash.strip().lower().encode("utf-8", "surrogatepass")
        hashes = [_hash_of(identifier, secret).encode() for secret in self.identity_secrets]
        # Each is compared, whatever the first one says: the time tells nothing.
        return sum(hmac.compare_digest(found, given) for found in hashes) > 0


def _hash_of(identifier: str, secret: str) -> str:
    return hmac.new(secret.encode(), identifier.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
