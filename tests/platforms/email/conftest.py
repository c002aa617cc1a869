"""Have a mailbox on real servers, one that only sends through the sink, and people who write to it."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.docs.pages import ROOT
from tests.platforms.email.servers import (
    PASSWORD,
    Certificates,
    Dovecot,
    Postfix,
    certificates,
    dovecot,
    folder,
    postfix,
)
from unicom.platforms import http
from unicom.platforms.email import smtp
from unicom.platforms.email.dns import DnsTrouble
from unicom.testing.smtp import SmtpSink


@pytest.fixture(scope="session")
def certs() -> Iterator[Certificates]:
    """Return a certificate for this machine."""
    with folder("unicom-certs-") as home:
        home.chmod(0o755)
        yield certificates(home)


@pytest.fixture(scope="session")
def mail_server(certs: Certificates) -> Iterator[Dovecot]:
    """Run Dovecot for the session."""
    with folder("unicom-imap-") as home, dovecot(home, certs) as running:
        yield running


@pytest.fixture(scope="session")
def relay(certs: Certificates, mail_server: Dovecot) -> Iterator[Postfix]:
    """Run Postfix for the session."""
    with folder("unicom-smtp-") as home, postfix(home, certs, mail_server.lmtp, mail_server.auth) as running:
        yield running


@pytest.fixture
def sink(certs: Certificates) -> Iterator[SmtpSink]:
    """Run the sink, which wants a log-in and offers STARTTLS."""
    with SmtpSink(users={"support@example.com": PASSWORD}, tls=server_tls(certs)) as running:
        yield running
        smtp.close()


ZONE: dict[str, list[bytes]] = {}
"""What the DNS says in these tests; of every other name it says that there is none."""


class ZoneResolver:
    """Answer from ZONE; names in ``broken`` are not answered at all."""

    def txt(self, name: str) -> list[bytes]:
        """Return the texts of a name."""
        if ZONE.get(name) == [b"broken"]:
            raise DnsTrouble(name)
        return ZONE.get(name, [])

    def mx(self, name: str) -> list[str]:
        """Return the exchangers of a domain."""
        return [text.decode() for text in ZONE.get(f"mx:{name}", [])]

    def srv(self, name: str) -> list[tuple[str, int]]:
        """Return the hosts of a service."""
        return [(text.decode().split()[0], int(text.split()[1])) for text in ZONE.get(f"srv:{name}", [])]

    def a(self, name: str) -> list[str]:
        """Return the IPv4 addresses of a host."""
        return [text.decode() for text in ZONE.get(f"a:{name}", [])]

    def aaaa(self, name: str) -> list[str]:
        """Return the IPv6 addresses of a host."""
        return [text.decode() for text in ZONE.get(f"aaaa:{name}", [])]


@pytest.fixture(autouse=True)
def _own_dns(settings: Any) -> Iterator[None]:
    settings.UNICOM_DNS_RESOLVER = "tests.platforms.email.conftest.ZoneResolver"
    ZONE.clear()
    yield
    ZONE.clear()


@pytest.fixture(autouse=True)
def _connections_end() -> Iterator[None]:
    yield
    smtp.close()
    http.close()


def server_tls(certs: Certificates) -> ssl.SSLContext:
    """Return what a server of this machine speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs.cert_file, certs.key_file)
    return context


def smtp_config(sink: SmtpSink, certs: Certificates) -> dict[str, Any]:
    """Return what a channel's config says of the sink."""
    return {"host": "localhost", "port": sink.port, "starttls": True, "ca_file": certs.ca_file}


@pytest.fixture
def sending(db: None, sink: SmtpSink, certs: Certificates) -> Any:
    """Return a channel that only sends, through the sink."""
    from unicom.models import Channel

    return Channel.objects.create(
        name="Support",
        platform="Email",
        config={
            "EMAIL_ADDRESS": "support@example.com",
            "EMAIL_PASSWORD": PASSWORD,
            "EMAIL_FROM_NAME": "Sup Port",
            "SMTP": smtp_config(sink, certs),
        },
        active=True,
    )


_numbers = iter(range(1, 1_000_000))


@pytest.fixture
def mailbox(db: None, mail_server: Dovecot, sink: SmtpSink, certs: Certificates) -> Any:
    """Return a validated channel with a mailbox of its own on Dovecot, which sends through the sink."""
    from unicom.models import Channel

    address = f"box{next(_numbers)}@example.com"
    sink.users[address] = PASSWORD
    channel = Channel.objects.create(
        name="Mailbox",
        platform="Email",
        config={
            "EMAIL_ADDRESS": address,
            "EMAIL_PASSWORD": PASSWORD,
            "IMAP": mail_server.config(),
            "SMTP": smtp_config(sink, certs),
        },
    )
    assert channel.validate(), channel.error
    return channel


@pytest.fixture
def put(mail_server: Dovecot) -> Callable[..., int]:
    """Return what lays a mail into a channel's mailbox and says its UID."""

    def lay(channel: Any, mail: bytes | str, folder: str = "INBOX") -> int:
        raw = mail.replace("\n", "\r\n").encode() if isinstance(mail, str) else mail
        client = mail_server.client(channel.config["EMAIL_ADDRESS"])
        try:
            client.append(folder, raw)
            client.select_folder(folder)
            return int(max(client.search()))
        finally:
            client.logout()

    return lay


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path, settings: Any) -> Iterator[Start]:
    """Return what starts a command of ours as a process."""
    settings.UNICOM_EXECUTOR = "worker"  # what is queued here is left to the process
    running: list[subprocess.Popen[bytes]] = []
    with (tmp_path / "log").open("ab") as log:

        def run(*arguments: str) -> subprocess.Popen[bytes]:
            environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.platforms.email.process_settings",
                "PROCESS_DATABASE": str(connection.settings_dict["NAME"]),
                "PROCESS_MEDIA": str(settings.MEDIA_ROOT),
            }
            command = [sys.executable, "-m", "django", *arguments]
            running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))
            return running[-1]

        yield run
        for process in running:
            process.kill()
            process.wait()


def content(item: Any) -> bytes:
    """Return what is in an attachment's file."""
    with item.file.open("rb") as file:
        return bytes(file.read())


def plain_mail(
    *,
    sender: str = "Ann <ann@example.org>",
    to: str = "support@example.com",
    subject: str = "Teapots",
    text: str = "Do you have teapots?",
    message_id: str = "<1@example.org>",
    **headers: str,
) -> str:
    """Return a mail as a person's client writes it."""
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Fri, 27 Nov 2026 01:00:00 +0000"]
    lines += [f"Message-ID: {message_id}"] if message_id else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\n".join([*lines, "Content-Type: text/plain; charset=utf-8", "", text, ""])


@contextmanager
def within(seconds: float = 10.0) -> Iterator[Callable[[], bool]]:
    """Give what tells whether there is still time, pausing a little."""
    deadline = time.monotonic() + seconds

    def time_left() -> bool:
        assert time.monotonic() < deadline, f"not within {seconds:g} seconds"
        time.sleep(0.02)
        return True

    yield time_left
