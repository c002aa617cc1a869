"""Hand one mail over on an open connection, and know precisely what became of one that failed.

What decides is how far the dialogue got: before the last byte of the mail was written nobody can have taken it; after
it only the server's answer tells, and without one the mail may have arrived.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from datetime import timedelta

from unicom.errors import DeliveryError

ANSWER, ACCEPT = 15.0, 60.0
"""For how many seconds an answer and the taking of a whole mail are waited for."""
PAUSE = timedelta(seconds=60)
_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
# Most are, and the standard library's parser takes as long over one as the rest of the dialogue.
_PLAIN = re.compile(r"[\w.+-]+@[\w.-]+", re.ASCII)
# Nobody has this address, or nobody ever reads it again.
_NOBODY = frozenset({"5.1.1", "5.1.6", "5.1.10", "5.2.1"})


def hand_over(smtp: smtplib.SMTP, sender: str, recipient: str, mail: bytes, envelope_id: str) -> str:
    """Hand a mail over for one recipient; returns the server's answer. Raises DeliveryError."""
    options, wishes = _extensions(smtp, sender, recipient, len(mail), envelope_id)
    _announce(
        smtp,
        (
            ("MAIL FROM", " ".join([f"MAIL FROM:{_path(sender)}", *options]), (250,)),
            ("RCPT TO", " ".join([f"RCPT TO:{_path(recipient)}", *wishes]), (250, 251, 252)),
            ("DATA", "DATA", (354,)),
        ),
        recipient,
    )
    # Dots at the start of lines are doubled, lines end as the protocol wants it.
    body = re.sub(rb"(?m)^\.", b"..", re.sub(rb"\r\n|\r|\n", b"\r\n", mail))
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    try:
        smtp.send(body)
    except (OSError, smtplib.SMTPException) as error:
        raise broken("the mail", error) from None  # without its end nobody takes it
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
        raise refused(code, said, "the mail", recipient)
    return text_of(said)


def _extensions(
    smtp: smtplib.SMTP, sender: str, recipient: str, size: int, envelope_id: str
) -> tuple[list[str], list[str]]:
    """Return what is said beside sender and recipient; raises DeliveryError where the server cannot take the mail."""
    options, wishes = [], []
    if smtp.has_extn("size"):
        most = int(smtp.esmtp_features.get("size") or 0)
        if most and size > most:
            raise DeliveryError(f"the mail has {size:,} bytes; the server takes {most:,} at most", code="size")
        options.append(f"SIZE={size}")
    if not (sender + recipient).isascii():
        if not smtp.has_extn("smtputf8"):
            raise DeliveryError("the server takes no address with letters beyond ASCII", code="smtputf8")
        options.append("SMTPUTF8")
    if smtp.has_extn("dsn") and envelope_id:
        options += ["RET=HDRS", f"ENVID={_xtext(envelope_id)}"]
        wishes = ["NOTIFY=FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(recipient)}"]
    return options, wishes


def _path(address: str) -> str:
    return f"<{address}>" if _PLAIN.fullmatch(address) else smtplib.quoteaddr(address)


_Step = tuple[str, str, tuple[int, ...]]
"""What a command is called, the command, and the answers that let the dialogue go on."""


def _announce(smtp: smtplib.SMTP, steps: tuple[_Step, ...], recipient: str) -> None:
    """Say whom a mail is from and for and that it comes; in one go where the server takes commands so (RFC 2920)."""
    for group in [steps] if smtp.has_extn("pipelining") else [(step,) for step in steps]:
        lines = [command.encode() for _, command, _ in group]
        if any(b"\r" in line or b"\n" in line for line in lines):
            raise DeliveryError("an address contains a line break", code="address")
        answered(lambda lines=lines: _send(smtp, lines), group[0][0])  # type: ignore[misc]
        _listen(smtp, group, recipient)


def _listen(smtp: smtplib.SMTP, steps: tuple[_Step, ...], recipient: str) -> None:
    """Read the answers to commands that were sent together; raises DeliveryError for the first that is a refusal."""
    refusal: DeliveryError | None = None
    for what, _, wanted in steps:
        try:
            code, said = answered(smtp.getreply, what)
            if refusal is not None and code == 354:
                # It would take a mail for nobody: it gets an empty one, and refuses that.
                answered(lambda: _send(smtp, [b"."]), what)
                answered(smtp.getreply, what)
        except DeliveryError as error:
            raise refusal or error from None
        if refusal is None and code not in wanted:
            refusal = refused(code, said, what, recipient if what == "RCPT TO" else "")
    if refusal is not None:
        raise refusal


def _send(smtp: smtplib.SMTP, lines: list[bytes]) -> tuple[int, bytes]:
    smtp.send(b"".join(line + b"\r\n" for line in lines))
    return 0, b""


def unverified(host: str, error: ssl.SSLCertVerificationError) -> DeliveryError:
    """Return what a certificate that cannot be trusted means."""
    return DeliveryError(
        f"the certificate of {host} cannot be trusted ({error.verify_message})", channel_down=True, code="certificate"
    )


def answered(call: Callable[[], tuple[int, bytes]], what: str) -> tuple[int, bytes]:
    """Return the answer to a command; raises DeliveryError for what goes wrong on the way."""
    try:
        return call()
    except ssl.SSLCertVerificationError as error:
        raise unverified("the server", error) from None
    except smtplib.SMTPResponseException as error:
        raise refused(error.smtp_code, error.smtp_error, what) from None
    except (OSError, smtplib.SMTPException) as error:
        raise broken(what, error) from None


def broken(what: str, error: Exception) -> DeliveryError:
    """Return what a connection that broke before the mail's end means."""
    return DeliveryError(
        f"the connection broke at {what} ({type(error).__name__}); nothing was sent", retryable=True, code="unreachable"
    )


def refused(code: int, said: bytes | str, what: str, recipient: str = "") -> DeliveryError:
    """Return what a server's refusal means."""
    text = text_of(said)
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


def text_of(said: bytes | str) -> str:
    """Return a server's words in one line."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())[:500]


def _xtext(value: str) -> str:
    """Write a value as RFC 3461 wants it within a command."""
    return "".join(
        character if "!" <= character <= "~" and character not in "+=" else f"+{ord(character):02X}"
        for character in value
        if ord(character) < 128
    )[:100]
