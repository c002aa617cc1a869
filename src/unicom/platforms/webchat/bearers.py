"""Let in whom a token names, from where their channel allows it; looked at anew with whatever they ask for."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import DisallowedHost
from django.db.models import Exists
from django.http import HttpRequest

from unicom import health
from unicom.errors import InvalidConfig
from unicom.models import Account, AccountIdentity, Channel
from unicom.platforms.webchat import origins
from unicom.platforms.webchat.config import WebChatConfig
from unicom.platforms.webchat.tokens import Pass, TokenRefused, read
from unicom.platforms.webchat.visitors import Bearer, account_id

logger = logging.getLogger("unicom")

FORMER_GUEST = "former_guest"
"""The kind of identity that says whose a guest's chats are now: the guest's token opens nothing any more."""
SCHEME = "bearer "


class OriginRefused(PermissionError):
    """Refuse a page of a site that the channel does not allow."""


def token_in(request: HttpRequest) -> str | None:
    """Return the token a request carries, None where it carries none."""
    header = request.headers.get("Authorization", "")
    return header[len(SCHEME) :].strip() if header[: len(SCHEME)].lower() == SCHEME else None


def config_of(channel: Channel) -> WebChatConfig:
    """Return a channel's config; one that nobody can read lets nobody in, and is named in the log."""
    try:
        return WebChatConfig.read(channel.config)
    except InvalidConfig as error:
        logger.error("Channel %s is on no other site's pages until its config is mended: %s.", channel.pk, error)
        return WebChatConfig.read({})


def is_welcome(channel: Channel, origin: str) -> bool:
    """Tell whether a channel allows pages of an origin."""
    return origins.is_among(origin, config_of(channel).ALLOWED_ORIGINS)


def is_welcome_somewhere(origin: str) -> bool:
    """Tell whether any web chat allows pages of an origin; for who has not said yet which one they mean."""
    channels = health.readable(
        Channel.objects.filter(platform="WebChat", active=True),
        otherwise=lambda pk, why: logger.error("Channel %s is on no other site's pages for now: %s", pk, why),
    )
    return any(is_welcome(channel, origin) for channel in channels)


def admit(item: Pass, *, origin: str | None, host: str) -> Bearer:
    """Return whom a pass names; raises TokenRefused, or OriginRefused for a page that may not show this chat.

    ``origin`` is None for a program that is no page: it could name any, and the token is what counts.
    """
    item.check_time()
    account = account_id(item.external_id)
    channel = (
        Channel.objects.filter(pk=item.channel_id, platform="WebChat")
        .annotate(
            is_void=Exists(AccountIdentity.objects.filter(kind=FORMER_GUEST, value=item.external_id))
            if item.is_guest
            else ~Exists(Account.objects.filter(pk=account))
        )
        .first()
    )
    if channel is None or channel.is_void:
        raise TokenRefused("The token is nobody's any more; fetch a new one.")
    if origin is not None and not origins.is_ours(origin, host) and not is_welcome(channel, origin):
        raise OriginRefused("Pages of this site may not show this web chat.")
    return Bearer(
        external_id=item.external_id,
        name=(item.name or "Guest") if item.is_guest else "",
        channel_id=item.channel_id,
    )


def admitted(request: HttpRequest, token: Any) -> Bearer:
    """Return whom a request's token names; raises as :func:`admit`."""
    return admit(read(token), origin=request.headers.get("Origin"), host=request.get_host())


def host_of(request: HttpRequest) -> str:
    """Return the host that was asked, empty where it is none of ours."""
    try:
        return request.get_host()
    except DisallowedHost:
        return ""
