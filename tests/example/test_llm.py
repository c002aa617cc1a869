"""The demo's language model: a tool, buttons, and an answer that comes later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from example.bot import llm
from unicom.inbound import ingest
from unicom.models import CallbackExecution, Channel, Job, Message, Request, ToolCall
from unicom.signals import button_clicked, message_received
from unicom.testing import FakeModel, call, drain
from unicom.types import ButtonClicked, Conversation, MessageReceived, Person

ANN = Person(external_id="ann", name="Ann")
ROOM = Conversation(external_id="room")


@pytest.fixture(autouse=True)
def _connected_bot(db: None, settings: Any) -> Iterator[None]:
    from example.bot import receivers

    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    settings.UNICOM_LLM_MODEL = "gpt-4o-mini"
    settings.UNICOM_LLM_PROVIDERS = {"scripted": "example.bot.llm.ScriptedModel"}
    message_received.connect(receivers.answer)
    button_clicked.connect(receivers.react)
    yield
    message_received.disconnect(receivers.answer)
    button_clicked.disconnect(receivers.react)


@pytest.fixture(params=["Internal", "WebChat"])
def channel(request: pytest.FixtureRequest) -> Channel:
    return Channel.objects.create(name="Demo", platform=request.param)


def say(channel: Channel, text: str) -> None:
    ingest(channel, [MessageReceived(conversation=ROOM, sender=ANN, text=text)])
    drain()


def said() -> list[str]:
    return list(Message.objects.filter(is_outgoing=True).order_by("id").values_list("text", flat=True))


def test_a_tool_looks_an_order_up(channel: Channel) -> None:
    say(channel, "Where is my order 1048?")
    assert said() == ["Order 1048 is on its way, expected tomorrow."]
    assert set(Request.objects.values_list("status", flat=True)) == {"COMPLETED"}


@pytest.mark.parametrize(("label", "end"), [("Yes, send it back", "It is noted"), ("No, keep it", "Good, it stays")])
def test_a_tool_asks_with_buttons(channel: Channel, label: str, end: str) -> None:
    say(channel, "Please return order 1048")
    assert said() == ["Shall I take back order 1048?"]
    button = CallbackExecution.objects.get(text=label)
    for _ in range(2):  # a second click finds it answered
        ingest(channel, [ButtonClicked(execution_id=button.pk, sender=ANN, conversation=ROOM)])
        drain()
    question, answer = said()
    assert question == f"Shall I take back order 1048? {label}."
    assert answer.startswith(end)


def test_a_reminder_comes_later_and_one_may_go_on_talking(channel: Channel) -> None:
    say(channel, "Remind me in 30 seconds to drink tea")
    assert (said(), ToolCall.objects.get().status) == ([], "IN_PROGRESS")
    say(channel, "Hello")
    assert len(said()) == 1
    Job.objects.filter(kind="demo_reminder").update(next_attempt_at=timezone.now())
    drain()
    assert said()[-1].endswith("and time: drink tea")


def test_with_a_key_a_real_model_answers_everything(channel: Channel, settings: Any) -> None:
    settings.OPENAI_API_KEY = "sk-test"
    with FakeModel([call("order_status", number=1047), "It is packed."]) as model:
        say(channel, "Hello, what about 1047?")
    assert said() == ["It is packed."]
    assert [tool["name"] for tool in model.prompts[0].tools] == [function.__name__ for function in llm.TOOLS]
    assert model.prompts[0].messages[0] == {"role": "system", "content": llm.INSTRUCTION}
