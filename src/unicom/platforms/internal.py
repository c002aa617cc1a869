"""Exchange messages between parts of one Django project. The smallest adapter: the one to copy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from unicom.errors import AnomalousPayload
from unicom.platforms.base import Adapter
from unicom.types import (
    ButtonClicked,
    Conversation,
    DeliveryResult,
    InboundEvent,
    MessageEdited,
    MessageReceived,
    Part,
    Person,
)


class InternalAdapter(Adapter):
    """Take ``{sender, chat | chat_id, text, id?, …}`` in with ``channel.receive_message``; what goes out is the row.

    ``chat`` is the parties' own name for the conversation, which the first message opens; ``chat_id`` is our key.
    """

    is_local = True
    supports_buttons = True
    supports_html = True
    supports_files = True
    supports_edit = True
    safe_to_repeat = True

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Read a message, a click ``{…, button}`` (a ``callback_execution_id``) or an edit ``{…, edit, text}``."""
        if not isinstance(payload, Mapping):
            raise AnomalousPayload(f"An internal message is an object, not {type(payload).__name__}.")
        sender = Person(external_id=_name(payload, "sender"), name=str(payload.get("sender_name") or payload["sender"]))
        place = _place(payload)
        if payload.get("button"):
            button = _name(payload, "button")
            return [
                ButtonClicked(key=_key(payload), execution_id=button, sender=sender, conversation=place, raw=payload)
            ]
        text, html = payload.get("text") or "", payload.get("html") or ""
        if not isinstance(text, str) or not isinstance(html, str) or not (text or html):
            raise AnomalousPayload("text: required, and it must be text, as must html.")
        if payload.get("edit"):
            return [
                MessageEdited(
                    key=_key(payload),
                    conversation=place,
                    sender=sender,
                    external_id=_name(payload, "edit"),
                    text=text,
                    raw=payload,
                )
            ]
        return [
            MessageReceived(
                key=_key(payload),
                external_id=_optional(payload, "id"),
                conversation=place,
                sender=sender,
                text=text,
                html=html,
                reply_to=_optional(payload, "reply_to"),
                timestamp=_time(payload.get("timestamp")),
                raw=payload,
            )
        ]

    def deliver(self, part: Part) -> DeliveryResult:
        """Do nothing: whoever shares the database reads the row."""
        return DeliveryResult()

    def split(self, message: Any) -> list[Part]:
        """Keep a message whole, whatever it carries."""
        return [Part(text=message.text, html=message.html, buttons=message.buttons)]


def _place(payload: Mapping[str, Any]) -> Conversation:
    if payload.get("chat_id"):
        return Conversation(chat_id=_name(payload, "chat_id"))
    return Conversation(external_id=_name(payload, "chat"), name=str(payload.get("chat_name") or ""))


def _name(payload: Mapping[str, Any], key: str) -> str:
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise AnomalousPayload(f"{key}: a name is needed, not {value!r}.")
    return str(value)


def _key(payload: Mapping[str, Any]) -> str:
    name = _optional(payload, "id")
    return f"message:{name}" if name else ""


def _optional(payload: Mapping[str, Any], key: str) -> str:
    return _name(payload, key) if payload.get(key) else ""


def _time(value: Any) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        raise AnomalousPayload(f"timestamp: {value!r} is not a time in ISO 8601.") from None
    if found.tzinfo is not None:
        try:
            found.astimezone(UTC)
        except OverflowError:
            raise AnomalousPayload(f"timestamp: {value!r} is no time a database can keep.") from None
    else:
        raise AnomalousPayload(f"timestamp: {value!r} has no time zone.")
    return found
