"""Hand out the files of messages to those who may see the messages, and never as a page of this site."""

from __future__ import annotations

from typing import Any, TypeVar

from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase

from unicom.media import INLINE_TYPES, clean_name

Response = TypeVar("Response", bound=HttpResponseBase)


def private_file(file: Any, *, name: str, content_type: str) -> FileResponse:
    """Return a stored file: shown in place where a browser only draws or plays it, else as a download."""
    if not file:
        raise Http404
    try:
        content = file.storage.open(file.name, "rb")
    except OSError:
        raise Http404 from None
    inline = content_type in INLINE_TYPES
    response = FileResponse(
        content,
        as_attachment=not inline,
        filename=clean_name(name or file.name),
        content_type=content_type if inline else "application/octet-stream",
    )
    return locked(response)


def download(body: bytes, name: str) -> HttpResponse:
    """Return bytes as a download."""
    response = HttpResponse(body, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{clean_name(name)}"'
    return locked(response)


def locked(response: Response) -> Response:
    """Forbid a browser to make anything else of it."""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
