"""Find a mailbox's servers, prove who they are before any password is said, and log in by password or token."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.platforms.email.conftest import ZONE, server_tls
from tests.platforms.email.servers import PASSWORD, TOKEN, Certificates, Dovecot, certificates
from unicom.models import Channel, ChannelState, Delivery
from unicom.platforms.email import discovery
from unicom.testing import drain
from unicom.testing.smtp import SmtpSink


@contextmanager
def answering(answer: Any) -> Iterator[tuple[str, list[Any]]]:
    """Serve HTTP: ``answer`` takes the body and returns status and JSON."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(body)
            status, found = answer(body)
            data = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Discovery


def test_well_known_domains_need_no_question() -> None:
    found = discovery.discover("ann@gmail.com")
    assert (found.imap.host, found.smtp.host, found.smtp.security) == ("imap.gmail.com", "smtp.gmail.com", "starttls")


def test_the_dns_leads_to_servers_of_the_domain_and_to_well_known_hosts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_published", lambda *args: discovery.Servers())
    monkeypatch.setattr(discovery, "proves_its_name", lambda host, port: False)
    ZONE["srv:_imaps._tcp.example.org"] = [b"evil.example.net 993", b"box.example.org 993"]
    ZONE["srv:_submission._tcp.example.org"] = [b"example.org.evil.net 587"]
    found = discovery.discover("ann@example.org")
    assert (found.imap.host, found.smtp) == ("box.example.org", None)
    ZONE["mx:example.org"] = [b"example-org.mail.protection.outlook.com"]
    assert discovery.discover("ann@example.org").smtp.host == "smtp.office365.com"


def test_autoconfig_is_read_and_what_is_clever_or_in_clear_is_not() -> None:
    def server(tag: str, kind: str, port: int, security: str) -> str:
        inner = f"<hostname>{kind}.x</hostname><port>{port}</port><socketType>{security}</socketType>"
        return f'<{tag} type="{kind}">{inner}</{tag}>'

    servers = [
        server("incomingServer", "pop3", 995, "SSL"),
        server("incomingServer", "imap", 993, "SSL"),
        server("outgoingServer", "smtp", 25, "plain"),
        server("outgoingServer", "smtp", 587, "STARTTLS"),
    ]
    xml = f"<clientConfig><emailProvider id='x'>{''.join(servers)}</emailProvider></clientConfig>"
    found = discovery.read_autoconfig(xml.encode())
    assert (found.imap.host, found.smtp.port, found.smtp.security) == ("imap.x", 587, "starttls")
    assert discovery.read_autoconfig(b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + xml.encode()) is None
    assert discovery.read_autoconfig(b"<html>") is None


def test_known_failure_25_a_guess_without_a_certificate_for_its_name_is_none(certs: Certificates) -> None:
    with SmtpSink(tls=server_tls(certs), implicit_tls=True) as sink:
        assert discovery.proves_its_name("localhost", sink.port) is False  # signed by nobody we know
        assert sink.commands == []


# Who is at the other end


@pytest.mark.parametrize("implicit", [True, False])
def test_known_failure_25_no_password_goes_to_a_server_that_cannot_prove_its_name(
    db: None, certs: Certificates, tmp_path: Any, implicit: bool
) -> None:
    other = certificates(tmp_path, "other.example.org")
    with SmtpSink(users={"a@example.org": PASSWORD}, tls=server_tls(other), implicit_tls=implicit) as sink:
        server = {"host": "localhost", "port": sink.port, "starttls": not implicit, "ca_file": other.ca_file}
        config = {"EMAIL_ADDRESS": "a@example.org", "EMAIL_PASSWORD": PASSWORD, "SMTP": server}
        channel = Channel.objects.create(name="x", platform="Email", config=config)
        assert channel.validate() is False
        assert "certificate" in channel.error
        assert "AUTH …" not in sink.commands


def test_known_failure_25_no_password_is_said_where_starttls_was_taken_away(db: None, certs: Certificates) -> None:
    with SmtpSink(users={"a@example.org": PASSWORD}) as sink:
        server = {"host": "localhost", "port": sink.port, "starttls": True, "ca_file": certs.ca_file}
        config = {"EMAIL_ADDRESS": "a@example.org", "EMAIL_PASSWORD": PASSWORD, "SMTP": server}
        channel = Channel.objects.create(name="x", platform="Email", config=config)
        assert channel.validate() is False
        assert "STARTTLS" in channel.error
        assert "AUTH …" not in sink.commands


@pytest.mark.parametrize("config", [{"port": 587}, {"port": 587, "use_ssl": True}, {"port": 143}])
def test_use_ssl_on_a_port_that_starts_in_clear_means_starttls(config: dict[str, Any]) -> None:
    from unicom.platforms.email.config import SmtpServer

    assert SmtpServer(host="x", **config).security == "starttls"
    assert SmtpServer(host="x", port=465).security == "tls"


# Tokens


def test_em10_em11_tokens_log_in_are_renewed_and_a_lost_grant_takes_the_channel_down(
    db: None, mail_server: Dovecot, sink: SmtpSink, certs: Certificates
) -> None:
    given = iter([(200, {"access_token": "an-old-one", "expires_in": 3600}), (200, {"access_token": TOKEN}),
                  (400, {"error": "invalid_grant", "error_description": "refresh-me was revoked"})])  # fmt: skip
    address = "token@example.com"
    sink.users[address] = TOKEN
    with answering(lambda body: next(given)) as (url, asked):
        config = {
            "EMAIL_ADDRESS": address,
            "OAUTH2": {
                "client_id": "us",
                "client_secret": "hush",
                "refresh_token": "refresh-me",
                "token_url": f"{url}/t",
            },
            "IMAP": mail_server.config(),
            "SMTP": {"host": "localhost", "port": sink.port, "starttls": True, "ca_file": certs.ca_file},
        }
        channel = Channel.objects.create(name="x", platform="Email", config=config)
        assert channel.validate(), channel.error
        assert parse_qs(asked[0])["grant_type"] == ["refresh_token"]
        assert len(asked) == 2
        message = channel.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello"})
        drain()
        message.refresh_from_db()
        assert (message.status, len(asked)) == ("sent", 2)
        ChannelState.objects.filter(key="oauth2").delete()
        from unicom.platforms.email import smtp

        smtp.close()
        channel.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Again"})
        drain()
        channel.refresh_from_db()
        assert channel.down_since is not None
        assert "authorise the mailbox anew" in channel.error
        assert not any(secret in channel.error for secret in ("refresh-me", "hush", TOKEN))
        assert Delivery.objects.filter(state="queued").count() == 1


# Reacher


@pytest.mark.parametrize(
    ("strictness", "word", "status"),
    [("strict", "safe", "sent"), ("strict", "risky", "bounced"), ("moderate", "risky", "sent"),
     ("moderate", "unknown", "bounced"), ("lenient", "unknown", "sent"), ("lenient", "invalid", "bounced")],
)  # fmt: skip
def test_reacher_decides_as_strictly_as_it_is_told(
    sending: Any, sink: SmtpSink, settings: Any, strictness: str, word: str, status: str
) -> None:
    settings.REACHER_STRICTNESS = strictness
    with answering(lambda body: (200, {"input": "x", "is_reachable": word})) as (url, asked):
        settings.REACHER_BASE_URL = url
        message = sending.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Hello"})
        drain()
    message.refresh_from_db()
    assert (message.status, len(sink.mails)) == (status, status == "sent")
    assert json.loads(asked[0]) == {"to_email": "bob@example.org"}
    assert (message.raw.get("reacher_validation") or {}).get("is_reachable") == (word if status == "bounced" else None)


def test_reacher_is_not_asked_where_the_caller_says_so_and_waited_for_where_it_is_away(
    sending: Any, sink: SmtpSink, settings: Any
) -> None:
    settings.REACHER_BASE_URL = "http://127.0.0.1:9"
    sending.send_message({"to": ["a@example.org"], "subject": "Hi", "text": "Hello", "skip_reacher": True})
    waiting = sending.send_message({"to": ["b@example.org"], "subject": "Hi", "text": "Hello"})
    drain()
    waiting.refresh_from_db()
    assert (waiting.status, len(sink.mails)) == ("queued", 1)
