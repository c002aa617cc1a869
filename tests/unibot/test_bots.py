"""A bot picks up the requests it fits, answers them with its tools, and keeps a log of what that took."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from tests.llm import shop
from unibot.models import Bot, BotRun
from unicom.errors import ModelError
from unicom.models import Message, Request, RequestCategory
from unicom.signals import message_received
from unicom.testing import FakeModel, call

pytestmark = pytest.mark.django_db
SHOP = shop.__name__  # importing it registers the tools


@pytest.fixture
def receive(memory_channel, unicom_drain):
    """Return a function that has somebody write, and everything done that follows."""
    number = iter(range(1, 1000))

    def write(text: str = "Hello") -> Message:
        message: Message = memory_channel.receive_message(
            {"id": next(number), "chat": "room", "sender": "ann", "text": text}
        )
        unicom_drain()
        return message

    return write


@pytest.fixture
def bot(db):
    return Bot.objects.create(
        name="Shop",
        model="gpt-4",
        system_instruction="Sell.",
        tools=["stock", "gone"],
        input_price=Decimal(2),
        output_price=Decimal(8),
        apology="Sorry, I am lost.",
        options={"temperature": 0},
    )


def said() -> list[str]:
    return list(Message.objects.filter(is_outgoing=True).order_by("id").values_list("text", flat=True))


def test_it_answers_what_waits_and_the_log_tells_what_that_took(bot, receive):
    with FakeModel([call("stock", item="teapot"), "Two."]) as model:
        receive("Teapots?")
    assert (said(), model.prompts[0].model, model.prompts[0].options) == (["Two."], "gpt-4", {"temperature": 0})
    assert model.prompts[0].messages[0]["content"] == "Sell."
    assert [tool["name"] for tool in model.prompts[0].tools] == ["stock"]
    assert set(Request.objects.values_list("status", flat=True)) == {"COMPLETED"}
    answered, called = BotRun.objects.all()
    assert (called.outcome, called.tool_calls, answered.outcome, answered.tool_calls) == (
        "called tools", 1, "answered", 0,
    )  # fmt: skip
    for run in (called, answered):
        assert run.input_tokens > 0
        expected = (2 * run.input_tokens + 8 * run.output_tokens) / Decimal(1_000_000)
        assert run.cost == expected.quantize(Decimal("0.000001"))
        assert (run.bot, run.model) == (bot, "gpt-4")


def test_a_failed_run_is_logged_and_the_person_is_told(bot, receive):
    with FakeModel([ModelError("400: no such model")]):
        receive()
    run = BotRun.objects.get()
    assert (run.outcome, run.error, run.cost) == ("failed", "400: no such model", Decimal(0))
    assert said() == ["Sorry, I am lost."]


def test_the_bot_that_fits_first_answers(bot, receive, memory_channel):
    category = RequestCategory.objects.create(
        name="Orders", processing_function="def process(r):\n    return 'order' in r.message.text"
    )
    special = Bot.objects.create(name="Orders", model="orders", priority=-1)
    special.categories.add(category)
    elsewhere = Bot.objects.create(name="Elsewhere", model="elsewhere", priority=-2)
    elsewhere.channels.add(type(memory_channel).objects.create(name="Other", platform="Memory", active=True))
    Bot.objects.create(name="Off", model="off", priority=-3, is_active=False)
    with FakeModel(otherwise="Yes.") as model:
        receive("my order")
        receive("something else")
    assert [prompt.model for prompt in model.prompts] == ["orders", "gpt-4"]


def test_what_somebody_else_has_taken_is_left_to_them(bot, receive):
    def answer(sender, message, request, **kwargs):
        message.reply_with({"text": "I did."})
        Request.objects.filter(pk=request.pk).update(status="COMPLETED")

    message_received.connect(answer)
    try:
        with FakeModel():
            receive()
    finally:
        message_received.disconnect(answer)
    assert said() == ["I did."]


def test_a_chat_that_belongs_to_a_human_is_left_alone(bot, receive):
    with FakeModel(otherwise="Yes."):
        message = receive()
    message.chat.metadata = {"bot": False}
    message.chat.save()
    with FakeModel():
        receive()
    assert said() == ["Yes."]


def test_a_bot_that_could_not_answer_is_refused_with_every_reason(bot):
    bot.tools, bot.depth, bot.options = ["stock", "gone"], 0, {"temperature": 1}
    with pytest.raises(ValidationError) as caught:
        bot.full_clean()
    assert "gone: not declared with @unicom.tool" in str(caught.value)
    bot.tools = ["stock"]
    with pytest.raises(ValidationError, match="depth"):
        bot.full_clean()


def test_the_admin_offers_the_tools_there_are(bot, receive):
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    page = client.get(f"/admin/unibot/bot/{bot.pk}/change/").content.decode()
    assert "Tell how many of an item there are." in page
    posted = {
        "name": "Shop", "is_active": "on", "priority": "0", "tools": ["stock", "weather"], "depth": "10",
        "options": "{}", "input_price": "0", "output_price": "0",
    }  # fmt: skip
    answer = client.post(f"/admin/unibot/bot/{bot.pk}/change/", posted)
    assert answer.status_code == 302, answer.context["errors"]
    bot.refresh_from_db()
    assert (bot.tools, bot.depth) == (["stock", "weather"], 10)
    with FakeModel(["Yes."]):
        receive()
    assert "answered" in client.get("/admin/unibot/botrun/").content.decode()
    assert client.get("/admin/unibot/bot/").status_code == 200
