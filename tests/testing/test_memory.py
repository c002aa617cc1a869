"""Hold the in-memory platform to what projects test with it: a wire to read, faults to script, another side to play."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from unicom.errors import DeliveryError
from unicom.models import Channel, Message, Update
from unicom.platforms import adapter_class
from unicom.testing import MemoryAdapter, drain
from unicom.testing.memory import Wire
from unicom.types import Part

pytest_plugins = ["unicom.testing.pytest_plugin"]


def test_what_is_sent_is_kept_as_it_was_delivered(memory_channel: Channel, unicom_sent: Wire) -> None:
    message = memory_channel.send_message(
        {
            "chat_id": "c1",
            "text": "Well?",
            "buttons": [[{"text": "Yes", "callback_data": 1}, {"text": "Site", "url": "https://example.org"}]],
        }
    )
    drain()
    message.refresh_from_db()
    (part,) = unicom_sent.parts
    assert (part.act, part.text, part.chat) == ("send", "Well?", "c1")
    assert part.delivery_id == str(message.deliveries.get().pk)
    assert [button.text for row in part.buttons for button in row] == ["Yes", "Site"]
    assert message.external_id == f"memory:{unicom_sent.count}"


def test_a_long_text_arrives_in_parts_and_a_reply_names_what_it_answers(
    memory_channel: Channel, unicom_sent: Wire
) -> None:
    question = memory_channel.receive_message({"id": 1, "chat": "c1", "sender": "anna", "text": "Tell me everything."})
    assert question is not None
    text = "".join(str(number % 10) for number in range(2500))
    question.reply_with({"text": text})
    drain()
    assert [len(part.text) for part in unicom_sent.parts] == [1000, 1000, 500]
    assert "".join(part.text for part in unicom_sent.parts) == text
    assert [part.reply_to for part in unicom_sent.parts] == ["1", "", ""]


def test_an_edit_names_its_target(memory_channel: Channel, unicom_sent: Wire) -> None:
    message = memory_channel.send_message({"chat_id": "c1", "text": "Befor"})
    drain()
    message.refresh_from_db()
    message.edit_original_message({"text": "Before"})
    drain()
    edit = unicom_sent.parts[-1]
    assert (edit.act, edit.text, edit.target) == ("edit", "Before", message.external_id)


def test_files_arrive_each_in_a_part(memory_channel: Channel, unicom_sent: Wire, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(3)]
    for path in paths:
        path.write_text(path.name)
    memory_channel.send_message({"chat_id": "c1", "text": "All of it", "attachments": [str(path) for path in paths]})
    drain()
    files = [part.file for part in unicom_sent.parts if part.file]
    assert [file.name for file in files] == ["0.txt", "1.txt", "2.txt"]
    with files[1].open() as content:
        assert content.read() == b"1.txt"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (DeliveryError("Not now.", retryable=True), "queued"),
        (DeliveryError("Later.", retry_after=timedelta(seconds=30)), "queued"),
        (DeliveryError("Perhaps.", ambiguous=True), "unknown"),
        (DeliveryError("Never.", code="forbidden"), "failed"),
        (ZeroDivisionError("a bug"), "unknown"),
    ],
    ids=lambda value: str(value),
)
def test_a_scripted_fault_happens_once(
    memory_channel: Channel, unicom_sent: Wire, fault: Exception, status: str
) -> None:
    unicom_sent.faults.append(fault)
    message = memory_channel.send_message({"chat_id": "c1", "text": "Hello!"})
    drain()
    message.refresh_from_db()
    assert (message.status, unicom_sent.parts, unicom_sent.faults) == (status, [], [])
    memory_channel.send_message({"chat_id": "c2", "text": "Still here?"})
    drain()
    assert [part.text for part in unicom_sent.parts] == ["Still here?"]


def test_the_other_side_can_be_played(memory_channel: Channel, unicom_sent: Wire) -> None:
    greeting = memory_channel.receive_message({"id": 1, "chat": "c1", "sender": "anna", "text": "Helo"})
    assert greeting is not None
    memory_channel.receive_message({"id": 2, "chat": "c1", "sender": "anna", "edit": "1", "text": "Hello"})
    answer = greeting.reply_with({"text": "Tea?", "buttons": [[{"text": "Yes", "callback_data": "tea"}]]})
    drain()
    answer.refresh_from_db()
    token = unicom_sent.parts[-1].buttons[0][0].token
    memory_channel.receive_message({"id": 3, "chat": "c1", "sender": "anna", "click": token})
    memory_channel.receive_message({"of": answer.external_id, "status": "seen"})
    drain()
    greeting.refresh_from_db()
    answer.refresh_from_db()
    assert (greeting.text, answer.status) == ("Hello", "seen")
    assert answer.callback_executions.get().clicks == 1


def test_a_webhook_with_several_events_keeps_the_good_ones(client: Client, memory_channel: Channel) -> None:
    events = [
        {"id": 1, "chat": "c1", "sender": "anna", "text": "One"},
        {"nonsense": True},
        {"id": 3, "chat": "c1", "sender": "anna", "text": "Three"},
        {"unused": "presence"},
    ]
    answer = client.post(
        reverse("webhook", args=["Memory", memory_channel.pk]),
        data=json.dumps(events),
        content_type="application/json",
        headers={"X-Secret": "secret"},
    )
    assert answer.status_code == 200
    assert list(Message.objects.order_by("seq").values_list("text", flat=True)) == ["One", "Three"]
    assert sorted(Update.objects.values_list("state", flat=True)) == ["dead", "kept"]


@pytest.mark.once
def test_the_short_path_names_the_same_class(settings: Any) -> None:
    settings.UNICOM_PLATFORMS = {"Memory": "unicom.testing.MemoryAdapter"}
    assert adapter_class("Memory") is MemoryAdapter


@pytest.mark.once
def test_many_threads_share_one_wire() -> None:
    from tests.platforms.subject import DictState

    wire = __import__("unicom.testing.memory", fromlist=["sent"]).sent
    wire.clear()
    adapter = MemoryAdapter(MemoryAdapter.Config.read({}), DictState())
    results: list[str] = []

    def deliver() -> None:
        for number in range(100):
            results.append(adapter.deliver(Part(text=str(number))).external_id)

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(wire.parts), len(set(results))) == (800, 800)
    wire.clear()
    assert wire.parts == []
