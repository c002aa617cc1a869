"""The methods that say where updates go. ``getUpdates`` itself waits and is in ``polling.py``."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from unicom.testing.telegram.errors import Json, bad_request
from unicom.testing.telegram.methods.context import Context
from unicom.testing.telegram.queue import KINDS
from unicom.testing.telegram.world import Webhook

PORTS = (80, 88, 443, 8443)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def read_allowed(context: Context) -> tuple[bool, list[str] | None]:
    """Return whether ``allowed_updates`` was given, and what is stored: None for the default set."""
    if context.params.raw("allowed_updates") in (None, ""):
        return False, None
    kinds = context.params.array("allowed_updates", what="allowed_updates") or []
    if any(not isinstance(kind, str) for kind in kinds):
        raise bad_request("can't parse allowed_updates: expected an Array of Strings")
    for kind in kinds:
        if kind not in KINDS:
            context.complain(f"allowed_updates: {kind!r} is no kind of update")
    return True, list(dict.fromkeys(kinds)) or None


def set_webhook(context: Context, *, allow_loopback: bool) -> bool:
    """Deliver updates to an address; an empty one stops it."""
    url = context.params.text("url")
    if not url:
        return delete_webhook(context)
    _check_url(url, allow_loopback=allow_loopback)
    secret = context.params.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]+", secret):
        raise bad_request("secret token contains unallowed characters")
    given, allowed = read_allowed(context)
    bot = context.bot
    webhook = Webhook(
        url=url,
        secret_token=secret,
        max_connections=min(max(context.params.integer("max_connections", 40), 1), 100),
        ip_address=context.params.text("ip_address"),
        has_custom_certificate="certificate" in context.params.files,
    )
    same = (webhook.url, secret, webhook.max_connections) == (
        bot.webhook.url, bot.webhook.secret_token, bot.webhook.max_connections,
    )  # fmt: skip
    same = same and (not given or allowed == bot.allowed_updates)
    context.description = "Webhook is already set" if same else "Webhook was set"
    if given:
        bot.allowed_updates = allowed
    bot.webhook = webhook
    if context.params.boolean("drop_pending_updates"):
        bot.queue.clear()
    return True


def _check_url(url: str, *, allow_loopback: bool) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise bad_request("bad webhook: invalid webhook URL specified") from None
    if allow_loopback and parts.scheme in ("http", "https") and host in LOOPBACK:
        return
    if parts.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if "." not in host:
        raise bad_request("bad webhook: Failed to resolve host: Name or service not known")
    if port is not None and port not in PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def delete_webhook(context: Context) -> bool:
    """Stop delivering to an address; what waits goes to getUpdates."""
    bot = context.bot
    context.description = "Webhook was deleted" if bot.webhook.url else "Webhook is already deleted"
    bot.webhook = Webhook()
    if context.params.boolean("drop_pending_updates"):
        bot.queue.clear()
    return True


def get_webhook_info(context: Context) -> Json:
    """Return the address and how delivery goes."""
    bot, webhook = context.bot, context.bot.webhook
    info: Json = {
        "url": webhook.url,
        "has_custom_certificate": webhook.has_custom_certificate,
        "pending_update_count": len(bot.queue),
    }
    if webhook.url:
        info["max_connections"] = webhook.max_connections
        info["ip_address"] = webhook.ip_address or "127.0.0.1"
    if webhook.last_error_date:
        info.update(last_error_date=webhook.last_error_date, last_error_message=webhook.last_error_message)
    if bot.allowed_updates is not None:
        info["allowed_updates"] = bot.allowed_updates
    return info


def polling_request(context: Context) -> tuple[int, int, float]:
    """Apply what a getUpdates call says at once; return its limit, offset and time-out."""
    given, allowed = read_allowed(context)
    if given:
        context.bot.allowed_updates = allowed
    offset = context.params.integer("offset")
    limit = context.params.integer("limit", 100)
    timeout = context.params.integer("timeout")
    return (limit if 1 <= limit <= 100 else 100), offset, float(max(0, min(timeout, 50)))


def no_effect(context: Context) -> Any:
    """Answer yes to logOut and close."""
    return True
