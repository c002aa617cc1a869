"""A model answers messages, calls tools and waits for them, within durable turns."""

from __future__ import annotations

import json

import pytest

from tests.llm import shop
from unicom.errors import ModelError
from unicom.models import Job, Message, Request, ToolCall
from unicom.testing import FakeModel, call

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet_shop():
    shop.log.clear()


def said() -> list[str]:
    return list(Message.objects.filter(is_outgoing=True).order_by("id").values_list("text", flat=True))


def test_an_answer_is_sent_and_counted(wrote, drain):
    message = wrote("Do you have teapots?")
    with FakeModel(["We have **two**."]) as model:
        assert message.reply_using_llm(model="gpt-4", system_instruction="Be brief.", temperature=0.1) is None
        drain()
    (prompt,) = model.prompts
    assert list(prompt.messages) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Do you have teapots?"},
    ]
    assert (prompt.model, prompt.options) == ("gpt-4", {"temperature": 0.1})
    answer = Message.objects.get(is_outgoing=True)
    assert (answer.text, answer.status, answer.reply_to_message) == ("We have **two**.", "sent", message)
    request = Request.objects.get()
    assert (request.status, request.llm_calls_count, request.tool_call_count) == ("COMPLETED", 1, 0)
    assert request.llm_token_usage > 10


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_the_answer_is_returned(wrote):
    message = wrote("Hello")
    with FakeModel(["Hello back"]):
        answer = message.reply_using_llm()
    assert (answer.text, answer.status) == ("Hello back", "sent")
    assert not Job.objects.exclude(state="done").exists()


def test_tools_are_called_and_the_model_goes_on_with_their_results(wrote, drain):
    message = wrote("Blue teapots?")
    with FakeModel([[call("stock", item="teapot", colour="blue"), call("weather", city="Delft")], "Two."]) as model:
        message.reply_using_llm(tools=[shop.stock, "weather"])
        drain()
    first, second = model.prompts
    assert [tool["name"] for tool in first.tools] == ["stock", "weather"]
    schema = first.tools[0]["parameters"]
    assert schema["required"] == ["item"]
    assert schema["properties"]["item"]["description"] == "What is asked for, in the singular."
    calls = second.messages[1]["tool_calls"]
    assert [item["function"]["name"] for item in calls] == ["stock", "weather"]
    results = [json.loads(item["content"]) for item in second.messages[2:]]
    assert results == [{"item": "teapot", "colour": "blue", "count": 2}, "rain in Delft"]
    assert said() == ["Two."]
    root, child = Request.objects.order_by("id")
    assert (root.status, root.tool_call_count, root.llm_calls_count) == ("COMPLETED", 2, 1)
    assert (child.parent_request, child.initial_request, child.status) == (root, root, "COMPLETED")
    assert (child.account, child.message, child.llm_calls_count) == (root.account, message, 1)
    assert set(ToolCall.objects.values_list("status", "answered_in")) == {("COMPLETED", child.pk)}


def test_a_tool_that_returns_none_is_in_progress_and_its_answer_starts_a_new_turn(wrote, drain):
    """Known failure 12."""
    message = wrote("Remind me")
    with FakeModel([call("remind", text="tea", hours=2)]) as model:
        message.reply_using_llm(tools=[shop.remind])
        drain()
    tool_call = ToolCall.objects.get()
    assert (tool_call.status, tool_call.is_running) == ("IN_PROGRESS", False)
    assert shop.log == [f"remind {tool_call.call_id}"]
    assert Request.objects.get().status == "PROCESSING"
    with FakeModel(["Nice weather."]) as model:
        wrote("How are you?").reply_using_llm()
        drain()
    placeholder = json.loads(model.prompts[0].messages[2]["content"])
    assert placeholder["status"] == "pending"
    with FakeModel(["Time for tea!"]) as model:
        logged, child = tool_call.respond("Reminder: tea")
        drain()
    *_, asked, answered = model.prompts[0].messages
    assert asked["tool_calls"][0]["function"]["name"] == "remind"
    assert json.loads(answered["content"])["result"] == "Reminder: tea"
    assert logged.raw["tool_response"]["result"] == "Reminder: tea"
    assert said() == ["Nice weather.", "Time for tea!"]
    child.refresh_from_db()
    assert (child.status, child.parent_request.status) == ("COMPLETED", "COMPLETED")


def test_an_active_call_reports_without_children(wrote, drain):
    """Known failure 12."""
    message = wrote("Watch it")
    with FakeModel([call("watch", threshold=5), "I am watching."]) as model:
        message.reply_using_llm(tools=[shop.watch])
        drain()
    assert json.loads(model.prompts[1].messages[-1]["content"]) == "watching"
    tool_call = ToolCall.objects.get(status="ACTIVE")
    for number in range(3):
        logged, child = tool_call.respond(f"CPU {number}")
        assert (logged.media_type, child) == ("tool_response", None)
    drain()
    request = Request.objects.get()
    assert (request.status, request.llm_calls_count, said()) == ("COMPLETED", 2, ["I am watching."])


def test_buttons_made_in_a_tool_answer_its_call(wrote, drain, channel, unicom_sent):
    from django.dispatch import receiver

    from unicom.signals import button_clicked

    @receiver(button_clicked)
    def clicked(sender, callback_execution, tool_call, **kwargs):
        tool_call.respond({"answer": callback_execution.callback_data["value"]})

    try:
        with FakeModel([call("ask", question="Sure?"), "Then I do it."]) as model:
            wrote("Do it").reply_using_llm(tools=[shop.ask])
            drain()
            token = unicom_sent.parts[-1].buttons[0][0].token
            channel.receive_message({"chat": "room", "sender": "ann", "click": token})
            drain()
    finally:
        button_clicked.disconnect(clicked)
    roles = [item["role"] for item in model.prompts[1].messages]
    assert roles == ["user", "assistant", "tool", "assistant", "assistant", "tool"]
    assert model.prompts[1].messages[3]["content"] == "Sure?"
    assert json.loads(model.prompts[1].messages[-1]["content"])["result"] == {"answer": "Yes"}
    assert said() == ["Sure?", "Then I do it."]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (call("broken", how="today"), "RuntimeError: out of order today"),
        (call("stock"), "the arguments do not fit: item: Field required"),
        (call("stock", item="teapot", size=3), "size: Extra inputs are not permitted"),
        (call("nothing"), "there is no tool 'nothing'; there are stock, broken"),
        (type(call("x"))(name="stock", arguments='{"item": "tea'), "the arguments are not JSON"),
        (type(call("x"))(name="stock", arguments="[1]"), "the arguments are no JSON object but list"),
        (type(call("x"))(name="", arguments=""), "there is no tool 'unnamed'"),
    ],
)
def test_a_bad_call_is_an_error_result(wrote, drain, bad, sentence):
    with FakeModel([bad, "Sorry."]) as model:
        wrote("Hello").reply_using_llm(tools=[shop.stock, shop.broken])
        drain()
    assert sentence in json.loads(model.prompts[1].messages[-1]["content"])["error"]
    assert (ToolCall.objects.get().status, said()) == ("ERROR", ["Sorry."])


def test_a_model_that_calls_for_ever_is_stopped(wrote, drain, settings):
    settings.UNICOM_LLM_MAX_ROUNDS = 3
    with FakeModel(otherwise=call("stock", item="teapot")) as model:
        wrote("Hello").reply_using_llm(tools=[shop.stock], apology="I am lost.")
        drain()
    assert len(model.prompts) == 3
    failed = Request.objects.get(status="FAILED")
    assert failed.error.startswith("the model was asked 3 times within one turn and still calls tools")
    assert said() == ["I am lost."]


def test_one_sender_s_budget_ends(wrote, drain, settings):
    settings.UNICOM_LLM_DAILY_TOKENS = 10
    with FakeModel(["One.", "Not to be said."]) as model:
        wrote("Hello").reply_using_llm()
        drain()
        wrote("Again").reply_using_llm()
        wrote("I may", sender="bob", chat="other").reply_using_llm()
        drain()
    assert len(model.prompts) == 2
    assert "UNICOM_LLM_DAILY_TOKENS is the limit" in Request.objects.get(status="FAILED").error


def test_a_hundred_calls_at_once_are_all_answered(wrote, drain):
    with FakeModel([[call("stock", item=f"item {n}") for n in range(100)], "Done."]) as model:
        wrote("All").reply_using_llm(tools=[shop.stock])
        drain()
    contents = [json.loads(item["content"]) for item in model.prompts[1].messages[2:]]
    assert len(contents) == 100
    assert sum("count" in item for item in contents) == 32
    assert contents[-1] == {"error": "not run: 100 calls at once; at most 32 are run"}


def test_a_busy_model_is_asked_again_later_and_a_refusing_one_is_not(wrote, drain, later):
    with FakeModel([ModelError("busy", retryable=True), "At last."]) as model:
        wrote("Hello").reply_using_llm()
        drain()
        assert (len(model.prompts), Request.objects.get().error) == (1, "busy")
        later()
        drain()
    assert (said(), Request.objects.get().error) == (["At last."], "")
    with FakeModel(otherwise=ModelError("400: no such model")) as model:
        wrote("And now?").reply_using_llm(model="gpt-9")
        drain()
    assert len(model.prompts) == 1
    assert Request.objects.get(status="FAILED").error == "400: no such model"


def test_a_model_that_is_always_busy_is_given_up(wrote, drain, later, settings):
    settings.UNICOM_LLM_ATTEMPTS = 3
    with FakeModel(otherwise=ModelError("busy", retryable=True)) as model:
        wrote("Hello").reply_using_llm()
        for _ in range(5):
            drain()
            later()
    assert (len(model.prompts), Request.objects.get().status) == (3, "FAILED")


def test_a_message_that_comes_meanwhile_is_answered_next(wrote, drain):
    """None is stranded, and the answer stands before what it had not seen."""

    def slow(prompt):
        wrote("Second").reply_using_llm()
        return "To the first."

    with FakeModel([slow, "To the second."]) as model:
        wrote("First").reply_using_llm()
        drain()
    assert [item["content"] for item in model.prompts[1].messages] == ["First", "To the first.", "Second"]
    assert said() == ["To the first.", "To the second."]


def test_messages_written_at_once_get_one_answer(wrote, drain):
    with FakeModel(["To both."]) as model:
        first, second = wrote("One"), wrote("more thing")
        first.reply_using_llm()
        second.reply_using_llm()
        drain()
    assert [item["content"] for item in model.prompts[0].messages] == ["One", "more thing"]
    assert said() == ["To both."]
    assert set(Request.objects.values_list("status", flat=True)) == {"COMPLETED"}


def test_an_answered_message_can_be_answered_again(wrote, drain):
    with FakeModel(["First answer.", "Other answer.", "Better answer."]) as model:
        message = wrote("Hello")
        message.reply_using_llm()
        drain()
        wrote("Thanks").reply_using_llm()
        drain()
        message.reply_using_llm()
        drain()
    assert [item["content"] for item in model.prompts[2].messages] == ["Hello"]
    assert said() == ["First answer.", "Other answer.", "Better answer."]


def test_a_prompt_that_is_too_long_is_made_shorter(wrote, drain):
    for number in range(20):
        wrote(f"{number} " + "word " * 100)

    def too_long(prompt):
        return ModelError("too long", too_long=True) if len(prompt.messages) > 10 else "Short enough."

    with FakeModel(otherwise=too_long) as model:
        wrote("Hello").reply_using_llm(max_prompt_tokens=3000)
        drain()
    assert said() == ["Short enough."]
    assert model.prompts[-1].messages[-1]["content"] == "Hello"
