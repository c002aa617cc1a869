"""A process may die right before or after any commit of a turn: nothing is lost, no outward act is repeated."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

import unicom
from tests.engine.mortality import When, dies
from unicom.models import Channel, Delivery, Job, Message, Request, ToolCall
from unicom.testing import FakeModel, call
from unicom.testing.telegram import FakeBot, FakeTelegram, FakeUser

pytestmark = pytest.mark.timeout(600)
ledger: Path


@unicom.tool
def charge(amount: int) -> str:
    """Charge the customer's card: an act outside, which must not happen twice."""
    with ledger.open("a") as written:
        written.write(f"{amount}\n")
    return f"charged {amount}"


@unicom.tool(repeatable=True)
def look_up(order: int) -> str:
    """Look something up, which may be done again."""
    return f"order {order}"


def _model(prompt: Any) -> Any:
    """Call both tools, then say what came of it; the same whichever process asks."""
    last = prompt.messages[-1]
    if last["role"] == "user":
        number = int(last["content"].split()[-1])
        return [call("charge", amount=number), call("look_up", order=number)]
    results = [json.loads(item["content"]) for item in prompt.messages if item["role"] == "tool"]
    return f"Done: {json.dumps(results[-2:])}"


@pytest.fixture
def scene(transactional_db: Any, settings: Any, tmp_path: Path) -> Iterator[tuple[FakeTelegram, FakeUser, Channel]]:
    """Return a fake server, a person who has started a bot, and the bot's channel."""
    global ledger
    ledger = tmp_path / "ledger"
    ledger.touch()
    with FakeTelegram(webhook_mode="manual") as telegram:
        settings.UNICOM_TELEGRAM_API_URL = telegram.url
        settings.DJANGO_PUBLIC_ORIGIN = "https://example.com"
        settings.UNICOM_EXECUTOR = "inline"
        bot: FakeBot = telegram.add_bot("mortal_bot")
        channel = Channel.objects.create(
            name="Bot", platform="Telegram", config={"API_TOKEN": bot.token, "PACING": {"time_scale": 0.001}}
        )
        assert channel.validate(), channel.error
        ann = telegram.user("Ann")
        ann.start(bot)
        telegram.pending(bot)
        yield telegram, ann, channel


def _survivors_finish() -> None:
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(state="sending").update(lease_until=past)
    Job.objects.filter(state="running").update(lease_until=past)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for model in (Delivery, Job):
            model._default_manager.filter(state="queued").update(next_attempt_at=past)
        call_command("unicom_worker", "--run-once", "--concurrency", "1", stdout=io.StringIO())
        if not any(model._default_manager.filter(state="queued").exists() for model in (Delivery, Job)):
            return


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_may_die_at_any_commit_of_a_turn(scene: tuple[FakeTelegram, FakeUser, Channel], when: When) -> None:
    telegram, ann, channel = scene
    interrupted = 0
    with FakeModel(otherwise=_model):
        for number in range(1, 100):
            message = channel.receive_message(
                {
                    "update_id": 10_000 + number,
                    "message": {
                        "message_id": 10_000 + number, "date": int(time.time()), "text": f"Order {number}",
                        "chat": {"id": ann.id, "type": "private", "first_name": "Ann"},
                        "from": {"id": ann.id, "is_bot": False, "first_name": "Ann"},
                    },
                }
            )  # fmt: skip
            assert message is not None

            def answer(message: Message = message) -> None:
                message.reply_using_llm(tools=[charge, look_up])

            died = dies(answer, when=when, number=number)
            if not Job.objects.filter(kind="turn", key=message.requests.get(parent_request=None).pk).exists():
                answer()  # it died before anything was written, so whoever wanted it asks again
            _survivors_finish()
            interrupted += _check(telegram, message, number)
            if not died:
                break
    assert number > 10, "a turn with two tools has more commits than that"
    assert interrupted >= 1, "no process died while the tool ran"


def _check(telegram: FakeTelegram, message: Message, number: int) -> bool:
    charges = ledger.read_text().split().count(str(number))
    charged, looked_up = ToolCall.objects.filter(initial_user_message=message).order_by("id")
    assert looked_up.status == "COMPLETED"
    if charged.status == "INTERRUPTED":
        assert charges <= 1
    else:
        assert (charged.status, charges) == ("COMPLETED", 1)
    said = Message.objects.get(reply_to_message=message, is_outgoing=True)
    assert said.text.startswith("Done: ")
    arrived = telegram.log.sent_texts(int(message.chat.external_id or "")).count(said.text)
    assert (said.status, arrived) == ("sent", 1) or (said.status == "unknown" and arrived <= 1), said.error
    assert set(Request.objects.values_list("status", flat=True)) == {"COMPLETED"}
    assert not Job.objects.exclude(state="done").exists()
    return charged.status == "INTERRUPTED"
