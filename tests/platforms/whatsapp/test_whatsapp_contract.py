"""Hold WhatsApp to the contract of every platform, against the fake server."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.contract import AdapterContract
from unicom.models import Channel
from unicom.platforms import http
from unicom.platforms.base import Adapter
from unicom.platforms.cutting import utf16_length
from unicom.testing.whatsapp import FakeWhatsApp

TOKEN = "EAAExampleExampleExampleExampleExampleExample"
SECRET, OLD_SECRET, WORDS = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210", "our-own-words"
NUMBER, ACCOUNT, BUSINESS = "106540352242922", "215589313241560", "330593932812345"
ANN = "4915112345678"
FAULTS = ("500", "502", "503", 131056, 190, 131047, 131000, "timeout_after", "drop_before", "drop_after", "malformed")


class TestWhatsApp(AdapterContract):
    platform = "WhatsApp"
    config = {
        "PHONE_NUMBER_ID": NUMBER,
        "ACCESS_TOKEN": TOKEN,
        "APP_SECRET": [SECRET, OLD_SECRET],
        "VERIFY_TOKEN": WORDS,
        "BUSINESS_ACCOUNT_ID": ACCOUNT,
        "BUSINESS_ID": BUSINESS,
        "PACING": {"channel": [9999, 1], "chat": [9999, 1]},
    }
    secrets = (TOKEN, SECRET, OLD_SECRET, WORDS)
    fixtures = Path(__file__).parent / "fixtures"
    takes_webhooks = True
    chat = ANN
    opening = {"template": "hello_world"}

    @pytest.fixture(autouse=True)
    def _server(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(http, "TIMEOUTS", http.Timeouts(connect=0.5, write=0.5, read=0.2, pool=0.5))
        with FakeWhatsApp(token=TOKEN, app_secret=SECRET, webhook_mode="manual") as server:
            self.server = server
            settings.UNICOM_WHATSAPP_API_URL = server.url
            number = server.add_number(id=NUMBER, account=ACCOUNT, business=BUSINESS)
            server.user("Ann", phone=ANN).sends(number, "Hello")
            server.add_template(number, "hello_world", "Hello World")
            yield
            http.close()

    @pytest.fixture
    def channel(self, platform_config: dict[str, Any]) -> Channel:
        from unicom.models import PlatformTemplate

        made = Channel.objects.create(name="Under test", platform="WhatsApp", config=platform_config, active=True)
        PlatformTemplate.objects.create(
            channel=made,
            name="hello_world",
            language="en_US",
            status="approved",
            components=[{"type": "BODY", "text": "Hello World"}],
        )
        return made

    def incoming(self, *, key: str, text: str) -> Any:
        message = {
            "from": ANN, "id": f"wamid.{key}", "timestamp": str(int(time.time())), "type": "text",
            "text": {"body": text},
        }  # fmt: skip
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER},
            "contacts": [{"profile": {"name": "Ann"}, "wa_id": ANN}],
            "messages": [message],
        }
        entry = {"id": ACCOUNT, "changes": [{"value": value, "field": "messages"}]}
        return {"object": "whatsapp_business_account", "entry": [entry]}

    def headers(self, body: bytes) -> dict[str, str]:
        return {"X-Hub-Signature-256": f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"}

    def length(self, text: str) -> int:
        return utf16_length(text)

    def broken_edges(self, adapter: Adapter) -> Iterator[AbstractContextManager[Any]]:
        @contextmanager
        def broken(fault: Any) -> Iterator[None]:
            self.server.fail("messages", error=fault)
            yield

        @contextmanager
        def away() -> Iterator[None]:
            self.server.stop()
            http.close()
            yield

        yield from (broken(fault) for fault in FAULTS)
        yield away()
