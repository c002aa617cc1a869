"""Hand out files of chats so that nothing in them runs on the site."""

from __future__ import annotations

from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, HttpResponseBase

from unicom import media
from unicom.errors import NotAccessible
from unicom.models import Message


def serve(message: Message) -> HttpResponseBase:
    """Return a message's file; pictures and sounds inline, anything else as a download. The caller checked access."""
    attachment = message.attachments.filter(file=message.media.name).first()
    try:
        content = message.media.open("rb")
    except (OSError, SuspiciousFileOperation):
        raise NotAccessible("There is no such file any more.") from None
    name = (attachment.name if attachment else "") or str(message.media.name).rsplit("/", 1)[-1]
    head = content.read(4096)
    content.seek(0)
    content_type = media.detect(head, name, attachment.content_type if attachment else "")
    inline = content_type in media.INLINE_TYPES
    response = FileResponse(
        content,
        as_attachment=not inline,
        filename=media.clean_name(name),
        content_type=content_type if inline else "application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response
