"""Write and read the tokens that visitors of other sites' pages carry, where no cookie of ours reaches.

A token is signed with the site's key, names one channel, and ends by itself. It opens what its visitor may see, so it
travels in a header or in a socket's first frame, and is neither kept nor logged here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from django.core import signing

from unicom.errors import NotAccessible
from unicom.ids import unguessable
from unicom.platforms.webchat.visitors import bearing_guest_external_id

SALT = "unicom.webchat.token"
LONGEST = 2048
GUEST_S = 30 * 86_400
"""For how long a guest who stays away is known; each visit begins it anew."""
IDENTIFIED_S = 86_400
"""For how long a site's word counts for who somebody is."""


class TokenRefused(NotAccessible):
    """Refuse a token that is none, has ended, or whose guest has become somebody else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """Be what a token says."""

    channel_id: int
    external_id: str
    expires_at: int
    """As a Unix time."""
    name: str = ""
    secret: str = field(default="", repr=False)
    """What makes a guest that guest; nothing for somebody identified."""

    @property
    def is_guest(self) -> bool:
        """Tell whether it is a guest's."""
        return bool(self.secret)

    def check_time(self) -> None:
        """Raise TokenRefused once it has ended."""
        if self.expires_at <= time.time():
            raise TokenRefused("The token has expired; fetch a new one.")


def for_guest(channel_id: int, *, secret: str = "", name: str = "") -> Pass:
    """Return a new pass: that of the guest who has ``secret``, or of a new one."""
    secret = secret or unguessable()
    return Pass(
        channel_id=channel_id,
        external_id=bearing_guest_external_id(channel_id, secret),
        expires_at=int(time.time()) + GUEST_S,
        name=name,
        secret=secret,
    )


def for_identified(channel_id: int, external_id: str) -> Pass:
    """Return a new pass of somebody who was identified."""
    return Pass(channel_id=channel_id, external_id=external_id, expires_at=int(time.time()) + IDENTIFIED_S)


def write(item: Pass) -> str:
    """Return a pass as a token."""
    who = {"g": item.secret, "n": item.name} if item.is_guest else {"i": item.external_id}
    return signing.Signer(salt=SALT).sign_object({"c": item.channel_id, "e": item.expires_at, **who})


def read(token: Any) -> Pass:
    """Return what a token says; raises TokenRefused."""
    if not isinstance(token, str) or len(token) > LONGEST or not token.isascii():
        raise TokenRefused("This is not a token of this web chat.")
    try:
        said = signing.Signer(salt=SALT).unsign_object(token)
    except signing.BadSignature:
        raise TokenRefused("This is not a token of this web chat.") from None
    secret = said.get("g", "")
    found = Pass(
        channel_id=said["c"],
        external_id=bearing_guest_external_id(said["c"], secret) if secret else said["i"],
        expires_at=said["e"],
        name=said.get("n", ""),
        secret=secret,
    )
    found.check_time()
    return found
