"""Write a mail as it goes over the wire: headers, text, HTML with its images, attachments."""

from __future__ import annotations

import base64
import binascii
import io
import secrets
from collections.abc import Sequence
from email import charset, encoders, policy
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote_to_bytes

from unicom.errors import DeliveryError
from unicom.ids import digest
from unicom.platforms.email import addresses, markup, tokens, tracking
from unicom.platforms.email.config import EmailConfig
from unicom.types import OutgoingFile, Part


class _Wire(policy.Compat32):
    """Be compat32, for the newer policy folds a long Message-ID as if it were words, which no client then recognises.

    It takes no time over a header that needs no folding.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return a header as it goes over the wire."""
        line = f"{name}: {value}" if isinstance(value, str) else ""
        if line and len(line) <= LINE and line.isascii() and line.isprintable():
            return f"{line}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


LINE = 76
"""How long a header's line may be."""
_WIRE = _Wire(linesep="\r\n")
_UTF8 = charset.Charset("utf-8")
_UTF8.body_encoding = charset.QP
# Which images mail clients draw.
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/svg+xml"})


def compose(config: EmailConfig, part: Part) -> bytes:
    """Return the mail of a part, for its one recipient; raises DeliveryError where a file cannot be read."""
    options = part.options
    html, images = _with_images(part.html, options.get("message_id", ""))
    if options.get("tracking"):
        html = tracking.tracked(html, options["tracking"])
    body = _body(part.text or markup.to_text(part.html), html, images)
    files = [*([part.file] if part.file else []), *part.files]
    if files:
        mixed = _multipart("mixed")
        mixed.attach(body)
        for item in files:
            mixed.attach(_attachment(item))
        body = mixed
    _headers(body, config, part)
    return as_bytes(body)


def as_bytes(message: Message) -> bytes:
    """Return a message as it goes over the wire."""
    wire = io.BytesIO()
    BytesGenerator(wire, mangle_from_=False, policy=_WIRE).flatten(message)
    return wire.getvalue()


def _headers(message: Message, config: EmailConfig, part: Part) -> None:
    options = part.options
    sender = addresses.formatted(config.EMAIL_ADDRESS, options.get("from_name") or config.EMAIL_FROM_NAME)
    found: list[tuple[str, str]] = [
        ("From", sender),
        ("To", _listed(options.get("to", ())) or "undisclosed-recipients:;"),
        ("Cc", _listed(options.get("cc", ()))),
        ("Reply-To", _listed(options.get("reply_to", ()))),
        ("Subject", options.get("subject", "")),
        ("Date", formatdate(options.get("date"), localtime=False)),
        ("Message-ID", options.get("message_id", "")),
        ("In-Reply-To", options.get("in_reply_to", "")),
        ("References", " ".join(options.get("references", ()))),
        ("Auto-Submitted", options.get("auto_submitted", "")),
    ]
    if unsubscribe := options.get("list_unsubscribe"):
        found += [("List-Unsubscribe", f"<{unsubscribe}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]
    found += [(str(name), str(value)) for name, value in options.get("headers", {}).items()]
    if options.get("delivery"):
        found.append((tokens.HEADER, tokens.delivery_token(options["delivery"])))
    for name, value in found:
        if value:
            message[name] = _written(name, value)
    del message["MIME-Version"]
    message["MIME-Version"] = "1.0"


def _written(name: str, value: str) -> Any:
    if value.isascii():
        return value
    if name in ("From", "To", "Cc", "Reply-To"):
        # Only an address can be left beyond ASCII here: it travels as it is, on servers that take it.
        return value.encode().decode("ascii", "surrogateescape")
    return Header(value, "utf-8", header_name=name)


def _listed(values: Sequence[str]) -> str:
    return ", ".join(addresses.formatted(value) for value in values)


def _body(text: str, html: str, images: list[MIMEBase]) -> Message:
    plain = MIMEText(text, "plain", _UTF8)  # type: ignore[arg-type]
    if not html:
        return plain
    shown: Message = MIMEText(html, "html", _UTF8)  # type: ignore[arg-type]
    if images:
        related = _multipart("related")
        related.attach(shown)
        for image in images:
            related.attach(image)
        shown = related
    both = _multipart("alternative")
    both.attach(plain)
    both.attach(shown)
    return both


def _multipart(kind: str) -> MIMEMultipart:
    # Left to itself the standard library searches all parts for a boundary it has made up; this one starts as no
    # quoted-printable and no base64 can.
    return MIMEMultipart(kind, f"=_{secrets.token_hex(16)}")


def _attachment(item: OutgoingFile) -> MIMEBase:
    try:
        with item.open() as content:
            data = content.read()
    except OSError as error:
        raise DeliveryError(f"{item.name!r} cannot be read ({type(error).__name__})", code="file") from None
    major, _, minor = item.content_type.partition("/")
    attached = MIMEBase(major or "application", minor or "octet-stream")
    attached.set_payload(data)
    encoders.encode_base64(attached)
    name: Any = item.name if item.name.isascii() else ("utf-8", "", item.name)
    attached.add_header("Content-Disposition", "attachment", filename=name)
    return attached


def _with_images(html: str, seed: str) -> tuple[str, list[MIMEBase]]:
    """Take the images out of data URIs, which clients do not show, and have the HTML name them by content id."""
    images: dict[str, MIMEBase] = {}

    def moved(value: str) -> str | None:
        found = data_uri(value)
        if found is None:
            return None
        content_type, data = found
        if content_type not in _IMAGES:
            return None
        name = f"{digest(seed + value, 24)}@unicom"
        if name not in images:
            major, _, minor = content_type.partition("/")
            image = MIMEBase(major, minor)
            image.set_payload(data)
            encoders.encode_base64(image)
            image.add_header("Content-ID", f"<{name}>")
            image.add_header(
                "Content-Disposition", "inline", filename=f"image{len(images) + 1}.{minor.partition('+')[0]}"
            )
            images[name] = image
        return f"cid:{name}"

    return markup.rewrite(html, {("img", "src"): moved}), list(images.values())


def data_uri(value: str) -> tuple[str, bytes] | None:
    """Return the type and the bytes in a data URI; None where it is none, or broken."""
    if value[:5].lower() != "data:":
        return None
    described, comma, content = value[5:].partition(",")
    if not comma:
        return None
    content_type, *parameters = described.lower().split(";")
    try:
        if "base64" in parameters:
            return content_type, base64.b64decode("".join(content.split()), validate=True)
        return content_type, unquote_to_bytes(content)
    except (ValueError, binascii.Error):
        return None
