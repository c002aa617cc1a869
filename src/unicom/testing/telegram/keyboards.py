"""Check ``reply_markup``: keyboards, buttons and their limits."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from unicom.testing.telegram.errors import Json, bad_request

MAX_BUTTONS = 100
MAX_ROW = 8
INLINE_KINDS = (
    "url", "login_url", "callback_data", "web_app", "switch_inline_query", "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay",
)  # fmt: skip
INLINE_EXTRAS = {"text", "icon_custom_emoji_id", "style", "disabled"}
REPLY_FIELDS = {
    "text", "request_contact", "request_location", "request_poll", "request_users", "request_chat", "web_app",
    "request_managed_bot", "icon_custom_emoji_id", "style",
}  # fmt: skip
MARKUP_FIELDS = {
    "inline_keyboard": {"inline_keyboard"},
    "keyboard": {
        "keyboard", "is_persistent", "resize_keyboard", "one_time_keyboard", "input_field_placeholder", "selective",
        "force_reply",
    },
    "remove_keyboard": {"remove_keyboard", "selective"},
    "force_reply": {"force_reply", "input_field_placeholder", "selective"},
}  # fmt: skip

Complain = Callable[[str], None]
"""Called with a sentence for what the real server lets pass but a careful client would not send."""


def check_markup(markup: Json | None, complain: Complain, *, inline_only: bool = False) -> Json | None:
    """Return the markup as stored (empty rows gone), None for none; raises Telegram's 400."""
    if not markup:
        return None
    for kind, fields in MARKUP_FIELDS.items():
        if kind in markup:
            for name in sorted(set(markup) - fields):
                complain(f"reply_markup.{name}: unknown field")
            if kind == "inline_keyboard":
                return _inline(markup, complain)
            if inline_only:
                raise bad_request("inline keyboard expected")
            return _reply_keyboard(markup, complain) if kind == "keyboard" else markup
    complain("reply_markup: neither inline_keyboard, keyboard, remove_keyboard nor force_reply")
    return None


def _rows(value: Any, name: str) -> list[list[Any]]:
    if not isinstance(value, list):
        raise bad_request(f'field "{name}" must be of type Array')
    rows = []
    for row in value:
        if not isinstance(row, list):
            raise bad_request(f'field "{name}" must be an Array of Arrays')
        if row:
            rows.append(row)
    if sum(map(len, rows)) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return rows


def _inline(markup: Json, complain: Complain) -> Json | None:
    rows = _rows(markup["inline_keyboard"], "inline_keyboard")
    for row in rows:
        if len(row) > MAX_ROW:
            complain(f"reply_markup: {len(row)} buttons in a row, {MAX_ROW} are shown")
        for button in row:
            _inline_button(button, complain)
    return {"inline_keyboard": rows} if rows else None


def _inline_button(button: Any, complain: Complain) -> None:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    text = button.get("text")
    if not isinstance(text, str):
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be of type String')
    if not text.strip():
        raise bad_request("inline keyboard button text must be non-empty")
    kinds = [kind for kind in INLINE_KINDS if kind in button]
    if not kinds:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if len(kinds) > 1:
        complain(f"inline button {text!r}: exactly one of {', '.join(kinds)}")
    for name in sorted(set(button) - INLINE_EXTRAS - set(INLINE_KINDS)):
        complain(f"inline button {text!r}: unknown field {name!r}")
    if "callback_data" in button:
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode("utf-8", "surrogatepass")) <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button:
        _check_button_url(button["url"])
    if "web_app" in button:
        web_app = button["web_app"]
        if not isinstance(web_app, dict) or not str(web_app.get("url", "")).startswith("https://"):
            raise bad_request("inline keyboard button Web App URL is invalid: Only HTTPS links are allowed")
    if "copy_text" in button:
        copy = button["copy_text"]
        if not isinstance(copy, dict) or not 1 <= len(str(copy.get("text", ""))) <= 256:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")


def _check_button_url(url: Any) -> None:
    def refuse(reason: str) -> Exception:
        return bad_request(f"inline keyboard button URL '{url}' is invalid: {reason}")

    if not isinstance(url, str) or not url:
        raise refuse("URL is empty")
    try:
        parts = urlsplit(url if "://" in url or url.startswith("tg:") else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        raise refuse("Wrong HTTP URL") from None
    if parts.scheme in ("tg", "ton"):
        return
    if parts.scheme not in ("http", "https"):
        raise refuse("Unsupported URL protocol")
    if not host:
        raise refuse("URL host is empty")
    # A name without a dot, such as localhost, is refused; an address is not.
    if any(char.isspace() for char in url) or ("." not in host and not _is_address(host)):
        raise refuse("Wrong HTTP URL")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reply_keyboard(markup: Json, complain: Complain) -> Json | None:
    rows = _rows(markup["keyboard"], "keyboard")
    for row in rows:
        for button in row:
            text = button if isinstance(button, str) else button.get("text") if isinstance(button, dict) else None
            if not isinstance(text, str):
                raise bad_request("can't parse keyboard button: expected an Object or a String")
            if not text.strip():
                raise bad_request("keyboard button text must be non-empty")
            if isinstance(button, dict):
                for name in sorted(set(button) - REPLY_FIELDS):
                    complain(f"keyboard button {text!r}: unknown field {name!r}")
    if not rows:
        raise bad_request("keyboard must be non-empty")
    placeholder = markup.get("input_field_placeholder", "")
    if not isinstance(placeholder, str) or len(placeholder) > 64:
        raise bad_request("INPUT_FIELD_PLACEHOLDER_INVALID")
    return {**markup, "keyboard": rows}
