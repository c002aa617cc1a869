"""Take a mail apart: its headers as text, its words, its HTML, and every file within; nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

from unicom.cleaning import clean, is_clean
from unicom.platforms.email import addresses, decoding, guards
from unicom.platforms.email.composing import as_bytes

_ID = re.compile(r"<[^<>\s]{1,990}>")
_SAME = ("from", "to", "date", "subject", "message-id")
MOST_REFERENCES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFile:
    """Be one file within a mail."""

    name: str
    content_type: str
    content: bytes
    content_id: str = ""


@dataclass(kw_only=True, slots=True)
class Mail:
    """Be a mail taken apart."""

    raw: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Names in small letters, values as they came, surrogates for bytes beyond ASCII."""
    text: str = ""
    html: str = ""
    files: list[MailFile] = field(default_factory=list)
    report: Message | None = None
    """The whole of it, where it is a report (RFC 6522)."""
    is_damaged: bool = False
    """What was made of it does not say all that is in its bytes: they had better be kept."""

    def header(self, name: str) -> str:
        """Return the first header of a name as text."""
        return next((decoding.header_text(value) for key, value in self.headers if key == name), "")

    def every(self, name: str) -> list[str]:
        """Return all headers of a name as text."""
        return [decoding.header_text(value) for key, value in self.headers if key == name]

    def people(self, name: str) -> list[tuple[str, str]]:
        """Return names and addresses in the headers of a name."""
        # Addresses first, words afterwards: a decoded name may contain commas and brackets.
        found = addresses.read_list([" ".join(value.split()) for key, value in self.headers if key == name])
        return [
            (decoding.header_text(shown), str(clean(address)).encode("utf-8", "replace").decode())
            for shown, address in found
        ]

    @property
    def message_id(self) -> str:
        """Return its Message-ID, or nothing where it has none that can be one."""
        found = _ID.search(self.header("message-id"))
        return found[0] if found else ""

    @property
    def references(self) -> list[str]:
        """Return the ids of the mails it follows, the nearest first."""
        named = [*_ID.findall(" ".join(self.every("references")))][-MOST_REFERENCES:]
        parent = _ID.findall(" ".join(self.every("in-reply-to")))[:3]
        return list(dict.fromkeys([*parent, *reversed(named)]))

    @property
    def digest(self) -> str:
        """Return what tells it from another one that has the same Message-ID; its way here does not count."""
        head = re.search(rb"\r?\n\r?\n", self.raw)
        known = "\n".join(f"{key}:{' '.join(value.split())}" for key, value in self.headers if key in _SAME)
        digest = sha256(known.encode("utf-8", "surrogatepass"))
        digest.update(self.raw[head.end() :].replace(b"\r\n", b"\n").rstrip() if head else b"")
        return digest.hexdigest()

    def written_at(self, received: datetime | None) -> datetime | None:
        """Return when it was written, where its Date can be true; else when it was received."""
        try:
            date = parsedate_to_datetime(self.header("date"))
            date = date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
        except (TypeError, ValueError, IndexError, OverflowError):
            return received
        if received is not None and (date > received or (received - date).days > 30):
            return received
        return date if 1970 < date.year < 2200 else received


class MailPart(Message):
    """Be a part of a mail; a mail within it is left as it came, byte for byte."""

    def get_content_maintype(self) -> str:
        """Return the first word of its type; of a whole mail another one, or the parser would take it apart too."""
        kind = self.get_content_type()
        return (
            "enclosed"
            if kind.startswith("message/") and kind != "message/delivery-status"
            else super().get_content_maintype()
        )


def read(raw: bytes) -> Mail:
    """Take a mail apart; raises Unreadable with the reason."""
    guards.check(raw)
    try:
        message = BytesParser(MailPart, policy=policy.compat32).parsebytes(raw)
        mail = Mail(raw=raw, headers=headers_of(message), is_damaged=not _is_readable(raw))
        _take_apart(message, mail)
    except guards.Unreadable:
        raise
    except (RecursionError, MemoryError):
        raise guards.Unreadable("it is nested too deeply") from None
    except Exception as error:
        # The standard parser has its bugs; the mail is kept whole, and the next one is not held up.
        raise guards.Unreadable(f"taking it apart failed ({type(error).__name__})") from error
    return mail


def headers_of(message: Message) -> list[tuple[str, str]]:
    """Return a message's headers as they came."""
    items: Any = message.raw_items()
    return [(str(name).lower(), str(value)) for name, value in items]


def _take_apart(message: Message, mail: Mail) -> None:
    budget = guards.Budget()
    texts: list[str] = []
    pages: list[str] = []
    if message.get_content_type() == "multipart/report":
        mail.report = message
    for part in _leaves(message, budget):
        kind = part.get_content_type()
        name = _name(part)
        content, is_whole = content_of(part), not part.defects
        is_body = kind in ("text/plain", "text/html") and not name and _disposition(part) != "attachment"
        if is_body:
            exact = decoding.exactly(content, charset := _charset(part))
            is_whole = is_whole and exact is not None and is_clean(exact)
            (texts if kind == "text/plain" else pages).append(decoding.text_of(content, charset))
            mail.is_damaged |= not is_whole
            continue
        mail.is_damaged |= not is_whole
        mail.files.append(
            MailFile(
                name=name or _unnamed(part, len(mail.files) + 1),
                content_type=str(clean(kind))[:255],
                content=content,
                content_id=decoding.header_text(str(part.get("Content-ID", ""))).strip("<>")[:255],
            )
        )
    mail.text = "\n".join(text.replace("\r\n", "\n").rstrip("\n") for text in texts).strip("\n")
    mail.html = "\n".join(pages)
    mail.is_damaged |= budget.is_damaged


def _is_readable(raw: bytes) -> bool:
    """Tell whether the headers are text: an unreadable byte in them is shown as something else."""
    head = re.search(rb"\r?\n\r?\n", raw)
    text = decoding.exactly(raw[: head.start() if head else len(raw)])
    return text is not None and is_clean(text)


def _leaves(message: Message, budget: guards.Budget) -> Iterator[Message]:
    """Give the parts that hold content, in order; a mail within a mail is one of them."""
    waiting = [(message, 0)]
    while waiting:
        part, depth = waiting.pop()
        budget.spend(depth)
        # A mail within a mail stays whole; the payload of what is no list is not asked for here, for that decodes it.
        if part.is_multipart() and part.get_content_maintype() != "message":
            budget.is_damaged |= bool(part.defects)
            waiting += [(each, depth + 1) for each in reversed(inner(part))]
        else:
            yield part


def content_of(part: Message) -> bytes:
    """Return what is in a part, decoded."""
    if part.is_multipart():
        return b"\r\n".join(as_bytes(each) for each in inner(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def enclosed_headers(part: Message) -> list[tuple[str, str]]:
    """Return the headers of the mail that a part is."""
    return headers_of(BytesHeaderParser(policy=policy.compat32).parsebytes(content_of(part)[: guards.MOST_HEADERS]))


def inner(part: Message) -> list[Message]:
    """Return the parts within a part."""
    within = part.get_payload() if part.is_multipart() else []
    return [each for each in within if isinstance(each, Message)] if isinstance(within, list) else []


def _charset(part: Message) -> str:
    try:
        return str(part.get_content_charset() or "")
    except (LookupError, UnicodeError, TypeError, ValueError):
        return ""


def _disposition(part: Message) -> str:
    return str(part.get("Content-Disposition", "")).partition(";")[0].strip().lower()


def _name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (LookupError, UnicodeError, TypeError, ValueError):
        name = "file"
    return decoding.header_text(name)[:255]


def _unnamed(part: Message, number: int) -> str:
    kind = part.get_content_type()
    if kind == "message/rfc822":
        title = next((decoding.header_text(value) for key, value in enclosed_headers(part) if key == "subject"), "")
        return f"{title[:80] or f'message {number}'}.eml"
    return name_for(kind, f"part{number}")


def name_for(kind: str, stem: str = "file") -> str:
    """Return a name for a file that has none."""
    known = {
        "text/calendar": "invite.ics", "text/html": f"{stem}.html", "text/plain": f"{stem}.txt",
        "message/delivery-status": "delivery-status.txt", "text/rfc822-headers": "headers.txt",
        "message/rfc822": f"{stem}.eml", "application/octet-stream": f"{stem}.bin",
    }  # fmt: skip
    return known.get(kind) or f"{stem}.{kind.partition('/')[2].partition('+')[0][:20] or 'bin'}"
