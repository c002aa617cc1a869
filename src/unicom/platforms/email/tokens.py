"""Sign what travels with our mail and comes back: which delivery a bounce is of, which conversation an answer is in."""

from __future__ import annotations

from django.utils.crypto import constant_time_compare, salted_hmac

from unicom.conf import settings

_DELIVERY = "unicom.email.delivery"
_CHAT = "unicom.email.chat"
HEADER = "X-Unicom-Delivery"


def delivery_token(external_id: str) -> str:
    """Return the token only the recipient of this one delivery gets to see; short enough for an envelope id."""
    local = external_id.strip("<>").rpartition("@")[0]
    return f"{local}/{_short(_DELIVERY, local, settings.secret_keys[0])}"


def delivery_of(token: str, domain: str) -> str:
    """Return the external id of the delivery that a token is of; nothing for one that is not ours."""
    local, _, signature = token.strip().rpartition("/")
    known = any(constant_time_compare(_short(_DELIVERY, local, key), signature) for key in settings.secret_keys)
    return f"<{local}@{domain}>" if local and known else ""


def chat_tag(chat_id: str) -> str:
    """Return what stands behind the plus in the address that answers to a conversation come to."""
    return f"{chat_id.rpartition('_')[2]}.{_short(_CHAT, chat_id, settings.secret_keys[0])}"


def chat_of(tag: str, prefix: str = "email_") -> str:
    """Return the chat that a tag names; nothing for one that is not ours."""
    name, _, signature = tag.lower().rpartition(".")
    chat_id = f"{prefix}{name}"
    known = any(constant_time_compare(_short(_CHAT, chat_id, key), signature) for key in settings.secret_keys)
    return chat_id if name and known else ""


def _short(salt: str, value: str, secret: str) -> str:
    return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()[:20]
