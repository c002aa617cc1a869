"""Take in webhooks of every platform: prove the sender, store, answer. One view for all."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from unicom import dead_letters, health
from unicom.adapters import adapter_for
from unicom.conf import settings
from unicom.errors import (
    AnomalousPayload,
    AuthenticationFailed,
    EncryptionKeyError,
    InvalidConfig,
    UnknownPlatform,
)
from unicom.inbound import take_in
from unicom.models import Channel
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter

logger = logging.getLogger("unicom")
MOST_UNPROVEN = 256 * 1024
"""How many bytes are read to find out which channel may prove them."""
MOST_ADDRESSES = 100
"""Of how many channels one payload may be for each to be looked up by itself."""


def _answer(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)


def _read(request: HttpRequest) -> bytes | None:
    """Return the body, None where it is too large."""
    # request.body would refuse what exceeds DATA_UPLOAD_MAX_MEMORY_SIZE, a limit meant for forms.
    body = request.read(settings.UNICOM_MAX_WEBHOOK_BYTES + 1)
    return body if len(body) <= settings.UNICOM_MAX_WEBHOOK_BYTES else None


def _shake_hands(request: HttpRequest, kind: type[Adapter], adapters: list[Adapter]) -> HttpResponse:
    try:
        text = kind.handshake(request.GET.dict(), [adapter.config for adapter in adapters])
    except AuthenticationFailed:
        return _answer(403, "Not allowed.")
    return _answer(405, "Use POST.") if text is None else HttpResponse(text, content_type="text/plain")


@csrf_exempt
@transaction.non_atomic_requests
def webhook(request: HttpRequest, platform: str, channel_id: int) -> HttpResponse:
    """Answer 200 once the effect is committed (or the bytes are kept), 403 to strangers, 503 for "try again"."""
    try:
        channel = Channel.objects.filter(pk=channel_id, platform=platform).first()
        if channel is None:
            return _answer(404, "There is no such channel.")
        try:
            adapter = adapter_for(channel)
        except (InvalidConfig, UnknownPlatform):
            # Its config lacks what proves a sender: nobody can be let in.
            logger.warning("A webhook came for channel %s, whose config cannot be used.", channel.pk)
            return _answer(403, "Not allowed.")
        if request.method == "GET":
            return _shake_hands(request, type(adapter), [adapter])
        if request.method != "POST":
            return _answer(405, "Use POST.")
        body = _read(request)
        if body is None:
            return _answer(413, "The payload is too large.")
        try:
            adapter.authenticate(request.headers, body)
        except AuthenticationFailed:
            logger.warning("A webhook for channel %s failed authentication.", channel.pk)
            return _answer(403, "Not allowed.")
        take_in(channel, adapter, body)
    except EncryptionKeyError as error:
        logger.error("Channel %s: %s The platform is asked to try again.", channel_id, error)
        return _answer(503, "Try again.")
    except (OperationalError, InterfaceError):
        logger.exception("The database is in trouble; the platform is asked to try again.")
        return _answer(503, "Try again.")
    return JsonResponse({"ok": True})


@csrf_exempt
@transaction.non_atomic_requests
def shared_webhook(request: HttpRequest, platform: str) -> HttpResponse:
    """Answer for all channels of a platform that calls one address: each gets what is for it and it can prove."""
    try:
        kind = adapter_class(platform)
        if request.method not in ("GET", "POST"):
            return _answer(405, "Use GET or POST.")
        body = _read(request) if request.method == "POST" else b""
        if body is None:
            return _answer(413, "The payload is too large.")
        channels = Channel.objects.filter(platform=platform).order_by("pk")
        if request.method == "GET":
            return _shake_hands(request, kind, [adapter for _, adapter in _usable(_readable(channels))])
        # Of a large body, which may be a stranger's, nothing is read before it is proven.
        addresses = kind.addressees(body) if len(body) <= MOST_UNPROVEN else set()
        proven = _addressees(channels, addresses, request, body)
        if not proven:
            known = _usable(channels)
            proven = [(channel, adapter) for channel, adapter in known if _is_proven(adapter, request, body)]
        if not proven:
            logger.warning("A webhook of %s failed authentication.", platform)
            return _answer(403, "Not allowed.")
        for channel, adapter, part in _shared_out(kind, proven, body):
            take_in(channel, adapter, part)
    except UnknownPlatform:
        return _answer(404, "There is no such platform.")
    except EncryptionKeyError as error:
        logger.error("%s: %s The platform is asked to try again.", platform, error)
        return _answer(503, "Try again.")
    except (OperationalError, InterfaceError):
        logger.exception("The database is in trouble; the platform is asked to try again.")
        return _answer(503, "Try again.")
    return JsonResponse({"ok": True})


def _readable(channels: QuerySet[Channel]) -> list[Channel]:
    return health.readable(
        channels, otherwise=lambda pk, why: logger.error("Channel %s can prove nobody for now: %s", pk, why)
    )


def _addressees(
    channels: QuerySet[Channel], addresses: set[str], request: HttpRequest, body: bytes
) -> list[tuple[Channel, Adapter]]:
    """Return the channels a payload is for, where each has proven it; else nothing.

    So that of a thousand numbers the one is read that a message is for. The payload may still be a stranger's.
    """
    if len(addresses) > MOST_ADDRESSES or not all(address and address.isprintable() for address in addresses):
        return []
    proven = [
        (channel, adapter)
        for channel, adapter in _usable(channels.filter(external_id__in=addresses))
        if _is_proven(adapter, request, body)
    ]
    return proven if {channel.external_id for channel, _ in proven} == addresses else []


def _usable(channels: Iterable[Channel]) -> list[tuple[Channel, Adapter]]:
    """Return the channels whose config can be used; the others have nothing to prove a sender with."""
    found = []
    for channel in channels:
        try:
            found.append((channel, adapter_for(channel)))
        except InvalidConfig:
            logger.warning("The config of channel %s cannot be used for webhooks.", channel.pk)
    return found


def _is_proven(adapter: Adapter, request: HttpRequest, body: bytes) -> bool:
    try:
        adapter.authenticate(request.headers, body)
    except AuthenticationFailed:
        return False
    return True


def _shared_out(
    kind: type[Adapter], proven: list[tuple[Channel, Adapter]], body: bytes
) -> Iterator[tuple[Channel, Adapter, bytes]]:
    """Give each channel its parts of a payload; what is nobody's, or cannot be read, is kept by the first."""
    try:
        parts = kind.route(body)
    except AnomalousPayload:
        yield *proven[0], body
        return
    for address, part in parts:
        theirs = [pair for pair in proven if pair[0].external_id == address] or [
            pair for pair in proven if pair[1].concerns(address)
        ]
        original = body if len(parts) == 1 else json.dumps(part).encode()
        for channel, adapter in theirs:
            yield channel, adapter, original
        if not theirs:
            channel = proven[0][0]
            with transaction.atomic():
                dead_letters.keep_unused(channel, original)
