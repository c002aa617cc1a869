"""Hand mail over to a server: connections kept for the next, and precisely what became of one that failed.

What decides is how far the dialogue got: before the last byte of the mail was written nobody can have taken it; after
it only the server's answer tells, and without one the mail may have arrived.
"""

from __future__ import annotations

import re
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
from unicom.platforms.email import oauth
from unicom.platforms.email.config import SmtpServer

CONNECT, ANSWER, ACCEPT = 8.0, 15.0, 60.0
"""For how many seconds a connection, an answer and the taking of a whole mail are waited for."""
MAILS_A_CONNECTION = 100
IDLE = 20.0
PAUSE = timedelta(seconds=60)
_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
# Nobody has this address, or nobody ever reads it again.
_NOBODY = frozenset({"5.1.1", "5.1.6", "5.1.10", "5.2.1"})


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


def close() -> None:
    """Close every connection that is kept."""
    with _lock:
        closing = [connection for kept in _idle.values() for connection in kept]
        _idle.clear()
    for connection in closing:
        connection.close()


def send(server: SmtpServer, login: Login, *, sender: str, recipient: str, mail: bytes, envelope_id: str = "") -> str:
    """Hand one mail over for one recipient; returns the server's answer. Raises DeliveryError."""
    for last_try in (False, True):
        kept = False
        try:
            with _borrowed(server, login) as connection:
                kept = connection.mails > 0
                return _dialogue(connection.smtp, sender, recipient, mail, envelope_id)
        except DeliveryError as error:
            # Hung up on between two mails: that says nothing about this one.
            if last_try or not kept or error.code != "unreachable":
                raise
    raise AssertionError  # the loop returns or raises


def check(server: SmtpServer, login: Login) -> None:
    """Connect and log in; raises DeliveryError with the reason."""
    with _borrowed(server, login) as connection:
        _said(connection.smtp.noop, "NOOP")


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
            sock.settimeout(ANSWER)
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
        _said(smtp.ehlo, "EHLO")
        encrypted = server.security == "tls"
        if server.security == "starttls" or (server.security == "opportunistic" and smtp.has_extn("starttls")):
            if not smtp.has_extn("starttls"):
                raise DeliveryError(
                    f"{server.host} offers no STARTTLS on port {server.port}", channel_down=True, code="tls"
                )
            _said(lambda: smtp.starttls(context=server.tls()), "STARTTLS")
            _said(smtp.ehlo, "EHLO")
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
        raise _unverified(server.host, error) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error, "the greeting") from None
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(
            f"{server.host}:{server.port} could not be reached ({type(error).__name__})",
            retryable=True,
            code="unreachable",
        ) from None
    assert smtp.sock is not None  # noqa: S101  it is connected
    smtp.sock.settimeout(ANSWER)
    # The mail and its end are written apart, and the kernel would hold the end back for 40 ms.
    smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return smtp


def _unverified(host: str, error: ssl.SSLCertVerificationError) -> DeliveryError:
    return DeliveryError(
        f"the certificate of {host} cannot be trusted ({error.verify_message})", channel_down=True, code="certificate"
    )


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
            raise _broken("AUTH", error) from None


def _bearer(smtp: smtplib.SMTP, name: str, token: str) -> None:
    words = iter((oauth.xoauth2(name, token),))
    # The server tells its reason in a challenge, which has to be answered by nothing before it refuses.
    smtp.auth("XOAUTH2", lambda challenge=None: next(words, ""), initial_response_ok=True)


def _no_entry(code: int, said: bytes | str) -> DeliveryError:
    text = _text(said)
    if code < 500:
        return DeliveryError(f"logging in did not work for now: {code} {text}", retryable=True, code=str(code))
    hint = "; the host takes no passwords any more: set OAUTH2" if "5.7.30" in text or "5.7.139" in text else ""
    return DeliveryError(f"the server refuses the log-in: {code} {text}{hint}", channel_down=True, code=str(code))


def _dialogue(smtp: smtplib.SMTP, sender: str, recipient: str, mail: bytes, envelope_id: str) -> str:
    options, wishes = [], []
    if smtp.has_extn("size"):
        most = int(smtp.esmtp_features.get("size") or 0)
        if most and len(mail) > most:
            raise DeliveryError(f"the mail has {len(mail):,} bytes; the server takes {most:,} at most", code="size")
        options.append(f"SIZE={len(mail)}")
    if not (sender + recipient).isascii():
        if not smtp.has_extn("smtputf8"):
            raise DeliveryError("the server takes no address with letters beyond ASCII", code="smtputf8")
        options.append("SMTPUTF8")
        smtp.command_encoding = "utf-8"
    if smtp.has_extn("dsn") and envelope_id:
        options += ["RET=HDRS", f"ENVID={_xtext(envelope_id)}"]
        wishes = ["NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(recipient)}"]
    try:
        _accepted(lambda: smtp.mail(sender, options), "MAIL FROM")
        _accepted(lambda: smtp.rcpt(recipient, wishes), "RCPT TO", recipient)
    finally:
        smtp.command_encoding = "ascii"
    _data(smtp)
    # Dots at the start of lines are doubled, lines end as the protocol wants it.
    body = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", mail))
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    try:
        smtp.send(body)
    except (OSError, smtplib.SMTPException) as error:
        raise _broken("the mail", error) from None  # without its end nobody takes it
    assert smtp.sock is not None  # noqa: S101  it is connected
    try:
        smtp.sock.settimeout(ACCEPT)
        smtp.send(b".\r\n")
        code, said = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(
            f"the connection broke before the server had answered ({type(error).__name__}); the mail may have arrived",
            ambiguous=True,
            code="broken",
        ) from None
    smtp.sock.settimeout(ANSWER)
    if code != 250:
        raise _refused(code, said, "the mail", recipient)
    return _text(said)


def _data(smtp: smtplib.SMTP) -> None:
    code, said = _said(lambda: smtp.docmd("DATA"), "DATA")
    if code != 354:
        raise _refused(code, said, "DATA")


def _accepted(call: Callable[[], tuple[int, bytes]], what: str, recipient: str = "") -> None:
    code, said = _said(call, what)
    if code not in (250, 251, 252):
        raise _refused(code, said, what, recipient)


def _said(call: Callable[[], tuple[int, bytes]], what: str) -> tuple[int, bytes]:
    try:
        return call()
    except ssl.SSLCertVerificationError as error:
        raise _unverified("the server", error) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error, what) from None
    except (OSError, smtplib.SMTPException) as error:
        raise _broken(what, error) from None


def _broken(what: str, error: Exception) -> DeliveryError:
    return DeliveryError(
        f"the connection broke at {what} ({type(error).__name__}); nothing was sent", retryable=True, code="unreachable"
    )


def _refused(code: int, said: bytes | str, what: str, recipient: str = "") -> DeliveryError:
    text = _text(said)
    reason = f"the server answered {what} with {code} {text}"
    if code == 421:
        return DeliveryError(reason, retry_after=PAUSE, code="421")
    if code < 500:
        return DeliveryError(reason, retryable=True, code=str(code))
    if code == 530:
        return DeliveryError(f"{reason}; a log-in is needed", channel_down=True, code="530")
    enhanced = enhanced_status(text)
    nobody = bool(recipient) and (enhanced in _NOBODY or (not enhanced and code == 550 and _says_nobody(text)))
    return DeliveryError(
        reason,
        suppress=f"the address does not exist ({code} {enhanced or text[:80]})" if nobody else "",
        code=str(code),
    )


def enhanced_status(text: str) -> str:
    """Return the enhanced status code (RFC 3463) in a server's words, or nothing."""
    found = _ENHANCED.search(text[:500])
    return found[0] if found else ""


def _says_nobody(text: str) -> bool:
    return bool(re.search(r"(?i)no such user|user unknown|unknown user|does not exist|no mailbox here", text))


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())[:500]


def _xtext(value: str) -> str:
    """Write a value as RFC 3461 wants it within a command."""
    return "".join(
        character if "!" <= character <= "~" and character not in "+=" else f"+{ord(character):02X}"
        for character in value
        if ord(character) < 128
    )[:100]
