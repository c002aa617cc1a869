"""An answer is shown while it is written, as each platform allows, and is whole at the end."""

from __future__ import annotations

import pytest

from tests.llm import shop
from unicom import streaming
from unicom.errors import ModelError
from unicom.models import Channel, Delivery, Message, Request
from unicom.stopping import ask_to_stop
from unicom.testing import FakeModel, call, drain
from unicom.testing.memory import MemoryAdapter

pytestmark = pytest.mark.django_db
WORDS = "One, two, three, four, five, six, seven."


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    for name in ("ROW_EVERY", "SHOWN_EVERY", "STOP_EVERY"):
        monkeypatch.setattr(streaming, name, 0.0)


@pytest.fixture
def asked(db):
    channel = Channel.objects.create(name="Inside", platform="Internal")
    return channel.receive_message({"id": "1", "chat": "room", "sender": "ann", "text": "Count"})


def test_where_the_row_is_the_message_it_grows(asked, monkeypatch):
    stages = []
    show = streaming.RunningAnswer._show_row

    def watch(self):
        show(self)
        stages.append(Message.objects.get(is_outgoing=True).text)

    monkeypatch.setattr(streaming.RunningAnswer, "_show_row", watch)
    with FakeModel([WORDS]):
        asked.reply_using_llm(stream=True)
        drain()
    assert stages[0] == WORDS[:7]
    assert stages[-1] == WORDS
    assert len(stages) == 6
    answer = Message.objects.get(is_outgoing=True)
    assert (answer.text, answer.status) == (WORDS, "sent")
    assert "partial" not in answer.raw["llm"]


def test_what_a_process_had_begun_is_gone_on_with(asked, later):
    def breaks_off(prompt):
        raise ModelError("broke off", retryable=True)

    class Breaking(FakeModel):
        def complete(self, prompt, on_text=None):
            if on_text is not None and len(self.script) == 2:
                on_text("Half an ans")
            return super().complete(prompt, on_text)

    with Breaking([breaks_off, WORDS]):
        asked.reply_using_llm(stream=True)
        drain()
        partial = Message.objects.get(is_outgoing=True)
        assert (partial.text, partial.raw["llm"]["partial"]) == ("Half an ans", True)
        later()
        drain()
    answer = Message.objects.get(is_outgoing=True)
    assert (answer.pk, answer.text) == (partial.pk, WORDS)


def test_a_person_may_call_it_off(asked):
    class Slow(FakeModel):
        def complete(self, prompt, on_text=None):
            on_text("Only this.")
            ask_to_stop(asked.chat_id)
            on_text(" Not this.")
            raise AssertionError("it went on")

    with Slow():
        asked.reply_using_llm(stream=True)
        drain()
    assert Message.objects.get(is_outgoing=True).text == "Only this. Not this."
    assert Request.objects.get().status == "COMPLETED"


def test_what_is_said_beside_a_call_is_one_message(asked):
    from unicom.llm.providers import Completion

    with FakeModel([Completion(text="Let me see.", tool_calls=(call("stock", item="cup"),)), "Two."]) as model:
        asked.reply_using_llm(stream=True, tools=[shop.stock])
        drain()
    assert list(Message.objects.filter(is_outgoing=True).order_by("id").values_list("text", flat=True)) == [
        "Let me see.",
        "Two.",
    ]
    assert model.prompts[1].messages[1]["content"] == "Let me see."


def test_drafts_are_shown_and_the_answer_is_sent_as_usual(wrote, drain, monkeypatch, unicom_sent):
    shown = []
    monkeypatch.setattr(MemoryAdapter, "supports_streaming", True)

    def show_draft(self, chat, draft_id, text):
        shown.append((chat, draft_id, text))
        return True

    monkeypatch.setattr(MemoryAdapter, "show_draft", show_draft)
    with FakeModel([WORDS]):
        wrote("Count").reply_using_llm(stream=True)
        drain()
    assert [text for _, _, text in shown][-1] == WORDS
    assert len({draft_id for _, draft_id, _ in shown}) == 1
    assert [part.text for part in unicom_sent.parts] == [WORDS]


@pytest.mark.django_db(transaction=True)
def test_where_only_edits_are_possible_it_is_edited(wrote, unicom_sent):
    with FakeModel([WORDS]):
        answer = wrote("Count").reply_using_llm(stream=True)
    assert (unicom_sent.parts[0].act, unicom_sent.parts[0].text) == ("send", WORDS[:7])
    assert (unicom_sent.parts[-1].act, unicom_sent.parts[-1].text) == ("edit", WORDS)
    assert (answer.text, Message.objects.filter(is_outgoing=True).count()) == (WORDS, 1)


@pytest.mark.django_db(transaction=True)
def test_an_answer_longer_than_the_platform_allows_arrives_whole(wrote, unicom_sent):
    long = " ".join(f"word{number}" for number in range(400))
    with FakeModel([long]):
        wrote("Tell").reply_using_llm(stream=True)
    first = [part for part in unicom_sent.parts if part.act == "edit"][-1].text
    rest = "".join(part.text for part in unicom_sent.parts if part.act == "send")[7:]
    assert f"{first} {rest}" == long
    before = len(unicom_sent.parts)
    with FakeModel([long]):
        wrote("Again").reply_using_llm()
    assert "".join(part.text for part in unicom_sent.parts[before:]) == long
    assert not Delivery.objects.exclude(state="sent").exists()
