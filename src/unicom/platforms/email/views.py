"""Answer what mail clients fetch: the pixel, links that lead through us, and images within messages."""

from __future__ import annotations

import base64
import logging
import uuid
from typing import Any

from django.db import DatabaseError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from unicom.media import INLINE_TYPES, chat_storage
from unicom.models import MessageInlineImage
from unicom.platforms.email import opens, tracking

logger = logging.getLogger("unicom.email")

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@never_cache
@require_safe
def pixel(request: HttpRequest, tracking_id: uuid.UUID) -> HttpResponse:
    """Count an open and answer with one transparent point, whoever asks and whatever for."""
    try:
        opens.opened(tracking_id, method=str(request.method), agent=_agent(request))
    except DatabaseError:
        logger.warning("An open could not be counted.", exc_info=True)
    return HttpResponse(PIXEL, content_type="image/gif")


@never_cache
@require_safe
def link(request: HttpRequest, tracking_id: uuid.UUID, number: int) -> HttpResponse:
    """Count a click and lead on to where the link led when it was sent, nowhere else."""
    found = opens.clicked(tracking_id, number, method=str(request.method), agent=_agent(request))
    if found is None:
        raise Http404
    message, url = found
    if not tracking.is_link(url):
        raise Http404
    config: Any = message.channel.config
    name = str(config.get("TRACKING_PARAMETER_ID") or "") if isinstance(config, dict) else ""
    answer = HttpResponseRedirect(opens.with_parameter(url, name, str(message.tracking_id)))
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@require_safe
def inline_image(request: HttpRequest, image_id: str) -> FileResponse:
    """Show an image of a message; whoever knows its id has seen the message."""
    image = MessageInlineImage.objects.filter(pk=image_id).first()
    if image is None or image.content_type not in INLINE_TYPES:
        raise Http404
    try:
        content = chat_storage().open(str(image.file.name), "rb")
    except OSError:
        raise Http404 from None
    answer = FileResponse(content, content_type=image.content_type)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cache-Control"] = "private, max-age=86400"
    return answer


def _agent(request: HttpRequest) -> str:
    return str(request.headers.get("User-Agent", ""))[:500]
