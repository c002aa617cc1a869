"""Hold the web chat to the contract; its visitors come in through the views."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from tests.platforms.contract import AdapterContract
from unicom.models import Channel


class TestWebChat(AdapterContract):
    platform = "WebChat"
    takes_payloads = False

    def receive(self, client: Client, channel: Channel, *, key: str, text: str) -> None:
        wish: dict[str, Any] = {"text": text, "channel_id": channel.pk, "client_msg_id": f"message-{key}"}
        answer = client.post(reverse("webchat_send"), wish)
        assert answer.status_code == 200, answer.content
