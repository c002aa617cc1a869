"""Tell who a visitor is: whom a token names, a user of the site, or a guest known by a random id in their session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from unicom.ids import digest, unguessable
from unicom.types import Person

SESSION_KEY = "_unicom_guest"
PREFIX = "webchat"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bearer(Person):
    """Be a visitor of another site's page, known by a token, which reaches the chats of one channel."""

    channel_id: int


def user_external_id(user: Any) -> str:
    """Return the platform id of a user of the site."""
    return f"user_{user.pk}"


def guest_external_id(secret: str) -> str:
    """Return the platform id of a guest: a digest, for an account id is shown and must not open anything."""
    return f"guest_{digest(secret)}"


def bearing_guest_external_id(channel_id: int, secret: str) -> str:
    """Return the platform id of a guest whose secret is in a token; another channel's token is another guest's."""
    return guest_external_id(f"token:{channel_id}:{secret}")


def identified_external_id(channel_id: int, identifier: str) -> str:
    """Return the platform id of whom a channel's other sites know under an identifier; nobody else's can equal it."""
    return f"visitor_{channel_id}_{digest(identifier)}"


def account_id(external_id: str) -> str:
    """Return the key of a visitor's account."""
    return f"{PREFIX}_{external_id}"


def owner_of(person: Person | None) -> str:
    """Return the key of the account whose chats somebody may see; empty for nobody."""
    return account_id(person.external_id) if person is not None else ""


def bearer_of(request: HttpRequest) -> Bearer | None:
    """Return whom the request's token names, None where it came without one."""
    return getattr(request, "unicom_bearer", None)


def known_visitor(request: HttpRequest) -> Person | None:
    """Return who is asking, or None for somebody who never wrote. Beside a token nothing of the session counts."""
    bearer = bearer_of(request)
    if bearer is not None:
        return bearer
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        name = user.get_full_name() or user.get_username()
        return Person(external_id=user_external_id(user), name=name, username=user.get_username(), user_id=user.pk)
    secret = request.session.get(SESSION_KEY)
    return Person(external_id=guest_external_id(secret), name="Guest") if isinstance(secret, str) and secret else None


def visitor(request: HttpRequest) -> Person:
    """Return who is asking; a stranger becomes a guest, remembered in the session."""
    known = known_visitor(request)
    if known is not None:
        return known
    secret = unguessable()
    request.session[SESSION_KEY] = secret
    if request.session.session_key is None:
        request.session.save()  # so that the account can be found by this key later
    return Person(external_id=guest_external_id(secret), name="Guest")
