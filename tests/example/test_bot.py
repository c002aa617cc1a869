"""The demo bot, on every platform at hand."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from example.bot import replies
from unicom.inbound import ingest
from unicom.models import Account, CallbackExecution, Channel, Chat, Job, Message, Request
from unicom.signals import button_clicked, message_received
from unicom.testing import drain, sent
from unicom.types import ButtonClicked, Conversation, IncomingFile, MessageReceived, Person

ANN = Person(external_id="ann", name="Ann")


@pytest.fixture(autouse=True)
def _connected_bot(db: None) -> Iterator[None]:
    # Importing the receivers connects them, which only this module wants.
    from example.bot import receivers

    message_received.connect(receivers.answer)
    button_clicked.connect(receivers.react)
    yield
    message_received.disconnect(receivers.answer)
    button_clicked.disconnect(receivers.react)


@pytest.fixture(params=["Internal", "WebChat", "Memory"])
def channel(request: pytest.FixtureRequest) -> Channel:
    if request.param == "Memory":
        return request.getfixturevalue("memory_channel")  # type: ignore[no-any-return]
    return Channel.objects.create(name="Demo", platform=request.param)


def say(channel: Channel, text: str = "", **more: object) -> Message:
    """Say something to the bot and return its answer."""
    event = MessageReceived(conversation=Conversation(external_id="room"), sender=ANN, text=text, **more)  # type: ignore[arg-type]
    asked = ingest(channel, [event])[0].message
    drain()
    assert asked is not None
    answer = Message.objects.get(reply_to_message=asked)
    assert answer.status == "sent"
    return answer


def click(channel: Channel, label: str) -> None:
    button = CallbackExecution.objects.filter(text=label).latest("created_at")
    ingest(
        channel,
        [ButtonClicked(execution_id=button.pk, sender=ANN, conversation=Conversation(external_id="room"))],
    )
    drain()
    assert not Job.objects.exclude(state="done").exists()


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("Hello", "Hello, Ann! I am the demo bot"),
        ("/start", "Hello, Ann!"),
        ("What can you do?", "Here is what I can do"),
        ("help", "Here is what I can do"),
        ("what time is it", "It is "),
        ("Time?", "It is "),
        ("echo one two", "one two"),
        ("Thank you!", "You are welcome"),
        ("Bye", "Goodbye"),
        ("time flies", "You said: “time flies”"),
        ("{{ 7 * 7 }} <b>", "You said: “{{ 7 * 7 }} <b>”"),
        ("history", "You said: “history”"),
        ("x" * 900, "You said: “" + "x" * 500 + "…”"),
    ],
)
def test_what_it_says(text: str, begins: str, channel: Channel) -> None:
    assert say(channel, text).text.startswith(begins)
    request = Request.objects.get()
    assert request.status == Request.Status.COMPLETED
    assert request.completed_at is not None


def test_buttons_are_answered_edited_and_taken_away(channel: Channel) -> None:
    menu = say(channel, "Show me buttons")
    rows = menu.raw["interactive_buttons"]
    assert [button["type"] for row in rows for button in row] == ["callback", "callback", "callback", "url"]
    click(channel, "Tell me a joke")
    assert Message.objects.filter(text=replies.JOKE, reply_to_message=menu).count() == 1
    click(channel, "Count my clicks")
    counter = Message.objects.get(text__startswith="You have clicked 0 times")
    for number in (1, 2):
        click(channel, "Click me")
        counter.refresh_from_db()
        assert counter.text.startswith(f"You have clicked {number} time")
    click(channel, "That will do")
    counter.refresh_from_db()
    assert counter.text.startswith("You stopped at 2")
    assert "interactive_buttons" not in counter.raw


def test_a_picture_is_measured(channel: Channel) -> None:
    content = io.BytesIO()
    Image.new("RGB", (320, 200)).save(content, "PNG")
    file = IncomingFile(kind="image", name="view.png", content=io.BytesIO(content.getvalue()))
    assert "320 × 200 pixels" in say(channel, files=(file,), media_type="image").text


def test_other_files_are_named(channel: Channel) -> None:
    file = IncomingFile(kind="file", name="notes.txt", content=io.BytesIO(b"words"))
    assert say(channel, files=(file,), media_type="file").text == (
        "Thank you, I got a file called “notes.txt” (0.1 kB, text/plain)."
    )


def test_a_chat_in_human_hands_and_a_blocked_person_are_left_alone(channel: Channel) -> None:
    say(channel, "Hello")
    Chat.objects.update(metadata={"bot": False})
    before = Message.objects.filter(is_outgoing=True).count()
    ingest(channel, [MessageReceived(conversation=Conversation(external_id="room"), sender=ANN, text="Hello")])
    drain()
    Chat.objects.update(metadata={})
    Account.objects.update(blocked=True)
    ingest(channel, [MessageReceived(conversation=Conversation(external_id="room"), sender=ANN, text="Hello")])
    drain()
    assert Message.objects.filter(is_outgoing=True).count() == before
    assert Request.objects.filter(status="QUEUED").count() == 1


def test_where_there_are_no_buttons_the_text_says_so(memory_channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unicom.testing.memory.MemoryAdapter.supports_buttons", False)
    assert "this platform has none" in say(memory_channel, "buttons").text
    assert len(sent.parts) == 1
