"""Hand mail over to a server, by connections that are encrypted, logged in, and kept for the next mail."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from unicom.errors import DeliveryError
from unicom.ids import digest
from unicom.platforms.email import dialogue, oauth
from unicom.platforms.email.config import SmtpServer

CONNECT = 8.0
"""For how many seconds a connection is waited for."""
MAILS_A_CONNECTION = 100
IDLE = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Say who we are: a name with a password, or with what fetches an access token."""

    domain: str
    """By which name we greet: to ask the machine for its own would ask the network."""
    name: str = ""
    password: str = field(default="", repr=False)
    token: Callable[[bool], str] | None = field(default=None, repr=False)
    """Takes whether a new one is needed."""


@dataclass(kw_only=True)
class Connection:
    """Be one open connection."""

    smtp: smtplib.SMTP
    mails: int = 0
    used_at: float = field(default_factory=time.monotonic)

    def is_fit(self) -> bool:
        """Tell whether it may carry another mail."""
        return self.mails < MAILS_A_CONNECTION and time.monotonic() - self.used_at < IDLE

    def close(self) -> None:
        """Say goodbye, and do not wait long for the answer."""
        with suppress(OSError, smtplib.SMTPException):
            if self.smtp.sock is not None:
                self.smtp.sock.settimeout(1)
            self.smtp.quit()
        self.smtp.close()


_lock = threading.Lock()
_idle: dict[tuple[str, ...], list[Connection]] = defaultdict(list)
_paused: dict[tuple[str, int], float] = {}
"""Until when a server that has said 421 is left alone, whoever of us it was said to."""


def close() -> None:
    """Close every connection that is kept."""
    with _lock:
        closing = [connection for kept in _idle.values() for connection in kept]
        _idle.clear()
        _paused.clear()
    for connection in closing:
        connection.close()


def send(server: SmtpServer, login: Login, *, sender: str, recipient: str, mail: bytes, envelope_id: str = "") -> str:
    """Hand one mail over for one recipient; returns the server's answer. Raises DeliveryError."""
    place = (server.host.lower(), server.port)
    if (wait := _paused.get(place, 0.0) - time.monotonic()) > 0:
        raise DeliveryError(f"{server.host} wants a pause", retry_after=timedelta(seconds=wait), code="421")
    for last_try in (False, True):
        kept = False
        try:
            with _borrowed(server, login) as connection:
                kept = connection.mails > 0
                return dialogue.hand_over(connection.smtp, sender, recipient, mail, envelope_id)
        except DeliveryError as error:
            if error.code == "421":
                _paused[place] = time.monotonic() + dialogue.PAUSE.total_seconds()
            # Hung up on between two mails: that says nothing about this one.
            if last_try or not kept or error.code != "unreachable":
                raise
    raise AssertionError  # the loop returns or raises


def check(server: SmtpServer, login: Login) -> None:
    """Connect and log in; raises DeliveryError with the reason."""
    with _borrowed(server, login) as connection:
        dialogue.answered(connection.smtp.noop, "NOOP")


@contextmanager
def _borrowed(server: SmtpServer, login: Login) -> Iterator[Connection]:
    """Lend a connection that has just shown that it lives, and keep it afterwards where the mail went through."""
    key = (server.host, str(server.port), server.security, server.ca_file, login.name, digest(login.password))
    connection = _kept(key) or open_connection(server, login)
    try:
        yield connection
    except DeliveryError as error:
        # A server that answered in words is in step with us; another one is not to be trusted any more.
        if error.code.isdigit() and error.code != "421" and not error.ambiguous and _is_in_step(connection):
            _keep(key, connection)
        else:
            connection.close()
        raise
    except BaseException:
        connection.close()
        raise
    _keep(key, connection)


def _is_in_step(connection: Connection) -> bool:
    try:
        return connection.smtp.rset()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def _kept(key: tuple[str, ...]) -> Connection | None:
    while True:
        with _lock:
            kept = _idle.get(key)
            connection = kept.pop() if kept else None
        if connection is None:
            return None
        # A server may have hung up meanwhile; asking costs one short answer, and saves a doubtful mail.
        if connection.is_fit() and _lives(connection):
            return connection
        connection.close()


def _lives(connection: Connection) -> bool:
    sock = connection.smtp.sock
    if sock is None:
        return False
    try:
        sock.settimeout(0)
        try:
            sock.recv(1)
        finally:
            sock.settimeout(dialogue.ANSWER)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True  # silent, as it should be
    except OSError:
        return False
    return False  # a last word, or the end


def _keep(key: tuple[str, ...], connection: Connection) -> None:
    connection.mails += 1
    connection.used_at = time.monotonic()
    if not connection.is_fit():
        connection.close()
        return
    with _lock:
        _idle[key].append(connection)


def open_connection(server: SmtpServer, login: Login) -> Connection:
    """Connect, encrypt, log in; raises DeliveryError."""
    smtp = _connected(server, login.domain)
    try:
        dialogue.answered(smtp.ehlo, "EHLO")
        encrypted = server.security == "tls"
        if server.security == "starttls" or (server.security == "opportunistic" and smtp.has_extn("starttls")):
            if not smtp.has_extn("starttls"):
                raise DeliveryError(
                    f"{server.host} offers no STARTTLS on port {server.port}", channel_down=True, code="tls"
                )
            dialogue.answered(lambda: smtp.starttls(context=server.tls()), "STARTTLS")
            dialogue.answered(smtp.ehlo, "EHLO")
            encrypted = True
        if login.password or login.token:
            if not encrypted and not server.is_loopback:
                raise DeliveryError(
                    f"{server.host} offers no encryption on port {server.port}, and a password is not sent in clear",
                    channel_down=True,
                    code="tls",
                )
            _log_in(smtp, login)
    except BaseException:
        smtp.close()
        raise
    return Connection(smtp=smtp)


def _connected(server: SmtpServer, domain: str) -> smtplib.SMTP:
    try:
        smtp: smtplib.SMTP
        if server.security == "tls":
            smtp = smtplib.SMTP_SSL(server.host, server.port, domain, timeout=CONNECT, context=server.tls())
        else:
            smtp = smtplib.SMTP(server.host, server.port, domain, timeout=CONNECT)
    except ssl.SSLCertVerificationError as error:
        raise dialogue.unverified(server.host, error) from None
    except smtplib.SMTPResponseException as error:
        raise dialogue.refused(error.smtp_code, error.smtp_error, "the greeting") from None
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(
            f"{server.host}:{server.port} could not be reached ({type(error).__name__})",
            retryable=True,
            code="unreachable",
        ) from None
    assert smtp.sock is not None  # noqa: S101  it is connected
    smtp.sock.settimeout(dialogue.ANSWER)
    # The mail and its end are written apart, and the kernel would hold the end back for 40 ms.
    smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return smtp


def _log_in(smtp: smtplib.SMTP, login: Login) -> None:
    for renew in (False, True):
        try:
            if login.token is None:
                smtp.login(login.name, login.password)
            else:
                _bearer(smtp, login.name, login.token(renew))
            return
        except smtplib.SMTPAuthenticationError as error:
            if login.token is not None and not renew:
                continue  # revoked before its time
            raise _no_entry(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError:
            raise DeliveryError(
                "the server takes no log-in of a kind we know", channel_down=True, code="auth"
            ) from None
        except smtplib.SMTPResponseException as error:
            raise _no_entry(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:
            raise dialogue.broken("AUTH", error) from None


def _bearer(smtp: smtplib.SMTP, name: str, token: str) -> None:
    words = iter((oauth.xoauth2(name, token),))
    # The server tells its reason in a challenge, which has to be answered by nothing before it refuses.
    smtp.auth("XOAUTH2", lambda challenge=None: next(words, ""), initial_response_ok=True)


def _no_entry(code: int, said: bytes | str) -> DeliveryError:
    text = dialogue.text_of(said)
    if code < 500:
        return DeliveryError(f"logging in did not work for now: {code} {text}", retryable=True, code=str(code))
    hint = "; the host takes no passwords any more: set OAUTH2" if "5.7.30" in text or "5.7.139" in text else ""
    return DeliveryError(f"the server refuses the log-in: {code} {text}{hint}", channel_down=True, code=str(code))
