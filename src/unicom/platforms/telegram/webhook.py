"""Compare a bot's webhook with what it should be, and set it only where something differs."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from typing import Any
from urllib.parse import urlsplit

from unicom.errors import DeliveryError, InvalidConfig
from unicom.platforms.base import ChannelState
from unicom.platforms.telegram.api import BotApi
from unicom.platforms.telegram.parsing import ALLOWED_UPDATES
from unicom.types import Health

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
        return _none(url)
    info = api.call("getWebhookInfo")
    info = info if isinstance(info, dict) else {}
    if not is_reachable(url):
        if info.get("url"):
            api.call("deleteWebhook")
        return _none(url)
    if _drift(info, state, url, secret):
        api.call("setWebhook", {"url": url, "secret_token": secret, "allowed_updates": list(ALLOWED_UPDATES)})
        state.set(STATE, _digest(secret))
        return ""
    return " ".join(_troubles(info))


def look(api: BotApi, state: ChannelState, url: str, secret: str) -> Health:
    """Tell how the webhook is: whether it has drifted from what we set, how much waits, what went wrong last."""
    info = api.call("getWebhookInfo")
    info = info if isinstance(info, dict) else {}
    drift = _drift(info, state, url, secret) if url and is_reachable(url) else _none(url)
    facts = {name: info[name] for name in _FACTS if name in info}
    return Health(problems=tuple(filter(None, (drift, *_troubles(info)))), facts=facts)


_FACTS = (
    "url", "pending_update_count", "last_error_date", "last_error_message", "last_synchronization_error_date",
    "max_connections", "ip_address", "allowed_updates",
)  # fmt: skip


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _drift(info: dict[str, Any], state: ChannelState, url: str, secret: str) -> str:
    """Return how the webhook differs from what it should be, empty where it does not."""
    if info.get("url") != url:
        return f"The bot's webhook is {info.get('url') or 'not set'}, not {url}; validate the channel to set it."
    if _kinds(info) != set(ALLOWED_UPDATES):
        return "The bot's webhook is asked for other kinds of updates than ours; validate the channel to set it."
    if state.get(STATE) != _digest(secret):
        return "The bot's webhook has another secret than the channel; validate the channel to set it."
    return ""


def _none(url: str) -> str:
    if not url:
        return f"No webhook: set DJANGO_PUBLIC_ORIGIN to the https address of the site; {_POLL}."
    return f"No webhook: Telegram only reaches public https addresses, which {url} is not; {_POLL}."


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


MANY = 100
RECENT = 3600
"""Seconds for which an error is of interest that has not left anything waiting."""


def _troubles(info: dict[str, Any]) -> list[str]:
    """Return what an operator should look at: Telegram keeps what waits for a day, then it is lost."""
    waiting, said, at = (info.get(name) for name in ("pending_update_count", "last_error_message", "last_error_date"))
    found = []
    if isinstance(waiting, int) and (waiting >= MANY or (waiting and said)):
        found.append(f"{waiting:,} updates wait at Telegram, which keeps them for 24 hours.")
    if said and (waiting or (isinstance(at, int) and time.time() - at < RECENT)):
        found.append(f"Telegram says of our webhook: {str(said)[:300]}.")
    return found
