"""Hand out files of chats so that nothing in them runs on the site: whole, in parts, or by the web server in front."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import IO
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.exceptions import SuspiciousFileOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe, quote_etag

from unicom import media
from unicom.conf import settings
from unicom.errors import NotAccessible
from unicom.models import Message

CHUNK = 64 * 1024
_RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")


def serve(request: HttpRequest, message: Message, *, is_for_others: bool = False) -> HttpResponseBase:
    """Return a message's file; pictures and sounds inline, anything else as a download. The caller checked access.

    ``is_for_others`` lets pages of other sites show it, too.
    """
    attachment = message.attachments.filter(file=message.media.name).first()
    try:
        content: IO[bytes] = message.media.open("rb")
    except (OSError, SuspiciousFileOperation):
        raise NotAccessible("There is no such file any more.") from None
    name = media.clean_name((attachment.name if attachment else "") or str(message.media.name).rsplit("/", 1)[-1])
    content_type = media.detect(content.read(4096), name, attachment.content_type if attachment else "")
    size = message.media.size
    etag = quote_etag((attachment.sha256 if attachment else "") or f"{message.pk}-{size}")
    modified = message.timestamp.timestamp()
    response = (
        _handed_over(content, message)
        if settings.UNICOM_MEDIA_SENDFILE and request.method == "GET"
        else _sent(request, content, size, etag, modified)
    )
    inline = content_type in media.INLINE_TYPES
    response["Content-Type"] = content_type if inline else "application/octet-stream"
    response["Content-Disposition"] = content_disposition_header(not inline, name) or (
        "inline" if inline else "attachment"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "cross-origin" if is_for_others else "same-origin"
    response["Cache-Control"] = "private, max-age=3600"
    response["ETag"] = etag
    response["Last-Modified"] = http_date(modified)
    return response


def _handed_over(content: IO[bytes], message: Message) -> HttpResponseBase:
    """Let the web server in front send the file: it is told where, by a header it takes from us alone."""
    content.close()
    response = HttpResponse()
    how = settings.UNICOM_MEDIA_SENDFILE
    if how.startswith("/"):
        response["X-Accel-Redirect"] = how.rstrip("/") + "/" + quote(str(message.media.name))
    else:
        response[how] = message.media.path
    return response


def _sent(request: HttpRequest, content: IO[bytes], size: int, etag: str, modified: float) -> HttpResponseBase:
    response: HttpResponseBase
    first, last = 0, size - 1
    asked = _RANGE.match(request.headers.get("Range", ""))
    if asked and (asked[1] or asked[2]) and _is_the_same(request, etag, modified):
        if asked[1]:
            first, last = int(asked[1]), min(int(asked[2]) if asked[2] else size - 1, size - 1)
        else:
            first = max(size - int(asked[2]), 0)
        if first > last or (not asked[1] and int(asked[2]) == 0):
            content.close()
            response = HttpResponse(status=416)
            response["Content-Range"] = f"bytes */{size}"
            response["Accept-Ranges"] = "bytes"
            return response
    content.seek(first)
    if request.method == "HEAD":
        content.close()
        response = HttpResponse()
    else:
        # A server that waits for nothing shall not wait for a disk, nor hold a whole film in memory.
        kind = _AwaitedPieces if isinstance(request, ASGIRequest) else _Pieces
        response = StreamingHttpResponse(kind(content, last - first + 1))
    if asked and (first, last) != (0, size - 1):
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(last - first + 1)
    return response


def _is_the_same(request: HttpRequest, etag: str, modified: float) -> bool:
    """Tell whether the rest of what a browser has begun to load is the rest of this."""
    condition = request.headers.get("If-Range", "")
    return condition in ("", etag) or (parse_http_date_safe(condition) or -1) >= int(modified)


class _Parts:
    """Read a part of a file; closed by the response, also where nobody reads it to its end."""

    def __init__(self, content: IO[bytes], length: int) -> None:
        self._content = content
        self._left = length

    def close(self) -> None:
        """Close the file."""
        self._content.close()

    def read(self) -> bytes:
        """Return the next piece, empty at the end."""
        piece = self._content.read(min(CHUNK, self._left))
        self._left -= len(piece)
        return piece


class _Pieces(_Parts):
    """Be read by a server that waits."""

    def __iter__(self) -> Iterator[bytes]:
        """Give the pieces."""
        while piece := self.read():
            yield piece


class _AwaitedPieces(_Parts):
    """Be read by a server that does not."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces."""
        while piece := await sync_to_async(self.read, thread_sensitive=False)():
            yield piece
