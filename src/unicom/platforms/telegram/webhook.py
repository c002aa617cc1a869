"""Compare a bot's webhook with what it should be, and set it only where something differs."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Any
from urllib.parse import urlsplit

from unicom.errors import DeliveryError, InvalidConfig
from unicom.platforms.base import ChannelState
from unicom.platforms.telegram.api import BotApi
from unicom.platforms.telegram.parsing import ALLOWED_UPDATES

STATE = "webhook_secret"
"""Telegram does not tell the secret it has, so we keep the digest of the one we last set."""
_POLL = "until then `manage.py unicom_poll_telegram` fetches the messages"


def check_token(api: BotApi) -> str:
    """Return the bot's id; raises InvalidConfig where Telegram does not know the token."""
    try:
        me = api.call("getMe")
    except DeliveryError as error:
        if error.channel_down and error.code in ("401", "404"):
            raise InvalidConfig(
                {"API_TOKEN": "Telegram does not accept this token; copy it again from @BotFather"}
            ) from None
        raise
    if not isinstance(me, dict) or not isinstance(me.get("id"), int):
        raise DeliveryError("getMe did not answer with a bot: API_URL is no Bot API server", code="answer")
    return str(me["id"])


def bring_up_to_date(api: BotApi, state: ChannelState, url: str, secret: str) -> str:
    """Set, keep or remove the webhook; returns what an operator should know, if anything."""
    if not url:
        return f"No webhook: set DJANGO_PUBLIC_ORIGIN to the https address of the site; {_POLL}."
    info = api.call("getWebhookInfo")
    info = info if isinstance(info, dict) else {}
    if not is_reachable(url):
        if info.get("url"):
            api.call("deleteWebhook")
        return f"No webhook: Telegram only reaches public https addresses, which {url} is not; {_POLL}."
    digest = hashlib.sha256(secret.encode()).hexdigest()
    same = info.get("url") == url and _kinds(info) == set(ALLOWED_UPDATES) and state.get(STATE) == digest
    if not same:
        api.call("setWebhook", {"url": url, "secret_token": secret, "allowed_updates": list(ALLOWED_UPDATES)})
        state.set(STATE, digest)
        return ""
    return _health(info)


def remove(api: BotApi) -> bool:
    """Remove the webhook, for as long as somebody polls; True if there was one. What waits is kept."""
    if not address(api):
        return False
    api.call("deleteWebhook")
    return True


def address(api: BotApi) -> str:
    """Return where the bot's updates go now, empty where nowhere."""
    info = api.call("getWebhookInfo")
    return str(info.get("url") or "") if isinstance(info, dict) else ""


def _kinds(info: dict[str, Any]) -> set[Any]:
    kinds = info.get("allowed_updates")
    return set(kinds) if isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds) else set()


def is_reachable(url: str) -> bool:
    """Tell whether Telegram's servers can call an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or host == "localhost" or host.endswith((".localhost", ".local")):
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return True


def _health(info: dict[str, Any]) -> str:
    waiting, said = info.get("pending_update_count"), info.get("last_error_message")
    if not waiting or not said:
        return ""
    return f"{waiting} updates wait at Telegram, which says of our webhook: {str(said)[:300]}"
