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


def test_allowed_hosts_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name on the list is let through to the real look-up, its neighbours are not."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked: asked)
    with network_guard(allow=["mail.test"]) as refused:
        answer: object = socket.getaddrinfo("mail.test", 25)
        assert answer == ("mail.test", 25)
        with pytest.raises(NetworkBlocked):
            socket.getaddrinfo("a.mail.test", 25)
    assert refused == ["a.mail.test"]


def test_everything_is_as_before_afterwards() -> None:
    """Leaving the guard takes its patches away, after an error too."""
    before = (socket.socket.connect, socket.getaddrinfo)
    with pytest.raises(ZeroDivisionError), network_guard():
        assert socket.getaddrinfo is not before[1]
        raise ZeroDivisionError
    assert (socket.socket.connect, socket.getaddrinfo) == before


@pytest.mark.parametrize("first_in_first_out", [True, False])
def test_guards_that_overlap_leave_nothing_behind(*, first_in_first_out: bool) -> None:
    """Two guards, as two threads hold them, end in any order: each holds to its end, and after both all is free."""
    before = (socket.socket.connect, socket.socket.sendto, socket.getaddrinfo)
    guards = [network_guard(), network_guard()]
    for guard in guards:
        guard.__enter__()
    ending, lasting = guards if first_in_first_out else reversed(guards)
    try:
        ending.__exit__(None, None, None)
        with pytest.raises(NetworkBlocked):
            socket.getaddrinfo("example.com", 80)
    finally:
        lasting.__exit__(None, None, None)
    left = (socket.socket.connect, socket.socket.sendto, socket.getaddrinfo)
    try:
        assert left == before
    finally:
        socket.getaddrinfo = before[2]
        socket.socket.connect, socket.socket.sendto = before[:2]  # type: ignore[method-assign]


def test_many_threads_are_held_at_once() -> None:
    """What one thread does under the guard, another cannot undo."""
    raised: list[str] = []

    def try_to_leave() -> None:
        for _ in range(50):
            try:
                socket.getaddrinfo("example.com", 80)
            except NetworkBlocked as error:
                raised.append(str(error))

    with network_guard() as refused:
        threads = [threading.Thread(target=try_to_leave) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert (len(raised), len(refused)) == (400, 400)
    assert all("example.com" in sentence for sentence in raised)
