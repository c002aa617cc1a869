"""Tell who a visitor is: a user of the site, or a guest known by a random id in their session."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from unicom.ids import digest, unguessable
from unicom.types import Person

SESSION_KEY = "_unicom_guest"
PREFIX = "webchat"


def user_external_id(user: Any) -> str:
    """Return the platform id of a user of the site."""
    return f"user_{user.pk}"


def guest_external_id(secret: str) -> str:
    """Return the platform id of a guest: a digest, for an account id is shown and must not open anything."""
    return f"guest_{digest(secret)}"


def account_id(external_id: str) -> str:
    """Return the key of a visitor's account."""
    return f"{PREFIX}_{external_id}"


def known_visitor(request: HttpRequest) -> Person | None:
    """Return who is asking, or None for somebody who never wrote."""
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
