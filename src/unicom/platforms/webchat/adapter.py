"""Be the web chat: what goes out is the row, which the visitor's page reads."""

from __future__ import annotations

from typing import Any

from unicom.errors import AnomalousPayload
from unicom.platforms.base import Adapter
from unicom.platforms.webchat.config import WebChatConfig
from unicom.platforms.webchat.typing import note_typing
from unicom.types import DeliveryResult, InboundEvent, OutboundMessage, Part


class WebChatAdapter(Adapter):
    """Let visitors in through the views; there is no webhook and nothing to set up."""

    Config = WebChatConfig
    is_local = True
    supports_buttons = True
    supports_html = True
    supports_files = True
    supports_edit = True
    supports_delete = True
    supports_typing = True
    supports_streaming = True
    safe_to_repeat = True

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Refuse: visitors come through the views, which know who they are."""
        raise AnomalousPayload("A web chat takes no payloads; visitors write through its pages.")

    def deliver(self, part: Part) -> DeliveryResult:
        """Do nothing: the visitor's page reads the row."""
        return DeliveryResult()

    def typing(self, chat: str, message: str = "") -> None:
        """Show for some seconds that an answer is being written."""
        note_typing(chat, sender_name="", is_outgoing=True)

    def split(self, message: OutboundMessage) -> list[Part]:
        """Keep a message whole, whatever it carries."""
        return [Part(text=message.text, html=message.html, buttons=message.buttons)]
