"""A turn is held under a lease: whoever has lost it writes nothing any more. Its statements are bounded."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from tests.llm import shop
from tests.pipeline.simultaneous import at_once
from unicom.models import Channel, Job, Message, Request, ToolCall
from unicom.testing import FakeModel, call, drain

pytestmark = pytest.mark.django_db


def _lost() -> None:
    """Have another worker take the turn over."""
    Job.objects.filter(kind="turn", state="running").update(fence=F("fence") + 1)


def test_a_stale_worker_cannot_post(wrote):
    """LL-04."""

    def answers_late(prompt):
        _lost()
        return "Too late."

    with FakeModel([answers_late]):
        wrote("Hello").reply_using_llm()
        drain()
    assert not Message.objects.filter(is_outgoing=True).exists()
    assert Request.objects.get().llm_calls_count == 0


def test_a_stale_worker_calls_no_tool(wrote, monkeypatch):
    """LL-04: neither is a call begun, nor its result written."""
    shop.log.clear()

    class Losing(FakeModel):
        def complete(self, prompt, on_text=None):
            monkeypatch.setattr("unicom.llm.turn._run", _run_after_loss)
            return super().complete(prompt, on_text)

    from unicom.llm import turn

    run = turn._run

    def _run_after_loss(*args):
        _lost()
        run(*args)

    with Losing([call("stock", item="teapot")]):
        wrote("Hello").reply_using_llm(tools=[shop.stock])
        drain()
    assert shop.log == []
    assert ToolCall.objects.get().status == "PENDING"


@pytest.mark.django_db(transaction=True)
def test_turns_of_one_chat_are_taken_one_after_the_other(settings):
    channel = Channel.objects.create(name="Inside", platform="Internal")
    messages = [
        channel.receive_message({"id": str(n), "chat": "room", "sender": "ann", "text": f"message {n}"})
        for n in range(4)
    ]
    running: list[int] = []
    most: list[int] = []

    def slow(prompt):
        running.append(1)
        most.append(len(running))
        running.pop()
        return f"{len(prompt.messages)} read"

    with FakeModel(otherwise=slow):
        outcomes = at_once([message.reply_using_llm for message in messages])
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert max(most) == 1
    assert set(Request.objects.values_list("status", flat=True)) == {"COMPLETED"}
    assert not Job.objects.exclude(state="done").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("history", [5, 120])
def test_a_turn_s_statements_do_not_grow_with_the_chat(history):
    channel = Channel.objects.create(name="Inside", platform="Internal")
    for number in range(history):
        message = channel.receive_message({"id": str(number), "chat": "room", "sender": "ann", "text": "Hello"})
    with FakeModel(otherwise="Yes."):
        message.reply_using_llm()
        message = channel.receive_message({"id": "last", "chat": "room", "sender": "ann", "text": "Hello"})
        with CaptureQueriesContext(connection) as seen:
            message.reply_using_llm()
    assert len(seen) <= 66
