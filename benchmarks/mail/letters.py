"""Write mails to measure with: a hundred kilobytes as people send them, signed as their servers do."""

from __future__ import annotations

import base64
import random
from email.message import EmailMessage
from email.policy import SMTP

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

DOMAIN, SELECTOR = "example.org", "s"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
_PUBLIC = base64.b64encode(
    _KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
)
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_WORDS = "The teapots you asked for are on their way, and the blue ones follow as soon as they are painted. "
_ROW = (
    '<tr><td style="padding: 4px 8px; border-bottom: 1px solid #ddd;">Teapot {number}</td>'
    '<td align="right"><a href="https://example.org/teapots/{number}">12.00</a></td></tr>\n'
)


class Dns:
    """Answer at once what the sender's domain says of itself, as a resolver nearby does."""

    def txt(self, name: str) -> list[bytes]:
        """Return the texts of a name."""
        known = {
            f"{SELECTOR}._domainkey.{DOMAIN}": b"v=DKIM1; k=rsa; p=" + _PUBLIC,
            f"_dmarc.{DOMAIN}": b"v=DMARC1; p=none",
        }
        return [known[name]] if name in known else []

    def mx(self, name: str) -> list[str]:
        """Return the exchangers of a domain."""
        return []

    def srv(self, name: str) -> list[tuple[str, int]]:
        """Return the hosts of a service."""
        return []


def large(number: int, *, people: int, signed: bool) -> bytes:
    """Return a mail of 100 KB: words, the same as HTML with a picture in it, and an attachment."""
    dice = random.Random(number)
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Person {number % people} <person{number % people}@{DOMAIN}>"
    message["To"] = "support@example.com"
    message["Subject"] = f"Teapots, order {number}"
    message["Date"] = "Mon, 02 Nov 2026 10:00:00 +0000"
    message["Message-ID"] = f"<{number}.teapots@{DOMAIN}>"
    message.set_content(f"Order {number}\n\n" + "\n\n".join([_WORDS * 4] * 8))
    rows = "".join(_ROW.format(number=line) for line in range(50))
    page = f"<html><body>{f'<p>{_WORDS * 4}</p>' * 8}<img src='cid:logo@teapots'><table>{rows}</table></body></html>"
    message.add_alternative(page, subtype="html")
    picture = _PNG + dice.randbytes(9_000)
    parts = message.get_payload()
    assert isinstance(parts, list)
    html = parts[1]
    assert isinstance(html, EmailMessage)
    html.add_related(picture, "image", "png", cid="<logo@teapots>", filename="logo.png", disposition="inline")
    message.add_attachment(
        b"%PDF-1.7\n" + dice.randbytes(55_000), maintype="application", subtype="pdf", filename="order.pdf"
    )
    raw = message.as_bytes()
    if not signed:
        return raw
    return bytes(dkim.sign(raw, SELECTOR.encode(), DOMAIN.encode(), _PRIVATE)) + raw
