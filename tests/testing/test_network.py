"""Hold the network guard to its word: this machine only, and no attempt unnoticed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator

import httpx2
import pytest

from unicom.testing import NetworkBlocked, network_guard

ELSEWHERE = "192.0.2.1"  # reserved for documentation: nobody is there


@pytest.fixture
def listener() -> Iterator[tuple[str, int]]:
    """Listen on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close(), daemon=True)
        thread.start()
        address: tuple[str, int] = server.getsockname()
        yield address
        socket.create_connection(address).close()  # in case the test did not connect, let accept() return
        thread.join(5)


def test_this_machine_is_reached(listener: tuple[str, int]) -> None:
    """Loopback works by number and by name, and pairs of sockets do."""
    with network_guard() as refused:
        socket.create_connection(("localhost", listener[1]), timeout=5).close()
        left, right = socket.socketpair()
        left.sendall(b"x")
        assert right.recv(1) == b"x"
        left.close()
        right.close()
        assert socket.getaddrinfo("::1", 80)
    assert refused == []


def test_connecting_elsewhere_is_refused_and_noted() -> None:
    """TCP, UDP and TLS to another address raise before anything is sent."""
    with network_guard() as refused:
        with socket.socket() as tcp, pytest.raises(NetworkBlocked, match=r"192\.0\.2\.1"):
            tcp.connect((ELSEWHERE, 80))
        with socket.socket() as tcp, pytest.raises(NetworkBlocked):
            tcp.connect_ex((ELSEWHERE, 80))
        with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(NetworkBlocked):
            udp.sendto(b"x", (ELSEWHERE, 53))
        with socket.socket(type=socket.SOCK_DGRAM) as udp, pytest.raises(NetworkBlocked):
            udp.sendmsg([b"x"], [], 0, (ELSEWHERE, 53))
        context = ssl.create_default_context()
        with context.wrap_socket(socket.socket(), server_hostname="x") as tls, pytest.raises(NetworkBlocked):
            tls.connect((ELSEWHERE, 443))
        with socket.socket(socket.AF_INET6) as tcp, pytest.raises(NetworkBlocked):
            tcp.connect(("::ffff:192.0.2.1", 80, 0, 0))
    assert refused == [*[ELSEWHERE] * 5, "::ffff:192.0.2.1"]


@pytest.mark.parametrize("name", ["api.telegram.org", b"example.com", ELSEWHERE])
def test_names_are_not_looked_up(name: str | bytes) -> None:
    """Even asking a name server would leave the machine."""
    with network_guard() as refused:
        with pytest.raises(NetworkBlocked):
            socket.getaddrinfo(name, 443)
        with pytest.raises(NetworkBlocked):
            socket.gethostbyname(name.decode() if isinstance(name, bytes) else name)
    assert len(refused) == 2


def test_http_client_and_event_loop_are_held() -> None:
    """What the package itself uses cannot get around it."""
    with network_guard() as refused:
        with httpx2.Client(trust_env=False) as client, pytest.raises(NetworkBlocked):
            client.get("http://api.telegram.org/")

        async def connect() -> None:
            await asyncio.open_connection(ELSEWHERE, 80)

        with pytest.raises(NetworkBlocked):
            asyncio.run(connect())
    assert len(refused) == 2


def test_allowed_hosts_pass() -> None:
    """A name on the list is let through to the real look-up."""
    with network_guard(allow=["192.0.2.1"]) as refused:
        assert socket.getaddrinfo(ELSEWHERE, 80)
    assert refused == []


def test_everything_is_as_before_afterwards() -> None:
    """Leaving the guard takes its patches away, after an error too."""
    before = (socket.socket.connect, socket.getaddrinfo)
    with pytest.raises(ZeroDivisionError), network_guard():
        assert socket.getaddrinfo is not before[1]
        raise ZeroDivisionError
    assert (socket.socket.connect, socket.getaddrinfo) == before
