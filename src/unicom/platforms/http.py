"""Call platforms over HTTP through one pool a process, and say precisely what became of a call that failed.

What decides is whether the whole request had been written: if not, nobody can have carried it out, and it may be made
again; if so, only an answer tells, and without one it may have been. No call is ever repeated in here. The clients'
own logging is passed by, for it shows addresses, and Telegram's hold the token.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import IO, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from unicom.errors import DeliveryError

MAX_ANSWER = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """Bound each step in seconds; together they stay below a delivery's lease."""

    connect: float = 5.0
    write: float = 8.0
    read: float = 15.0
    pool: float = 1.0


TIMEOUTS = Timeouts()
# Below what servers keep an idle connection for: one they are just closing costs certainty, see _failure.
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=15.0)
_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Be what a platform answered, read whole."""

    status: int
    body: bytes


File = tuple[str, IO[bytes], str]
"""Name, content, content type."""


class _Written(httpx2.SyncByteStream):
    """Pass a request's body on, and know whether all of it was taken off our hands."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.complete = False

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._source)
        while True:
            try:
                chunk = next(chunks, None)
            except Exception as error:
                # Our own storage failed half-way, so the platform got a torso it cannot have acted on.
                raise DeliveryError(
                    f"a file could not be read ({type(error).__name__})", retryable=True, code="file"
                ) from None
            if chunk is None:
                break
            yield chunk
        # Asked for more: the last chunk has been written, headers before it.
        self.complete = True


_lock = threading.Lock()
_transports: dict[str, httpx2.HTTPTransport] = {}


@lru_cache(maxsize=64)
def _proxy_for(scheme: str, host: str) -> str:
    if host == "localhost" or host.startswith("127.") or host == "::1" or proxy_bypass(host):
        return ""
    proxies = getproxies()
    return proxies.get(scheme) or proxies.get("all") or ""


def _transport(url: str) -> httpx2.HTTPTransport:
    parts = urlsplit(url)
    proxy = _proxy_for(parts.scheme, parts.hostname or "")
    with _lock:
        found = _transports.get(proxy)
        if found is None:
            found = _transports[proxy] = httpx2.HTTPTransport(limits=_LIMITS, proxy=proxy or None)
        return found


def close() -> None:
    """Close every pooled connection; the next call opens a new one."""
    with _lock:
        closing = list(_transports.values())
        _transports.clear()
    _proxy_for.cache_clear()
    for transport in closing:
        transport.close()


def _forget() -> None:
    # A forked child must neither use nor close what its parent talks over.
    global _lock
    _lock = threading.Lock()
    _parents.append(dict(_transports))
    _transports.clear()


_parents: list[dict[str, httpx2.HTTPTransport]] = []
atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def request(
    method: str,
    url: str,
    *,
    service: str,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    files: Mapping[str, File] | None = None,
    timeouts: Timeouts | None = None,
) -> Answer:
    """Make one call and return its answer, whatever the status; raises DeliveryError where there is none."""
    with stream(
        method, url, service=service, headers=headers, content=content, fields=fields, files=files, timeouts=timeouts
    ) as (status, chunks):
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > MAX_ANSWER:
                raise DeliveryError(f"{service} answered more than {MAX_ANSWER:,} bytes", ambiguous=True, code="answer")
        return Answer(status=status, body=bytes(body))


@contextmanager
def stream(
    method: str,
    url: str,
    *,
    service: str,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    files: Mapping[str, File] | None = None,
    timeouts: Timeouts | None = None,
) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Make one call and read its answer piece by piece; raises DeliveryError, from the reading too."""
    times = timeouts or TIMEOUTS
    try:
        made = httpx2.Request(
            method,
            url,
            headers={"Accept": "*/*", **(headers or {})},
            content=content,
            data=dict(fields) if fields else None,
            files=dict(files) if files else None,
            extensions={"timeout": asdict(times)},
        )
    except httpx2.InvalidURL:
        raise DeliveryError(f"{service} cannot be called: its API address is not a URL", code="url") from None
    written = _Written(made.stream)
    made.stream = written
    try:
        response = _transport(url).handle_request(made)
    except httpx2.HTTPError as error:
        raise _failure(error, written, service, times) from None

    def chunks() -> Iterator[bytes]:
        try:
            yield from response.iter_raw()
        except httpx2.HTTPError as error:
            raise _failure(error, written, service, times) from None

    try:
        yield response.status_code, chunks()
    finally:
        response.close()


def _failure(error: httpx2.HTTPError, written: _Written, service: str, times: Timeouts) -> DeliveryError:
    """Tell what a failure means.

    A kept connection that the server closed while our request was under way looks like one that broke after the request
    was carried out. Nothing tells them apart, so both are ambiguous; the pool's look at the socket before each use and
    the short life of idle connections make it rare.
    """
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, _NOT_SENT) or not written.complete:
        return DeliveryError(f"{service} could not be reached ({what})", retryable=True, code="unreachable")
    if isinstance(error, httpx2.TimeoutException):
        return DeliveryError(
            f"{service} took the call and did not answer within {times.read:g} seconds", ambiguous=True, code="timeout"
        )
    return DeliveryError(
        f"{service} took the call and the connection broke before its answer ({what})", ambiguous=True, code="broken"
    )
