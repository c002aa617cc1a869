"""Speak SMTP on a port of this machine: ESMTP, STARTTLS or TLS, log-in, DSN, SIZE; what is taken is kept."""

from __future__ import annotations

import base64
import binascii
import contextlib
import email
import email.policy
import re
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self, cast

from unicom.testing.smtp.faults import DROP, DROP_AFTER, Fault, Script, Stage


@dataclass(frozen=True, kw_only=True)
class Mail:
    """Be one mail that was taken."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    options: tuple[str, ...] = ()
    """Of MAIL FROM, such as ``SIZE=…`` or ``ENVID=…``."""
    recipient_options: tuple[str, ...] = ()
    user: str = ""
    """Who had logged in."""
    encrypted: bool = False
    connection: int = 0
    """Of which connection, counted from 1."""

    @property
    def message(self) -> EmailMessage:
        """Return it parsed."""
        return email.message_from_bytes(self.data, policy=email.policy.default)


@dataclass(kw_only=True)
class _Envelope:
    sender: str = ""
    options: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    recipient_options: list[str] = field(default_factory=list)
    begun: bool = False


class SmtpSink:
    """Be the server; use it as a context manager.

    ``users`` maps names to passwords, or for XOAUTH2 to tokens; with none, nobody has to log in. ``tls`` is an
    ``ssl.SSLContext`` with a certificate: STARTTLS is offered, or with ``implicit_tls`` spoken from the start.
    """

    def __init__(
        self,
        *,
        users: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"),
        max_size: int = 0,
        keep: bool = True,
    ) -> None:
        self.host = "127.0.0.1"
        self.users = dict(users or {})
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.extensions = extensions
        self.max_size = max_size
        self.keep = keep
        self.mails: list[Mail] = []
        self.taken = 0
        self.connections = 0
        self.commands: list[str] = []
        """Every command line, log-ins hidden."""
        self._script = Script()
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._server: _Server | None = None

    # Using it

    def __enter__(self) -> Self:
        self._server = _Server((self.host, 0), _Session, self)
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def port(self) -> int:
        """Return where it listens."""
        if self._server is None:
            raise RuntimeError("SmtpSink is a context manager: its port is known within `with`.")
        return int(self._server.server_address[1])

    def fail(self, stage: Stage, answer: str, *, recipient: str = "", times: int | None = 1) -> None:
        """Have the next dialogue fail at a stage; see :class:`Fault`."""
        self._script.add(Fault(stage=stage, answer=answer, recipient=recipient, times=times))

    def recover(self) -> None:
        """Fail no more."""
        self._script.clear()

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Mail]:
        """Return the mails once there are so many; raises TimeoutError."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(self.mails) < count:
                if not self._changed.wait(max(deadline - time.monotonic(), 0)) and time.monotonic() >= deadline:
                    raise TimeoutError(f"{len(self.mails)} of {count} mails came within {timeout:g} seconds")
            return list(self.mails)

    def hang_up(self) -> None:
        """Close every connection that is open."""
        with self._changed:
            sockets = list(self._open)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    # For the sessions

    def _take(self, mail: Mail) -> None:
        with self._changed:
            self.taken += 1
            if self.keep:
                self.mails.append(mail)
            self._changed.notify_all()

    def _answer(self, stage: Stage, recipient: str = "") -> str:
        return self._script.take(stage, recipient)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[_Session], sink: SmtpSink) -> None:
        self.sink = sink
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what tests are about."""


class _HangUp(Exception):
    """End the session."""


class _Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.sink = cast("_Server", self.server).sink
        self.sock: socket.socket = self.request
        # Of answers to commands that came together the kernel would hold back all but the first.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.user = ""
        self.encrypted = False
        self.envelope = _Envelope()
        with self.sink._changed:
            self.sink.connections += 1
            self.number = self.sink.connections
            self.sink._open.add(self.sock)
        try:
            if self.sink.implicit_tls:
                self._encrypt()
            self.lines = self.sock.makefile("rb")
            self._greet()
            while self._turn():
                pass
        except (_HangUp, OSError):
            pass
        finally:
            with self.sink._changed:
                self.sink._open.discard(self.sock)
            with contextlib.suppress(OSError):
                self.sock.close()

    def _encrypt(self) -> None:
        context = self.sink.tls
        if context is None:
            raise _HangUp  # asked for TLS without a certificate
        with self.sink._changed:
            self.sink._open.discard(self.sock)
        self.sock = context.wrap_socket(self.sock, server_side=True)
        with self.sink._changed:
            self.sink._open.add(self.sock)
        self.encrypted = True

    def say(self, answer: str) -> None:
        if answer in (DROP, DROP_AFTER):
            raise _HangUp
        self.sock.sendall(answer.encode() + b"\r\n")
        if answer.startswith("421"):
            raise _HangUp

    def _greet(self) -> None:
        self.say(self.sink._answer("greeting") or "220 sink.example ESMTP")

    def _turn(self) -> bool:
        line = self.lines.readline(8192)
        if not line:
            return False
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        verb, _, rest = text.partition(" ")
        self.sink.commands.append("AUTH …" if verb.upper() == "AUTH" else text)
        handler: Callable[[str], None] | None = getattr(self, f"do_{verb.lower()}", None)
        if handler is None:
            self.say("502 5.5.2 Command not known")
        else:
            handler(rest)
        return bool(verb.upper() != "QUIT")

    def do_ehlo(self, rest: str) -> None:
        if fault := self.sink._answer("ehlo"):
            self.say(fault)
            return
        offered = list(self.sink.extensions)
        if self.sink.max_size:
            offered.append(f"SIZE {self.sink.max_size}")
        if self.sink.tls is not None and not self.encrypted:
            offered.append("STARTTLS")
        if self.sink.users:
            offered.append("AUTH PLAIN LOGIN XOAUTH2")
        *lines, last = "sink.example", *offered
        self.say("".join(f"250-{line}\r\n" for line in lines) + f"250 {last}")

    def do_helo(self, rest: str) -> None:
        self.say("250 sink.example")

    def do_noop(self, rest: str) -> None:
        self.say("250 2.0.0 OK")

    def do_rset(self, rest: str) -> None:
        self.envelope = _Envelope()
        self.say("250 2.0.0 OK")

    def do_quit(self, rest: str) -> None:
        self.say("221 2.0.0 Bye")

    def do_starttls(self, rest: str) -> None:
        if fault := self.sink._answer("starttls"):
            self.say(fault)
        elif self.sink.tls is None or self.encrypted:
            self.say("502 5.5.1 Not offered")
        else:
            self.say("220 2.0.0 Go ahead")
            self.lines.close()
            self._encrypt()
            self.lines = self.sock.makefile("rb")

    def do_auth(self, rest: str) -> None:
        if fault := self.sink._answer("auth"):
            self.say(fault)
            return
        kind, _, initial = rest.partition(" ")
        reader = {"PLAIN": self._plain, "LOGIN": self._login, "XOAUTH2": self._bearer}.get(kind.upper())
        if reader is None:
            self.say("504 5.5.4 Kind not known")
            return
        name, secret = reader(initial)
        if name and self.sink.users.get(name) == secret:
            self.user = name
            self.say("235 2.7.0 Welcome")
            return
        if kind.upper() == "XOAUTH2":
            self._ask(base64.b64encode(b'{"status":"401"}').decode())
        self.say("535 5.7.8 Authentication failed")

    def _ask(self, question: str) -> str:
        self.sock.sendall(f"334 {question}\r\n".encode())
        return str(self.lines.readline(8192).decode("ascii", "replace").strip())

    def _plain(self, initial: str) -> tuple[str, str]:
        parts = _decoded(initial or self._ask("")).split("\x00")
        return (parts[1], parts[2]) if len(parts) == 3 else ("", "")

    def _login(self, initial: str) -> tuple[str, str]:
        name = _decoded(initial or self._ask("VXNlcm5hbWU6"))
        return name, _decoded(self._ask("UGFzc3dvcmQ6"))

    def _bearer(self, initial: str) -> tuple[str, str]:
        found = re.fullmatch("user=(.*)\x01auth=Bearer (.*)\x01\x01", _decoded(initial or self._ask("")))
        return (found[1], found[2]) if found else ("", "")

    def do_mail(self, rest: str) -> None:
        sender, options = _path(rest)
        if fault := self.sink._answer("mail"):
            self.say(fault)
        elif self.sink.users and not self.user:
            self.say("530 5.7.0 Authentication required")
        elif self.envelope.begun:
            self.say("503 5.5.1 One at a time")
        else:
            self.envelope = _Envelope(sender=sender, options=options, begun=True)
            self.say("250 2.1.0 OK")

    def do_rcpt(self, rest: str) -> None:
        recipient, options = _path(rest)
        if fault := self.sink._answer("rcpt", recipient):
            self.say(fault)
        elif not self.envelope.begun:
            self.say("503 5.5.1 MAIL first")
        else:
            self.envelope.recipients.append(recipient)
            self.envelope.recipient_options += options
            self.say("250 2.1.5 OK")

    def do_data(self, rest: str) -> None:
        if fault := self.sink._answer("data"):
            self.say(fault)
            return
        if not self.envelope.recipients:
            self.say("503 5.5.1 RCPT first")
            return
        self.say("354 Go ahead")
        pieces = []
        while (line := self.lines.readline()) != b".\r\n":
            if not line:
                raise _HangUp
            pieces.append(line[1:] if line.startswith(b".") else line)
        fault = self.sink._answer("accept")
        if not fault or fault == DROP_AFTER:
            self.sink._take(
                Mail(
                    sender=self.envelope.sender,
                    recipients=tuple(self.envelope.recipients),
                    data=b"".join(pieces),
                    options=tuple(self.envelope.options),
                    recipient_options=tuple(self.envelope.recipient_options),
                    user=self.user,
                    encrypted=self.encrypted,
                    connection=self.number,
                )
            )
        self.envelope = _Envelope()
        self.say(fault or f"250 2.0.0 Taken as {self.sink.taken}")


def _path(rest: str) -> tuple[str, list[str]]:
    found = re.match(r"(?i)(?:from|to):\s*<([^>]*)>\s*(.*)", rest)
    return (found[1], found[2].split()) if found else ("", [])


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
