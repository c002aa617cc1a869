"""Make buttons and keyboards in Telegram's own shape, for the documented helpers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from unicom import buttons
from unicom.models import Account, Message, ToolCall


def create_callback_button(
    text: str,
    callback_data: Any,
    message: Message | None = None,
    account: Account | None = None,
    tool_call: ToolCall | None = None,
    expires_at: datetime | None = None,
) -> dict[str, str]:
    """Return a button that calls back with any JSON data, kept in a row; raises InvalidMessage for other data.

    With ``account`` (or an incoming ``message``, whose sender it then is) only that person may click it. Nobody can
    before it has been sent in a ``reply_markup``.
    """
    execution = buttons.make(
        callback_data,
        text=text,
        source_message=message,
        account=account,
        tool_call=tool_call,
        expires_at=expires_at,
    )
    execution.save()
    return {"text": text, "callback_data": buttons.token_for(execution.pk)}


def create_url_button(text: str, url: str) -> dict[str, str]:
    """Return a button that opens a page."""
    return {"text": text, "url": url}


def create_inline_keyboard(rows: Sequence[Sequence[dict[str, str]]]) -> dict[str, list[list[dict[str, str]]]]:
    """Return a ``reply_markup`` of rows of buttons."""
    return {"inline_keyboard": [list(row) for row in rows]}
