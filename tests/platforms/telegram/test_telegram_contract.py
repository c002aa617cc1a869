"""Hold Telegram to the contract of every platform, against the fake server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.contract import AdapterContract
from unicom.platforms import http
from unicom.platforms.base import Adapter
from unicom.platforms.cutting import utf16_length
from unicom.testing.telegram import FakeTelegram

TOKEN = "7100000001:AAExampleExampleExampleExampleExampleEx"
SECRET = "what-telegram-proves-itself-with"
ANN = 5_200_000_042
FAULTS = ("500", "502", "503", "429", "401", "blocked", "timeout_after", "drop_before", "drop_after", "malformed")


class TestTelegram(AdapterContract):
    platform = "Telegram"
    config = {"API_TOKEN": TOKEN, "SECRET_TOKEN": SECRET, "PACING": {"channel": [9999, 1], "chat": [9999, 1]}}
    secrets = (TOKEN, SECRET)
    fixtures = Path(__file__).parent / "fixtures"
    takes_webhooks = True
    chat = str(ANN)

    @pytest.fixture(autouse=True)
    def _server(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(http, "TIMEOUTS", http.Timeouts(connect=1.0, write=1.0, read=1.0, pool=1.0))
        with FakeTelegram(webhook_mode="manual") as server:
            self.server = server
            settings.UNICOM_TELEGRAM_API_URL = server.url
            server.user("Ann", id=ANN).start(server.add_bot("shop_bot", token=TOKEN))
            yield
            http.close()

    def incoming(self, *, key: str, text: str) -> Any:
        person = {"id": ANN, "is_bot": False, "first_name": "Ann"}
        chat = {"id": ANN, "type": "private", "first_name": "Ann"}
        number = int(key)
        message = {"message_id": number, "from": person, "chat": chat, "date": 1_790_000_000, "text": text}
        return {"update_id": 730_000_000 + number, "message": message}

    def headers(self, body: bytes) -> dict[str, str]:
        return {"X-Telegram-Bot-Api-Secret-Token": SECRET}

    def length(self, text: str) -> int:
        return utf16_length(text)

    def broken_edges(self, adapter: Adapter) -> Iterator[AbstractContextManager[Any]]:
        @contextmanager
        def broken(fault: str) -> Iterator[None]:
            self.server.fail("sendMessage", error=fault)
            yield

        @contextmanager
        def away() -> Iterator[None]:
            self.server.stop()
            http.close()
            yield

        yield from (broken(fault) for fault in FAULTS)
        yield away()
