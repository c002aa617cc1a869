"""Open a mailbox: connect, encrypt, log in; and find a folder by what it is for."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from unicom.errors import DeliveryError
from unicom.platforms.base import ChannelState
from unicom.platforms.email import oauth
from unicom.platforms.email.config import EmailConfig, ImapServer

CONNECT, READ = 10.0, 60.0
TROUBLE = (OSError, IMAPClientError, EOFError, ValueError, AssertionError)
"""What a connection can end in: broken lines, refusals, answers that are none."""


@contextmanager
def opened(config: EmailConfig, state: ChannelState) -> Iterator[IMAPClient]:
    """Lend a connection that is logged in; raises DeliveryError, for what goes wrong within too."""
    client = connect(config, state)
    try:
        yield client
    except TROUBLE as error:
        raise failure(error, "the mailbox") from None
    finally:
        close(client)


def connect(config: EmailConfig, state: ChannelState) -> IMAPClient:
    """Return a connection that is logged in; raises DeliveryError with the reason."""
    server = config.IMAP
    if server is None:
        raise DeliveryError(
            "IMAP is not set: validate the channel, or name the server", channel_down=True, code="config"
        )
    client = _connected(server)
    try:
        _encrypted(client, server)
        _log_in(client, config, state)
    except TROUBLE as error:
        close(client)
        raise failure(error, server.host) from None
    except BaseException:
        close(client)
        raise
    return client


def close(client: IMAPClient) -> None:
    """Hang up, without waiting for a goodbye."""
    with suppress(*TROUBLE):
        client.shutdown()


def has_unread(client: IMAPClient) -> bool:
    """Tell whether the server has said more than was read; it may lie in a buffer, where no selector sees it."""
    stream = getattr(client._imap, "_file", None) or client._imap.file
    sock = client.socket()
    before = sock.gettimeout()
    try:
        sock.settimeout(0)
        return bool(stream.peek(1))
    except OSError:
        return False
    finally:
        sock.settimeout(before)


def _connected(server: ImapServer) -> IMAPClient:
    implicit = server.security == "tls"
    try:
        client = IMAPClient(
            server.host,
            port=server.port,
            ssl=implicit,
            ssl_context=server.tls() if implicit else None,
            timeout=SocketTimeout(connect=CONNECT, read=READ),
        )
    except TROUBLE as error:
        raise failure(error, f"{server.host}:{server.port}") from None
    client.normalise_times = False
    return client


def _encrypted(client: IMAPClient, server: ImapServer) -> None:
    if server.security == "tls":
        return
    if server.security == "starttls" or client.has_capability("STARTTLS"):
        if not client.has_capability("STARTTLS"):
            raise DeliveryError(
                f"{server.host} offers no STARTTLS on port {server.port}", channel_down=True, code="tls"
            )
        client.starttls(server.tls())
    elif not server.is_loopback:
        raise DeliveryError(
            f"{server.host} offers no encryption on port {server.port}, and a password is not sent in clear",
            channel_down=True,
            code="tls",
        )


def _log_in(client: IMAPClient, config: EmailConfig, state: ChannelState) -> None:
    name, password = config.login("IMAP")
    if config.OAUTH2 is None:
        try:
            client.login(name, password)
        except LoginError as error:
            raise _no_entry(error) from None
        return
    for renew in (False, True):
        try:
            client.oauth2_login(name, oauth.access_token(config, state, renew=renew))
            return
        except LoginError as error:
            if renew:
                raise _no_entry(error) from None


def _no_entry(error: LoginError) -> DeliveryError:
    text = _words(error)
    if "UNAVAILABLE" in text.upper() or "INUSE" in text.upper() or "too many" in text.lower():
        return DeliveryError(f"logging in to the mailbox did not work for now: {text}", retryable=True, code="auth")
    return DeliveryError(f"the mailbox refuses the log-in: {text}", channel_down=True, code="auth")


def failure(error: BaseException, where: str) -> DeliveryError:
    """Return what an error of the connection means."""
    if isinstance(error, DeliveryError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryError(
            f"the certificate of {where} cannot be trusted ({error.verify_message})",
            channel_down=True,
            code="certificate",
        )
    if isinstance(error, OSError | EOFError | IMAPClientAbortError):
        return DeliveryError(
            f"{where} could not be reached ({type(error).__name__})", retryable=True, code="unreachable"
        )
    return DeliveryError(f"{where} answered: {_words(error)}", retryable=True, code="imap")


def _words(error: BaseException) -> str:
    text = str(error)
    if text.startswith(("b'", 'b"')):
        text = text[2:-1]
    return " ".join(text.split())[:300]


def special_folder(client: IMAPClient, flag: bytes, names: tuple[str, ...]) -> str:
    """Return the folder that is marked for a use (RFC 6154), else one of a usual name, else nothing."""
    folders = client.list_folders()
    for flags, _, name in folders:
        if flag in flags:
            return str(name)
    known = {str(name).lower(): str(name) for _, _, name in folders}
    for delimiter in {(each or b"").decode("ascii", "replace") for _, each, _ in folders}:
        for name in names:
            for candidate in (name, f"INBOX{delimiter}{name}"):
                if candidate.lower() in known:
                    return known[candidate.lower()]
    return ""
