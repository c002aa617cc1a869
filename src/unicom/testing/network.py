"""Refuse connections that leave this machine, so that a test cannot talk to a real platform by accident."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

_LOCAL_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost"})
_PATCHED: tuple[tuple[Any, str], ...] = (
    *((socket.socket, name) for name in ("connect", "connect_ex", "sendto", "sendmsg")),
    *((socket, name) for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex")),
)
_MISSING = object()


class NetworkBlocked(RuntimeError):
    """A test tried to reach an address that is not on this machine."""


def _is_local(host: object, allow: Collection[str]) -> bool:
    """Tell if the host is this machine (loopback, or the wildcard address) or one of the allowed."""
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    if name.lower() in _LOCAL_NAMES or name in allow:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


class _Guard:
    """Stand before the functions of ``socket`` until it has ended and no guard stands before it."""

    def __init__(self, allow: Collection[str]) -> None:
        self.allow = frozenset(allow)
        self.refused: list[str] = []
        self.ended = False
        self._replaced: list[tuple[Any, str, object]] = []

    def check(self, host: object, call: str) -> None:
        """Raise unless the host is this machine or allowed."""
        if not self.ended and not _is_local(host, self.allow):
            self.refused.append(str(host))
            raise NetworkBlocked(f"{call}: {host!r} is not on this machine; tests reach loopback addresses only.")

    def install(self) -> None:
        """Put a check before every function."""
        for owner, name in _PATCHED:
            # The methods of socket.socket are inherited: then there is nothing of its own to put back.
            self._replaced.append((owner, name, vars(owner).get(name, _MISSING)))
            wrap = self._look_up if owner is socket else self._method
            setattr(owner, name, wrap(name, getattr(owner, name)))

    def remove(self) -> None:
        """Put back what was there."""
        for owner, name, own in self._replaced:
            if own is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

    def _method(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(sock: socket.socket, *args: Any) -> Any:
            # In all four the address is the last argument; a sendmsg on a connected socket has none.
            address = args[-1] if args else None
            if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                self.check(address[0], f"socket.{name}")
            return original(sock, *args)

        return guarded

    def _look_up(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
            self.check(host, name)
            return original(host, *args, **kwargs)

        return guarded


# The guards in force, each standing before those earlier in the list.
_guards: list[_Guard] = []
_guards_lock = threading.Lock()


@contextmanager
def network_guard(*, allow: Collection[str] = ()) -> Iterator[list[str]]:
    """Let sockets reach only this machine (loopback and Unix sockets) and the names or addresses in ``allow``.

    Anything else raises :class:`NetworkBlocked` before a packet is sent, look-ups of names included. The list that
    ``with`` gives holds every refused address, so that a test notices an attempt whose error the code under test
    swallowed. It holds in every thread; where several guards are in force, each must allow. Sockets that Python does
    not open itself (libpq's, uvloop's, a browser's) are out of its sight.

    For a whole session of pytest::

        @pytest.fixture(scope="session", autouse=True)
        def only_this_machine():
            with network_guard() as refused:
                yield refused
    """
    guard = _Guard(allow)
    with _guards_lock:
        guard.install()
        _guards.append(guard)
    try:
        yield guard.refused
    finally:
        with _guards_lock:
            guard.ended = True
            # Threads may end theirs in any order: one that others stand before lets everything pass until they end.
            while _guards and _guards[-1].ended:
                _guards.pop().remove()
