"""Set up a fake Cloud API, a number on it with its channel, and somebody who writes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unicom.platforms import http
from unicom.testing.draining import drain
from unicom.testing.whatsapp import FakeNumber, FakeUser, FakeWhatsApp

ORIGIN = "https://shop.example.org"
URL = "/unicom/whatsapp"
SIGNATURE = "X-Hub-Signature-256"


@pytest.fixture
def whatsapp(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWhatsApp]:
    """Run the fake; it may not see anything a careful client would not send."""
    monkeypatch.setattr(http, "TIMEOUTS", http.Timeouts(connect=0.5, write=0.5, read=0.3, pool=0.5))
    with FakeWhatsApp(webhook_mode="manual", time_scale=0.01) as server:
        settings.UNICOM_WHATSAPP_API_URL = server.url
        settings.DJANGO_PUBLIC_ORIGIN = ORIGIN
        yield server
        http.close()
        assert server.violations == []


@pytest.fixture
def number(whatsapp: FakeWhatsApp) -> FakeNumber:
    """Return a business number."""
    return whatsapp.add_number()


@pytest.fixture
def ann(whatsapp: FakeWhatsApp) -> FakeUser:
    """Return a person who has not written yet."""
    return whatsapp.user("Ann")


def config_of(whatsapp: FakeWhatsApp, number: FakeNumber, **more: Any) -> dict[str, Any]:
    """Return the config of a number's channel."""
    return {
        "PHONE_NUMBER_ID": number.id,
        "ACCESS_TOKEN": whatsapp.token,
        "APP_SECRET": whatsapp.app_secret,
        "VERIFY_TOKEN": "our-words",
        **more,
    }


@pytest.fixture
def channel(db: None, whatsapp: FakeWhatsApp, number: FakeNumber) -> Any:
    """Return the number's channel, validated, its templates read."""
    return make_channel(whatsapp, number)


def make_channel(whatsapp: FakeWhatsApp, number: FakeNumber, **more: Any) -> Any:
    """Make a number's channel as the documentation says."""
    from unicom.models import Channel

    made = Channel.objects.create(name="Shop", platform="WhatsApp", config=config_of(whatsapp, number, **more))
    assert made.validate(), made.error
    drain()
    return made


Deliver = Callable[[], list[int]]


@pytest.fixture
def deliver(client: Any, whatsapp: FakeWhatsApp, channel: Any) -> Deliver:
    """Return what brings waiting webhooks to our address and does what is due; it returns the answers."""

    def run() -> list[int]:
        answers = whatsapp.deliver(lambda headers, body: post(client, body, headers))
        drain()
        return answers

    return run


def post(client: Any, body: bytes, headers: dict[str, str]) -> int:
    """Post a webhook to the documented address; returns the status."""
    answer = client.post(URL, body, content_type="application/json", headers=headers)
    return int(answer.status_code)


@pytest.fixture
def greeted(channel: Any, number: FakeNumber, ann: FakeUser, deliver: Deliver) -> Any:
    """Return the message with which Ann has opened the conversation."""
    from unicom.models import Message

    ann.sends(number, "Hello")
    assert deliver() == [200]
    return Message.objects.get(is_outgoing=False)
