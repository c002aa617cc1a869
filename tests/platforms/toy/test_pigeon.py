"""Hold the outsider to the contract, and the contract to the promise that an outsider can meet it."""

from __future__ import annotations

import ast
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.test import Client

from tests.platforms.contract import AdapterContract
from tests.platforms.toy.adapter import Loft
from unicom.models import Channel, Message
from unicom.platforms.base import Adapter
from unicom.testing import drain

KEY = "coo-coo-coo-coo"
SOURCE = Path(__file__).parent / "adapter.py"


class TestPigeon(AdapterContract):
    platform = "Pigeon"
    registered = {"Pigeon": "tests.platforms.toy.adapter.PigeonAdapter"}
    config = {"KEY": KEY}
    secrets = (KEY,)
    fixtures = Path(__file__).parent / "fixtures"
    takes_webhooks = True

    @pytest.fixture(autouse=True)
    def _fair_weather(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Loft, "letters", [])

    def incoming(self, *, key: str, text: str) -> Any:
        return {"type": "letter", "id": f"letter-in-{key}", "loft": self.chat, "from": "anna", "text": text}

    def headers(self, body: bytes) -> dict[str, str]:
        return {"X-Pigeon-Signature": hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()}

    def broken_edges(self, adapter: Adapter) -> Iterator[AbstractContextManager[Any]]:
        return iter([mock.patch.object(Loft, "weather", weather) for weather in ("storm", "fog")])

    @pytest.mark.django_db
    @pytest.mark.parametrize(("weather", "status"), [("storm", "queued"), ("fog", "unknown"), ("fair", "sent")])
    def test_the_weather_decides_what_becomes_of_a_letter(
        self, channel: Channel, monkeypatch: pytest.MonkeyPatch, weather: str, status: str
    ) -> None:
        monkeypatch.setattr(Loft, "weather", weather)
        letter = channel.send_message({"chat_id": "north", "text": "Hello!"})
        drain()
        letter.refresh_from_db()
        assert (letter.status, len(Loft.letters)) == (status, int(status == "sent"))

    @pytest.mark.django_db
    def test_a_click_and_a_sighting_find_their_message(self, client: Client, channel: Channel) -> None:
        self.receive(client, channel, key="1", text="Well?")
        question = Message.objects.get().reply_with(
            {"text": "Fly?", "buttons": [[{"text": "Yes", "callback_data": {"fly": True}}]]}
        )
        drain()
        question.refresh_from_db()
        (token,) = Loft.letters[-1]["seals"]
        click = {"type": "seal", "id": "seal-1", "loft": self.chat, "from": "anna", "seal": token}
        sighting = {"type": "sighting", "letter": question.external_id, "what": "read"}
        channel.receive_message(click)
        channel.receive_message(sighting)
        drain()
        question.refresh_from_db()
        assert question.status == "seen"
        assert question.callback_executions.get().clicks == 1


@pytest.mark.once
def test_the_outsider_needs_less_than_120_lines() -> None:
    assert len(SOURCE.read_text().splitlines()) < 120


@pytest.mark.once
def test_the_outsider_imports_only_what_is_public() -> None:
    imported = {
        node.module
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("unicom")
    }
    assert imported == {"unicom.platforms.base", "unicom.types", "unicom.errors"}
