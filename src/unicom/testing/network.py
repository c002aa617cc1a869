"""Refuse connections that leave this machine, so that a test cannot talk to a real platform by accident."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

_LOCAL_NAMES = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost"})
_ON_SOCKETS = ("connect", "connect_ex", "sendto", "sendmsg")
_LOOK_UPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")


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


@contextmanager
def network_guard(*, allow: Collection[str] = ()) -> Iterator[list[str]]:
    """Let sockets reach only this machine (loopback and Unix sockets) and the names or addresses in ``allow``.

    Anything else raises :class:`NetworkBlocked` before a packet is sent, look-ups of names included. The list that
    ``with`` gives holds every refused address, so that a test notices an attempt whose error the code under test
    swallowed. Sockets that Python does not open itself (libpq's, uvloop's, a browser's) are out of its sight.

    For a whole session of pytest::

        @pytest.fixture(scope="session", autouse=True)
        def only_this_machine():
            with network_guard() as refused:
                yield refused
    """
    refused: list[str] = []

    def check(host: object, call: str) -> None:
        if not _is_local(host, allow):
            refused.append(str(host))
            raise NetworkBlocked(f"{call}: {host!r} is not on this machine; tests reach loopback addresses only.")

    def on_socket(name: str) -> Callable[..., Any]:
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, *args: Any) -> Any:
            # In all four the address is the last argument; a sendmsg on a connected socket has none.
            address = args[-1] if args else None
            if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                check(address[0], f"socket.{name}")
            return original(self, *args)

        return guarded

    def on_look_up(name: str) -> Callable[..., Any]:
        original = getattr(socket, name)

        def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
            check(host, name)
            return original(host, *args, **kwargs)

        return guarded

    with ExitStack() as patches:
        for name in _ON_SOCKETS:
            patches.enter_context(mock.patch.object(socket.socket, name, on_socket(name)))
        for name in _LOOK_UPS:
            patches.enter_context(mock.patch.object(socket, name, on_look_up(name)))
        yield refused
