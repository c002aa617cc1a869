"""Show buttons as Telegram's inline keyboards, and say beforehand which it would refuse."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from unicom.types import Button

STYLES = ("primary", "success", "danger")
ROW = 8
"""How many buttons of a row are shown; further ones begin a new one."""


def inline(rows: Sequence[Sequence[Button]]) -> dict[str, Any] | None:
    """Return an InlineKeyboardMarkup, None where there is no button."""
    shown = [
        [_button(button) for button in row[start : start + ROW]] for row in rows for start in range(0, len(row), ROW)
    ]
    return {"inline_keyboard": shown} if shown else None


def _button(button: Button) -> dict[str, str]:
    made = {"text": button.text}
    made.update({"url": button.url} if button.url else {"callback_data": button.token})
    if button.style in STYLES:
        made["style"] = button.style
    return made


def problems(rows: Sequence[Sequence[Button]]) -> dict[str, str]:
    """Return what is wrong with buttons, by row and column."""
    found = {}
    for y, row in enumerate(rows):
        for x, button in enumerate(row):
            if button.url and (sentence := _url_problem(button.url)):
                found[f"buttons[{y}][{x}].url"] = sentence
    return found


def _url_problem(url: str) -> str:
    if not url.lower().startswith(("https://", "http://", "tg://")):
        return f"{url!r} must begin with https://, http:// or tg://"
    if url.lower().startswith("tg://"):
        return ""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if any(char.isspace() for char in url) or not ("." in host.strip(".") or _is_address(host)):
        return f"{url!r} is an address Telegram does not open; a public one is needed"
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
