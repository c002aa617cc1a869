"""Be pages of other sites, and their visitors, who bring a token and no cookie that counts."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.test import Client

from tests.webchat.conftest import Visitor
from unicom.models import Channel
from unicom.platforms.webchat.tokens import Pass, write

SHOP, EVIL = "https://shop.example", "https://evil.example"
SECRET = "a secret that only the shop and its chat know"
PAST = 1_600_000_000


def embedded_channel(**config: Any) -> Channel:
    """Return a web chat that pages of the shop may show."""
    return Channel.objects.create(
        name="On the shop's pages",
        platform="WebChat",
        config={"ALLOWED_ORIGINS": [SHOP], "IDENTITY_SECRET": SECRET, **config},
    )


def proof(identifier: str, secret: str = SECRET) -> str:
    """Return the hash by which a site vouches for an identifier."""
    return hmac.new(secret.encode(), identifier.encode(), hashlib.sha256).hexdigest()


def ask(channel: Channel, *, origin: str | None = SHOP, client: Client | None = None, **body: Any) -> Any:
    """Ask for a token; returns the response."""
    headers = {"origin": origin} if origin is not None else {}
    return (client or Client(enforce_csrf_checks=True)).post(
        "/unicom/webchat/token/", {"channel_id": channel.pk, **body}, content_type="application/json", headers=headers
    )


def token_for(channel: Channel, **body: Any) -> str:
    """Return a token that was given."""
    response = ask(channel, **body)
    assert response.status_code == 200, response.content
    token: str = response.json()["token"]
    return token


def identity(identifier: str = "ann") -> dict[str, Any]:
    """Return what proves an identifier."""
    return {"identifier": identifier, "identifier_hash": proof(identifier)}


class Embedded(Visitor):
    """Be a visitor of the shop's page: a token and an origin, and CSRF checks that are asked for nothing."""

    def __init__(self, token: str, *, origin: str | None = SHOP) -> None:
        self.token, self.origin = token, origin
        headers = {"authorization": f"Bearer {token}", **({"origin": origin} if origin is not None else {})}
        self.client = Client(enforce_csrf_checks=True, headers=headers)


def guest_of(channel: Channel) -> Embedded:
    """Return a new guest of a page that shows the channel."""
    return Embedded(token_for(channel))


def expired(visitor: Embedded) -> Embedded:
    """Return the same visitor with a token that has ended."""
    from dataclasses import replace

    from unicom.platforms.webchat.tokens import read

    item: Pass = read(visitor.token)
    return Embedded(write(replace(item, expires_at=PAST)))
