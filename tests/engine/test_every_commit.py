"""Prove that a process may die right before or after any commit, and nothing is lost or doubled."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tests.engine.mortality import When, dies
from unicom import signals
from unicom.models import Channel, Delivery, Job, Member, Message, Request
from unicom.testing.telegram import FakeBot, FakeTelegram, FakeUser

pytestmark = pytest.mark.timeout(300)
Scene = tuple[FakeTelegram, FakeBot, FakeUser, Channel]


@pytest.fixture
def scene(transactional_db: Any, settings: Any) -> Iterator[Scene]:
    """Return a fake server, a bot with a person who has started it, and the bot's channel."""
    with FakeTelegram(webhook_mode="manual") as telegram:
        settings.UNICOM_TELEGRAM_API_URL = telegram.url
        settings.DJANGO_PUBLIC_ORIGIN = "https://example.com"
        settings.UNICOM_EXECUTOR = "inline"
        bot, ann = telegram.add_bot("mortal_bot"), telegram.user("Ann")
        channel = Channel.objects.create(
            name="Bot", platform="Telegram", config={"API_TOKEN": bot.token, "PACING": {"time_scale": 0.001}}
        )
        assert channel.validate(), channel.error
        ann.start(bot)
        telegram.pending(bot)
        yield telegram, bot, ann, channel


@pytest.fixture
def answering_bot() -> Iterator[None]:
    """Answer what comes in, and keep a row of it."""

    def answer(sender: Any, message: Message, request: Request, **_: Any) -> None:
        Member.objects.create(name=f"wrote {message.text}")
        message.reply_with({"text": f"re: {message.text}"})

    signals.message_received.connect(answer)
    yield
    signals.message_received.disconnect(answer)


def _survivors_finish() -> None:
    """Let every lease run out, and a worker do what is left."""
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(state="sending").update(lease_until=past)
    Job.objects.filter(state="running").update(lease_until=past)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        Delivery.objects.filter(state="queued").update(next_attempt_at=past)
        Job.objects.filter(state="queued").update(next_attempt_at=past)
        call_command("unicom_worker", "--run-once", "--concurrency", "1", stdout=io.StringIO())
        if not (Delivery.objects.filter(state="queued").exists() or Job.objects.filter(state="queued").exists()):
            return
        time.sleep(0.05)  # the platform's pace is kept here too


def _die_at_every_commit(when: When, act: Callable[[int], Callable[[], None]], check: Callable[[int], None]) -> int:
    for number in range(1, 100):
        died = dies(act(number), when=when, number=number)
        act(-number)()  # the platform delivers again, the caller asks again
        _survivors_finish()
        check(number)
        if not died:
            return number
    raise AssertionError("it never came to an end")


def _arrived(telegram: FakeTelegram, ann: FakeUser, text: str) -> int:
    return telegram.log.sent_texts(ann.id).count(text)


def _check_delivered_once(telegram: FakeTelegram, ann: FakeUser, text: str) -> None:
    message = Message.objects.get(text=text, is_outgoing=True)
    arrived = _arrived(telegram, ann, text)
    if message.status == "unknown":
        assert arrived <= 1
        assert message.error
    else:
        assert (message.status, arrived) == ("sent", 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_may_die_at_any_commit_of_a_message_that_comes_in(
    scene: Scene, answering_bot: None, when: When
) -> None:
    telegram, bot, ann, channel = scene
    webhooks: dict[int, tuple[dict[str, str], bytes]] = {}

    def act(number: int) -> Callable[[], None]:
        if number not in webhooks and -number not in webhooks:
            ann.sends(bot, f"message {number}")
            request = telegram.pending(bot)[-1]
            webhooks[number] = (dict(request[0]), request[1])
        headers, body = webhooks.get(number) or webhooks[-number]

        def post() -> None:
            answer = Client().post(
                f"/unicom/telegram/{channel.pk}", body, content_type="application/json", headers=headers
            )
            assert answer.status_code == 200, answer.content

        return post

    def check(number: int) -> None:
        text = f"message {number}"
        assert Message.objects.filter(text=text, is_outgoing=False).count() == 1
        assert Request.objects.filter(message__text=text).count() == 1
        assert Member.objects.filter(name=f"wrote {text}").count() == 1
        _check_delivered_once(telegram, ann, f"re: {text}")

    assert _die_at_every_commit(when, act, check) > 5


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_may_die_at_any_commit_of_a_message_that_goes_out(scene: Scene, when: When) -> None:
    telegram, _, ann, channel = scene

    def act(number: int) -> Callable[[], None]:
        def send() -> None:
            channel.send_message(
                {"chat_id": ann.id, "text": f"hello {abs(number)}", "idempotency_key": f"key {abs(number)}"}
            )

        return send

    def check(number: int) -> None:
        _check_delivered_once(telegram, ann, f"hello {number}")

    assert _die_at_every_commit(when, act, check) > 3
