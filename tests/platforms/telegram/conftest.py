"""Set up a fake Bot API server, a bot on it with its channel, and somebody who writes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unicom.platforms import http
from unicom.testing.draining import drain
from unicom.testing.telegram import FakeBot, FakeTelegram, FakeUser

ORIGIN = "https://bot.example.org"
SECRET_HEADER = "HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN"


@pytest.fixture
def telegram(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTelegram]:
    """Run the fake; it may not see anything a careful client would not send."""
    monkeypatch.setattr(http, "TIMEOUTS", http.Timeouts(connect=1.0, write=1.0, read=1.0, pool=1.0))
    with FakeTelegram(webhook_mode="manual", time_scale=0.01) as server:
        settings.UNICOM_TELEGRAM_API_URL = server.url
        settings.DJANGO_PUBLIC_ORIGIN = ORIGIN
        yield server
        http.close()
        assert server.violations == []


@pytest.fixture
def bot(telegram: FakeTelegram) -> FakeBot:
    """Return a bot."""
    return telegram.add_bot("shop_bot")


@pytest.fixture
def ann(telegram: FakeTelegram, bot: FakeBot) -> FakeUser:
    """Return a person who has started the bot, which has taken no notice yet."""
    person = telegram.user("Ann")
    person.start(bot)
    bot.state.queue.clear()
    return person


@pytest.fixture
def channel(db: None, bot: FakeBot) -> Any:
    """Return the bot's channel, validated as the documentation says."""
    from unicom.models import Channel

    made = Channel.objects.create(name="Shop", platform="Telegram", config={"API_TOKEN": bot.token})
    assert made.validate(), made.error
    return made


def without_pace(channel: Any) -> Any:
    """Return the channel, which may now send as fast as it likes."""
    channel.config = {**channel.config, "PACING": {"channel": [9999, 1], "chat": [9999, 1], "group": [9999, 1]}}
    channel.save()
    return channel


Deliver = Callable[[], list[int]]


@pytest.fixture
def deliver(client: Any, telegram: FakeTelegram, channel: Any, bot: FakeBot) -> Deliver:
    """Return what brings the bot's waiting updates to our webhook and does what is due; it returns the answers."""

    def run() -> list[int]:
        answers = telegram.deliver(bot, lambda headers, body: post(client, channel, body, headers))
        drain()
        return answers

    return run


def post(client: Any, channel: Any, body: bytes, headers: dict[str, str]) -> int:
    """Post an update to a channel's webhook; returns the status."""
    answer = client.post(f"/unicom/telegram/{channel.pk}", body, content_type="application/json", headers=headers)
    return int(answer.status_code)
