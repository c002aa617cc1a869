"""Have access tokens for hosts that take no passwords: kept while they last, renewed before they end."""

from __future__ import annotations

import json
import time
from typing import Any

from unicom.errors import DeliveryError
from unicom.platforms import http
from unicom.platforms.base import ChannelState
from unicom.platforms.email.config import EmailConfig, OAuth2Config

STATE = "oauth2"
EARLY = 300
"""How many seconds before its end a token is renewed."""
_GOOGLE = ("https://oauth2.googleapis.com/token", "https://mail.google.com/")
_MICROSOFT = (
    "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access",
)


def endpoint(config: OAuth2Config) -> tuple[str, str]:
    """Return where tokens are had, and for what."""
    url, scope = {"google": _GOOGLE, "microsoft": _MICROSOFT}.get(config.provider, ("", ""))
    return config.token_url or url.format(tenant=config.tenant), config.scope or scope


def access_token(config: EmailConfig, state: ChannelState, *, renew: bool = False) -> str:
    """Return a token that lasts a while; raises DeliveryError, with ``channel_down`` where the grant is no more."""
    assert config.OAUTH2 is not None  # noqa: S101  the caller asked
    kept = state.get(STATE) or {}
    if not renew and kept.get("access_token") and kept.get("expires_at", 0) > time.time() + EARLY:
        return str(kept["access_token"])
    url, scope = endpoint(config.OAUTH2)
    if not url:
        raise DeliveryError("OAUTH2: token_url or provider is needed", channel_down=True, code="oauth2")
    answer = http.request(
        "POST",
        url,
        service="The host's token endpoint",
        fields={
            "grant_type": "refresh_token",
            "client_id": config.OAUTH2.client_id,
            "refresh_token": kept.get("refresh_token") or config.OAUTH2.refresh_token.get_secret_value(),
            **({"client_secret": secret} if (secret := config.OAUTH2.client_secret.get_secret_value()) else {}),
            **({"scope": scope} if scope else {}),
        },
    )
    found = _read(answer)
    token = found.get("access_token")
    if not isinstance(token, str) or not token:
        raise DeliveryError("the host's token endpoint gave no access token", retryable=True, code="oauth2")
    lasts = found.get("expires_in")
    state.set(
        STATE,
        {
            "access_token": token,
            "expires_at": time.time() + (float(lasts) if isinstance(lasts, int | float | str) and lasts else 3600),
            # Some hosts give a new grant with each token, and forget the one before.
            **({"refresh_token": new} if (new := found.get("refresh_token") or kept.get("refresh_token")) else {}),
        },
    )
    return token


def _read(answer: http.Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = {}
    if not isinstance(found, dict):
        found = {}
    if answer.status == 200:
        return found
    if answer.status >= 500 or answer.status == 429:
        raise DeliveryError(f"the host's token endpoint answered {answer.status}", retryable=True, code="oauth2")
    # Only the code of the error: its description may repeat what we sent.
    reason = str(found.get("error", ""))[:80] or f"status {answer.status}"
    raise DeliveryError(
        f"the host gives no access token any more ({reason}): authorise the mailbox anew",
        channel_down=True,
        code="oauth2",
    )


def xoauth2(user: str, token: str) -> str:
    """Return the words that log in with a token."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"
