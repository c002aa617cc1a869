"""Notice a connection that has died without a word, as behind many a router, and miss nothing because of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from imapclient import IMAPClient

from tests.platforms.email.conftest import plain_mail, within
from tests.platforms.email.servers import HOST, Dovecot
from tests.platforms.email.test_email_listening import listening
from unicom.models import Channel, Message
from unicom.platforms.email import imap, listener

pytestmark = pytest.mark.django_db(transaction=True)


class Router:
    """Pass bytes between a client and a server, until it forgets the connections it knows without telling anybody."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._door = socket.create_server((HOST, 0))
        self._sockets: list[socket.socket] = [self._door]
        self._forgotten: set[socket.socket] = set()
        self.connections = 0
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """Pass nothing more on connections there are; both ends believe that they are open."""
        self._forgotten.update(self._sockets[1:])

    def close(self) -> None:
        """Hang up everywhere."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                here = self._door.accept()[0]
            except OSError:
                return  # closed
            there = socket.create_connection((HOST, self._target))
            self.connections += 1
            self._sockets += [here, there]
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source not in self._forgotten:
                    target.sendall(data)
            if source not in self._forgotten:
                target.shutdown(socket.SHUT_WR)


@pytest.fixture
def router(mail_server: Dovecot) -> Iterator[Router]:
    running = Router(mail_server.imap)
    yield running
    running.close()


def through(mailbox: Channel, router: Router) -> None:
    """Have a mailbox reached through the router."""
    server = {"host": "localhost", "port": router.port, "starttls": True, "ca_file": mailbox.config["IMAP"]["ca_file"]}
    mailbox.config = {**mailbox.config, "IMAP": server}
    mailbox.save()


def test_em13_a_connection_that_died_silently_is_made_anew_and_caught_up_with(
    mailbox: Channel, put: Any, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listener.IDLE_SECONDS <= 9 * 60
    monkeypatch.setattr(listener, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(listener, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(imap, "READ", 0.5)
    through(mailbox, router)
    with listening() as running, within(60) as time_left:
        while not any(box.is_idle for box in running.mailboxes.values()) and time_left():
            pass
        router.forget()
        before = router.connections
        put(mailbox, plain_mail(subject="Nobody tells of this one"))
        while not Message.objects.exists() and time_left():
            pass
        assert router.connections > before
    mailbox.refresh_from_db()
    assert (Message.objects.get().subject, mailbox.down_since) == ("Nobody tells of this one", None)


def test_em13_idle_is_said_again_long_before_anybody_forgets(
    mailbox: Channel, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bytes] = []
    original = IMAPClient.idle

    def idle(client: Any) -> None:
        said.append(b"IDLE")
        original(client)

    monkeypatch.setattr(IMAPClient, "idle", idle)
    monkeypatch.setattr(listener, "IDLE_SECONDS", 0.1)
    through(mailbox, router)
    with listening(), within(60) as time_left:
        while len(said) < 4 and time_left():
            pass
    assert router.connections == 1  # all on one connection
