"""Tell our own pages from those of other sites: by the origin that browsers name with what a page asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from django.http.request import split_domain_port, validate_host

from unicom.conf import settings

MOST_PARAMETERS = 50
LONGEST = 300


def is_from_here(scope: Mapping[str, Any]) -> bool:
    """Tell whether a handshake comes from a page of this site, a trusted origin, or from no page at all.

    Browsers send cookies along with any page's handshake, and always name the page's origin; other programs need not.
    """
    host, origin = host_of(scope), origin_of(scope)
    return is_served(host) and (origin is None or is_ours(origin, host))


def is_served(host: str) -> bool:
    """Tell whether a request was for a name of this site; one that names none came from no browser."""
    return not host or validate_host(split_domain_port(host)[0], settings.allowed_hosts)


def is_ours(origin: str, host: str) -> bool:
    """Tell whether a page's origin is the host that was asked, or one the project trusts."""
    named = _read(origin)
    return named is not None and (named.netloc.lower() == host.lower() or _is_among(named, settings.trusted_origins))


def is_among(origin: str, allowed: Iterable[str]) -> bool:
    """Tell whether an origin is one of ``allowed``, of which ``https://*.shop.example`` is every name below."""
    named = _read(origin)
    return named is not None and _is_among(named, allowed)


def _is_among(origin: SplitResult, allowed: Iterable[str]) -> bool:
    return any(_matches(origin, item) for item in allowed)


def _read(origin: str) -> SplitResult | None:
    """Return an origin's parts, None for what no page of a site has: ``null``, a file's, anything malformed."""
    if len(origin) > LONGEST or not origin.isascii():
        return None
    try:
        found = urlsplit(origin)
        named = found.hostname
    except ValueError:
        return None
    is_bare = not (found.path or found.query or found.fragment or "@" in found.netloc)
    return found if found.scheme in ("http", "https") and named and is_bare else None


def _matches(origin: SplitResult, allowed: str) -> bool:
    wanted = urlsplit(allowed)
    if wanted.scheme != origin.scheme:
        return False
    if wanted.netloc.startswith("*."):
        return origin.netloc.lower().endswith(wanted.netloc[1:].lower())
    return origin.netloc.lower() == wanted.netloc.lower()


def origin_of(scope: Mapping[str, Any]) -> str | None:
    """Return the origin a handshake names, None where it names none."""
    found = _headers(scope).get(b"origin")
    return None if found is None else found.decode("ascii", "replace")


def host_of(scope: Mapping[str, Any]) -> str:
    """Return the host a handshake was for."""
    return _headers(scope).get(b"host", b"").decode("latin-1")


def _headers(scope: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {bytes(name).lower(): bytes(value) for name, value in scope.get("headers", [])}


def query_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a socket's address; of several of one name the last."""
    text = bytes(scope.get("query_string", b"")).decode("latin-1")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        return {}
