"""Tell our own pages' sockets from those that a page of somebody else's opens in a visitor's browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.http.request import split_domain_port, validate_host

from unicom.conf import settings

MOST_PARAMETERS = 50


def is_from_here(scope: Mapping[str, Any]) -> bool:
    """Tell whether a handshake comes from a page of this site, a trusted origin, or from no page at all.

    Browsers send cookies along with any page's handshake, and always name the page's origin; other programs need not.
    """
    headers = {bytes(name).lower(): bytes(value) for name, value in scope.get("headers", [])}
    host = headers.get(b"host", b"").decode("latin-1")
    if host and not validate_host(split_domain_port(host)[0], settings.allowed_hosts):
        return False
    if b"origin" not in headers:
        return True
    try:
        origin = urlsplit(headers[b"origin"].decode("ascii"))
        named = origin.hostname or ""
    except ValueError:
        return False
    if origin.scheme not in ("http", "https") or not named:
        return False
    return origin.netloc.lower() == host.lower() or any(
        _matches(origin, trusted) for trusted in settings.trusted_origins
    )


def _matches(origin: Any, trusted: str) -> bool:
    wanted = urlsplit(trusted)
    if wanted.scheme != origin.scheme:
        return False
    if wanted.netloc.startswith("*."):
        return bool(origin.netloc.lower().endswith(wanted.netloc[1:].lower()))
    return bool(origin.netloc.lower() == wanted.netloc.lower())


def query_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a socket's address; of several of one name the last."""
    text = bytes(scope.get("query_string", b"")).decode("latin-1")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        return {}
