"""Be a platform that lives in memory: what is sent is kept in a list, what goes wrong is what the test says."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from typing import Any

from pydantic import Field, SecretStr

from unicom.errors import AnomalousPayload, AuthenticationFailed
from unicom.platforms.base import Adapter, AdapterConfig
from unicom.types import (
    ButtonClicked,
    Conversation,
    DeliveryResult,
    InboundEvent,
    Limits,
    MessageEdited,
    MessageReceived,
    OutboundMessage,
    Part,
    Person,
    Setup,
    StatusChanged,
)


@dataclass
class Wire:
    """Be the other side: every part that arrived, and what the next deliveries and set-ups shall come to."""

    parts: list[Part] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    setup_faults: list[Exception] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    count: int = 0

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self.parts.clear()
            self.faults.clear()
            self.setup_faults.clear()
            self.count = 0


sent = Wire()
"""What every MemoryAdapter of this process has sent; clear it between tests (the pytest fixture does)."""


class MemoryConfig(AdapterConfig):
    """Be the config of a memory channel."""

    SECRET: SecretStr = Field(SecretStr("secret"), description="What a webhook must carry in X-Secret.")


class MemoryAdapter(Adapter):
    """Behave as an outside platform does, without one.

    ``UNICOM_PLATFORMS = {"Memory": "unicom.testing.MemoryAdapter"}`` makes it known.
    """

    Config = MemoryConfig
    opens_chats = True
    supports_buttons = True
    supports_html = True
    supports_files = True
    supports_edit = True
    limits = Limits(text=1000, buttons=20)

    def setup(self, webhook_url: str) -> Setup:
        """Work, or raise the next of the set-up's faults."""
        with sent.lock:
            if sent.setup_faults:
                raise sent.setup_faults.pop(0)
        return Setup()

    def authenticate(self, headers: Mapping[str, str], body: bytes) -> None:
        """Compare the secret."""
        given = headers.get("X-Secret", "").encode("utf-8", "replace")
        secret: str = self.config.SECRET.get_secret_value()  # type: ignore[attr-defined]
        if not secret or not compare_digest(given, secret.encode()):
            raise AuthenticationFailed("The secret is wrong.")

    def items(self, payload: Any) -> list[Any]:
        """Take one event, or a list of them."""
        return payload if isinstance(payload, list) else [payload]

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Read ``{id, chat, sender, text | click | edit | status}``; ``{"unused": …}`` is known and not used."""
        if not isinstance(payload, dict):
            raise AnomalousPayload(f"An event is an object, not {type(payload).__name__}.")
        if "unused" in payload:
            return []
        if "status" in payload:
            if payload["status"] not in ("sent", "delivered", "seen", "failed", "bounced"):
                raise AnomalousPayload(f"status: {payload['status']!r} is none.")
            return [StatusChanged(external_id=str(payload.get("of")), status=payload["status"], raw=payload)]
        chat, person, text = payload.get("chat"), payload.get("sender"), payload.get("text", "")
        if not isinstance(chat, str | int) or not isinstance(person, str | int) or not isinstance(text, str):
            raise AnomalousPayload("chat, sender and text are needed.")
        key = f"event:{payload['id']}" if "id" in payload else ""
        place, sender = (
            Conversation(external_id=str(chat)),
            Person(external_id=str(person), name=str(payload.get("name", ""))),
        )
        if "click" in payload:
            return [
                ButtonClicked(
                    key=key,
                    token=str(payload["click"]),
                    sender=sender,
                    conversation=place,
                    click_id=key,
                    raw=payload,
                )
            ]
        if "edit" in payload:
            return [
                MessageEdited(
                    key=key, conversation=place, sender=sender, external_id=str(payload["edit"]), text=text, raw=payload
                )
            ]
        return [
            MessageReceived(
                key=key,
                external_id=str(payload.get("id", "")),
                conversation=place,
                sender=sender,
                text=text,
                reply_to=str(payload.get("reply_to", "")),
                raw=payload,
            )
        ]

    def split(self, message: OutboundMessage) -> list[Part]:
        """Cut a long text, so that tests see several parts."""
        most = self.limits.text or len(message.text)
        pieces = [message.text[start : start + most] for start in range(0, len(message.text), most)] or [""]
        parts = [Part(text=piece, html=message.html) for piece in pieces]
        if message.files:
            parts[-1] = replace(parts[-1], file=message.files[0])
            parts += [Part(file=item) for item in message.files[1:]]
        parts[-1] = replace(parts[-1], buttons=message.buttons)
        return parts

    def deliver(self, part: Part) -> DeliveryResult:
        """Keep the part, or raise the next fault."""
        with sent.lock:
            if sent.faults:
                raise sent.faults.pop(0)
            sent.parts.append(part)
            sent.count += 1
            return DeliveryResult(external_id=f"memory:{sent.count}" if part.act == "send" else "")
