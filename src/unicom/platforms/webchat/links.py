"""Write the addresses of messages' files; those on other sites' pages carry a key for that one file, never the token.

A picture's request brings no header of ours and no cookie. The key says for whom it was made and ends by itself; that
they still take part in the chat is looked at when the file is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core import signing
from django.http import HttpRequest
from django.urls import reverse

from unicom.conf import settings
from unicom.errors import Expired, NotAccessible
from unicom.models import Message
from unicom.platforms.webchat.visitors import Bearer, bearer_of

SALT = "unicom.webchat.file"
LASTS_S = 6 * 3600
"""A key lasts once to twice as long: it is the same for a while, so that what was loaded need not be loaded again."""
LONGEST = 1024
Link = Callable[[Message], str]


def plain_link(message: Message) -> str:
    """Return the address for who has a session."""
    return reverse("webchat_media", args=[message.pk])


def keyed_link(channel_id: int, external_id: str, site: str) -> Link:
    """Return a function that gives the whole address for who has a token; ``site`` is the origin we are reached at."""
    until = (int(time.time()) // LASTS_S + 2) * LASTS_S

    def link(message: Message) -> str:
        said = [message.pk, channel_id, external_id, until]
        return f"{site}{plain_link(message)}?key={signing.Signer(salt=SALT).sign_object(said)}"

    return link


def link_for(request: HttpRequest) -> Link:
    """Return how files are named to whoever asks."""
    bearer = bearer_of(request)
    if bearer is None:
        return plain_link
    origin = request.headers.get("Origin")
    site = site_of(request.get_host(), origin, is_secure=request.is_secure())
    return keyed_link(bearer.channel_id, bearer.external_id, site)


def site_of(host: str, origin: str | None, *, is_secure: bool) -> str:
    """Return the origin we are reached at, as far as it is known here."""
    # A page that came over HTTPS could not have asked us over anything less, whatever our own proxy made of it.
    is_secure = is_secure or (origin or "").startswith("https:")
    return settings.DJANGO_PUBLIC_ORIGIN or f"{'https' if is_secure else 'http'}://{host}"


def holder_of(key: str, message_id: str) -> Bearer:
    """Return for whom a key to a message's file was made; raises NotAccessible, or Expired."""
    try:
        said = signing.Signer(salt=SALT).unsign_object(key[:LONGEST])
    except signing.BadSignature:
        raise NotAccessible("There is no such file.") from None
    named, channel_id, external_id, until = said
    if named != message_id:
        raise NotAccessible("There is no such file.")
    if until <= time.time():
        raise Expired("This link has expired; load the chat again.")
    return Bearer(channel_id=channel_id, external_id=external_id)
