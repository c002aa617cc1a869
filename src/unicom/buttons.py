"""Turn a caller's buttons into rows that know what they mean, and a click back into its row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from unicom.cleaning import is_clean, text_problem
from unicom.errors import Expired, InvalidMessage, NotAccessible
from unicom.llm.context import current
from unicom.models import Account, AccountChat, CallbackExecution, Channel, Message, ToolCall
from unicom.types import Button

_SIGNER_SALT = "unicom.buttons"
_KEYS = {"text", "callback_data", "url", "type", "style", "expires_at", "account", "tool_call"}


def token_for(execution_id: str) -> str:
    """Return the signed token a platform carries for us: at most 64 bytes, and it tells nothing."""
    signature = signing.Signer(salt=_SIGNER_SALT).signature(execution_id)[:24]
    return f"{execution_id}.{signature}"


def execution_id_of(token: str) -> str:
    """Return the id within a token; raises NotAccessible for one that is not ours."""
    execution_id, dot, signature = token.partition(".")
    if dot:
        # The signer checks the key and its fallbacks; it cannot do so on a shortened signature.
        signer = signing.Signer(salt=_SIGNER_SALT)
        for key in [signer.key, *signer.fallback_keys]:
            expected = signing.base64_hmac(f"{_SIGNER_SALT}signer", execution_id, key, algorithm=signer.algorithm)
            if constant_time_compare(expected[:24], signature):
                return execution_id
    raise NotAccessible("This button is not known.")


def plain(value: Any) -> Any:
    """Return ``value`` as JSON gives it back; raises TypeError or ValueError for what no database can keep as JSON."""
    found = json.loads(json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False))
    if not is_clean(found):
        raise ValueError("it contains a NUL character or half of a surrogate pair")
    return found


def make(
    data: Any,
    *,
    text: str = "",
    source_message: Message | None = None,
    account: Account | None = None,
    tool_call: ToolCall | None = None,
    expires_at: datetime | None = None,
) -> CallbackExecution:
    """Make the row of one button, not saved; raises InvalidMessage for data JSON cannot hold."""
    try:
        data = plain(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMessage({"callback_data": f"cannot be written as JSON ({error})"}) from None
    problems: dict[str, str] = {}
    given: list[tuple[str, Any, type]] = [("account", account, Account), ("tool_call", tool_call, ToolCall)]
    for key, value, kind in given:
        if value is not None and not isinstance(value, kind):
            problems[key] = f"{value!r} is not of the model {kind.__name__}"
    moment: Any = expires_at
    if moment is not None and not isinstance(moment, datetime):
        problems["expires_at"] = f"{expires_at!r} is not a datetime"
    elif expires_at is not None and timezone.is_naive(expires_at):
        problems["expires_at"] = f"{expires_at!r} has no time zone; use django.utils.timezone.now()"
    if problems:
        raise InvalidMessage(problems)
    at_hand = current()
    if at_hand is not None:
        # A button that a tool makes answers its call, and is for whoever the tool runs for.
        tool_call, account = tool_call or at_hand.tool_call, account or at_hand.account
    if account is None and source_message is not None and source_message.is_outgoing is False:
        account = source_message.sender
    return CallbackExecution(
        text=text,
        callback_data=data,
        source_message=source_message,
        account=account,
        tool_call=tool_call,
        channel=source_message.channel if source_message else None,
        expires_at=expires_at,
    )


def read(rows: Any, problems: dict[str, str]) -> tuple[list[list[Button]], list[CallbackExecution]]:
    """Check ``buttons`` of a send: rows of ``{text, callback_data | url, …}``; problems are named by row and column."""
    if not isinstance(rows, list | tuple) or not all(isinstance(row, list | tuple) for row in rows):
        problems["buttons"] = "a list of rows is needed, each a list of buttons"
        return [], []
    shown: list[list[Button]] = []
    made: list[CallbackExecution] = []
    for y, row in enumerate(rows):
        line: list[Button] = []
        for x, item in enumerate(row):
            where = f"buttons[{y}][{x}]"
            button = _read_one(item, where, problems, made)
            if button is not None:
                line.append(button)
        if line:
            shown.append(line)
    return shown, made


def _read_one(item: Any, where: str, problems: dict[str, str], made: list[CallbackExecution]) -> Button | None:
    if not isinstance(item, Mapping):
        problems[where] = f"an object with text is needed, not {item!r}"
        return None
    text = item.get("text")
    if not isinstance(text, str) or not text.strip() or text_problem(text):
        problems[where] = f"text is needed, not {text!r}"
        return None
    for key in sorted(set(map(str, item)) - _KEYS):
        problems[f"{where}.{key}"] = "not a key of a button"
    kind = item.get("type") or ("url" if "url" in item else "callback")
    style = item.get("style") or ""
    if sentence := text_problem(style):
        problems[f"{where}.style"] = sentence
        return None
    if kind == "url":
        url = item.get("url")
        if text_problem(url) or not str(url).lower().startswith(("https://", "http://", "tg://", "mailto:", "tel:")):
            problems[f"{where}.url"] = f"{url!r} is not a web address"
            return None
        return Button(text=text, url=str(url), style=style)
    if kind != "callback":
        problems[f"{where}.type"] = f"{kind!r} is not one of callback, url"
        return None
    if "callback_data" not in item:
        problems[f"{where}.callback_data"] = "required"
        return None
    try:
        execution = make(
            item["callback_data"],
            text=text,
            account=item.get("account"),
            tool_call=item.get("tool_call"),
            expires_at=item.get("expires_at"),
        )
    except InvalidMessage as error:
        problems.update({f"{where}.{key}": sentence for key, sentence in error.problems.items()})
        return None
    made.append(execution)
    return Button(text=text, token=token_for(execution.pk), style=style)


def read_markup(markup: Any, problems: dict[str, str]) -> tuple[list[list[Button]], list[CallbackExecution]] | None:
    """Read the ``inline_keyboard`` of a ``reply_markup``: ready-made tokens are kept, other data gets rows of its own.

    Returns None for any other kind of markup, which is the platform's own affair.
    """
    if not isinstance(markup, Mapping):
        problems["reply_markup"] = f"an object is needed, not {type(markup).__name__}"
        return None
    keyboard = markup.get("inline_keyboard")
    if keyboard is None:
        return None
    ready: list[CallbackExecution] = []
    rows: list[list[Any]] = []
    tokens: dict[tuple[int, int], str] = {}
    if not isinstance(keyboard, list | tuple) or not all(isinstance(row, list | tuple) for row in keyboard):
        problems["reply_markup"] = "inline_keyboard must be a list of rows, each a list of buttons"
        return None
    keyboard = [row for row in keyboard if row]
    for y, row in enumerate(keyboard):
        for x, item in enumerate(row):
            data = item.get("callback_data") if isinstance(item, Mapping) else None
            if isinstance(data, str):
                try:
                    found = CallbackExecution.objects.filter(pk=execution_id_of(data)).first()
                except NotAccessible:
                    found = None
                if found is not None:
                    found.text = item.get("text") or found.text
                    tokens[y, x] = data
                    ready.append(found)
        rows.append(list(row))
    placeholder = [
        [
            {"text": item.get("text"), "url": "https://ready.invalid"} if (y, x) in tokens else item
            for x, item in enumerate(row)
        ]
        for y, row in enumerate(rows)
    ]
    shown, made = read(placeholder, problems)
    if any(key.startswith("buttons") for key in problems):
        return shown, made
    for (y, x), token in tokens.items():
        shown[y][x] = Button(text=shown[y][x].text, token=token)
    return shown, [*made, *ready]


def attach(executions: list[CallbackExecution], message: Message) -> None:
    """Save buttons as carried by ``message``; one that was made beforehand moves there."""
    for execution in executions:
        execution.message = message
        execution.channel_id = message.channel_id
    new = [execution for execution in executions if execution._state.adding]
    known = [execution for execution in executions if not execution._state.adding]
    CallbackExecution.objects.bulk_create(new)
    CallbackExecution.objects.bulk_update(known, ["message", "channel", "text"])


def as_stored(rows: Any) -> list[list[dict[str, Any]]]:
    """Return buttons in the shape others read: rows of ``{text, type, callback_execution_id | url}``."""
    return [
        [
            {"text": button.text, "type": "url", "url": button.url, **({"style": button.style} if button.style else {})}
            if button.url
            else {
                "text": button.text,
                "type": "callback",
                "callback_execution_id": execution_id_of(button.token),
                **({"style": button.style} if button.style else {}),
            }
            for button in row
        ]
        for row in rows
    ]


def access_callback(
    execution_id: str, account: Account, channel: Channel, *, chat_id: str | None = None
) -> CallbackExecution:
    """Return the button for an account that may click it.

    Raises NotAccessible for one that is not there (or nowhere near this channel), PermissionError for somebody
    else's, Expired for one whose time has passed. ``chat_id`` is where the platform itself saw the click; without
    it, taking part in the chat is the proof.
    """
    execution = (
        CallbackExecution.objects.select_related("message__chat", "message__channel", "tool_call")
        .filter(pk=execution_id, channel=channel, message__isnull=False)
        .first()
    )
    if execution is None or execution.message is None:
        raise NotAccessible("This button is not known.")
    in_chat = (
        execution.message.chat_id == chat_id
        if chat_id is not None
        else AccountChat.objects.filter(account=account, chat_id=execution.message.chat_id).exists()
    )
    if not in_chat or (execution.account_id is not None and execution.account_id != account.pk) or account.blocked:
        raise PermissionError("This button is somebody else's.")
    if execution.is_expired:
        raise Expired("This button has expired.")
    return execution
