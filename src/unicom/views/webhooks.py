"""Take in webhooks of every platform: prove the sender, store, answer. One view for all."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from unicom.adapters import adapter_for
from unicom.conf import settings
from unicom.errors import AuthenticationFailed, InvalidConfig, UnknownPlatform
from unicom.inbound import take_in
from unicom.models import Channel

logger = logging.getLogger("unicom")


def _answer(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)


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
            text = adapter.handshake(request.GET.dict(), [adapter.config])
            return _answer(405, "Use POST.") if text is None else HttpResponse(text, content_type="text/plain")
        if request.method != "POST":
            return _answer(405, "Use POST.")
        # request.body would refuse what exceeds DATA_UPLOAD_MAX_MEMORY_SIZE, a limit meant for forms.
        body = request.read(settings.UNICOM_MAX_WEBHOOK_BYTES + 1)
        if len(body) > settings.UNICOM_MAX_WEBHOOK_BYTES:
            return _answer(413, "The payload is too large.")
        try:
            adapter.authenticate(request.headers, body)
        except AuthenticationFailed:
            logger.warning("A webhook for channel %s failed authentication.", channel.pk)
            return _answer(403, "Not allowed.")
        take_in(channel, adapter, body)
    except (OperationalError, InterfaceError):
        logger.exception("The database is in trouble; the platform is asked to try again.")
        return _answer(503, "Try again.")
    return JsonResponse({"ok": True})
