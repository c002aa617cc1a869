"""Notice opens and clicks: the pixel, the links that lead through us, and what to think of who fetches them."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.urls import NoReverseMatch, reverse

from unicom.conf import settings
from unicom.platforms.email import markup
from unicom.types import OutboundMessage


def is_possible(message: OutboundMessage) -> bool:
    """Tell whether opens and clicks of a message can be noticed: it has HTML, and we are reached from outside."""
    return bool(message.html and message.tracking_id and _address("e_px", message.tracking_id))


def links(html: str, *, without: str = "") -> list[str]:
    """Return the addresses that links of some HTML lead to, each once, in their order."""
    found: dict[str, None] = {}

    def noted(value: str) -> None:
        if is_link(value) and value != without:
            found.setdefault(value)

    markup.rewrite(html, {("a", "href"): noted, ("area", "href"): noted})
    return list(found)


def is_link(value: str) -> bool:
    """Tell whether an address is one a browser can be sent to."""
    if len(value) > 8000 or any(ord(character) < 33 for character in value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.netloc)


def tracked(html: str, options: dict[str, str]) -> str:
    """Return HTML whose links lead through us, and that ends with the pixel."""
    key, without = options["id"], options.get("without", "")
    numbers = {url: number for number, url in enumerate(links(html, without=without))}

    def through_us(value: str) -> str | None:
        number = numbers.get(value)
        return None if number is None else _address("e_lc", key, number) or None

    html = markup.rewrite(html, {("a", "href"): through_us, ("area", "href"): through_us})
    pixel = f'<img src="{_address("e_px", key)}" width="1" height="1" alt="" style="border:0">'
    at = html.lower().rfind("</body>")
    return f"{html[:at]}{pixel}{html[at:]}" if at >= 0 else html + pixel


def _address(name: str, *args: object) -> str:
    """Return the whole address of an endpoint of ours; nothing where the site is not reached from outside."""
    origin = settings.DJANGO_PUBLIC_ORIGIN
    try:
        return origin + reverse(name, args=args) if origin else ""
    except NoReverseMatch:
        return ""
