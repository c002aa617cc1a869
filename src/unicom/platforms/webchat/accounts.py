"""Make a visitor's account before they write."""

from __future__ import annotations

from django.http import HttpRequest

from unicom import arrivals
from unicom.models import Account, Channel
from unicom.platforms.webchat.guests import remember_session
from unicom.platforms.webchat.visitors import Bearer, visitor


def get_or_create_account(channel: Channel, request: HttpRequest) -> Account:
    """Return the account of whoever makes this request, made if they are new. Idempotent within a session."""
    person = visitor(request)
    account = arrivals.account(channel, person, "")
    if person.user_id is None and not isinstance(person, Bearer):
        remember_session(account, request.session.session_key)
    return account
