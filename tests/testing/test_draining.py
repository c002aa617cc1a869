"""Hold drain() to its word: what is due is done, in order, and what waits goes on waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from unicom.errors import DeliveryError
from unicom.models import Channel, Delivery, Job, Message, Request
from unicom.signals import message_received, message_status_changed
from unicom.testing import drain
from unicom.testing.memory import Wire

pytest_plugins = ["unicom.testing.pytest_plugin"]


@contextmanager
def receiving(signal: Any, receiver: Callable[..., Any]) -> Iterator[None]:
    """Connect a receiver for a while."""
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def write(channel: Channel, text: str, *, number: int = 1, chat: str = "c1") -> Message:
    message = channel.receive_message({"id": number, "chat": chat, "sender": "anna", "text": text})
    assert message is not None
    return message


def test_nothing_happens_in_a_test_case_until_it_is_drained(memory_channel: Channel, unicom_sent: Wire) -> None:
    message = memory_channel.send_message({"chat_id": "c1", "text": "Hello!"})
    assert (message.status, unicom_sent.parts) == ("queued", [])
    assert drain() == 1
    message.refresh_from_db()
    assert (message.status, message.external_id) == ("sent", f"memory:{unicom_sent.count}")
    assert [part.text for part in unicom_sent.parts] == ["Hello!"]


def test_draining_what_is_empty_does_nothing(memory_channel: Channel) -> None:
    assert drain() == 0
    memory_channel.send_message({"chat_id": "c1", "text": "Hello!"})
    drain()
    assert drain() == 0


def test_messages_of_a_chat_leave_in_the_order_they_were_written(memory_channel: Channel, unicom_sent: Wire) -> None:
    for number in range(12):
        memory_channel.send_message({"chat_id": f"c{number % 2}", "text": str(number)})
    assert drain() == 12
    for chat in (0, 1):
        left = [int(part.text) for part in unicom_sent.parts if part.chat == f"c{chat}"]
        assert left == [number for number in range(12) if number % 2 == chat]


def test_what_receivers_cause_is_drained_too(memory_channel: Channel, unicom_sent: Wire) -> None:
    def answer(message: Message, request: Request, **_: Any) -> None:
        message.reply_with({"text": f"You said: {message.text}"})
        request.status = Request.Status.COMPLETED
        request.save()

    with receiving(message_received, answer):
        write(memory_channel, "Hello?")
        drain()
    assert [part.text for part in unicom_sent.parts] == ["You said: Hello?"]
    assert Request.objects.get().status == "COMPLETED"
    assert not Job.objects.exclude(state="done").exists()


def test_a_receiver_of_statuses_is_told_while_draining(memory_channel: Channel) -> None:
    told: list[tuple[str, str]] = []

    def note(message: Message, previous: str, **_: Any) -> None:
        told.append((previous, message.status))

    with receiving(message_status_changed, note):
        memory_channel.send_message({"chat_id": "c1", "text": "Hello!"})
        drain()
    assert told == [("queued", "sent")]


def test_what_waits_for_a_later_time_is_left(memory_channel: Channel, unicom_sent: Wire) -> None:
    unicom_sent.faults.append(DeliveryError("Slow down.", retry_after=timedelta(minutes=5)))
    waiting = memory_channel.send_message({"chat_id": "c1", "text": "first"})
    behind = memory_channel.send_message({"chat_id": "c1", "text": "second"})
    drain()
    for message in (waiting, behind):
        message.refresh_from_db()
        assert message.status == "queued"
    assert unicom_sent.parts == []


def test_a_receiver_that_raises_is_not_tried_again_at_once(memory_channel: Channel) -> None:
    tried: list[str] = []

    def fail(message: Message, **_: Any) -> None:
        tried.append(message.pk)
        raise ZeroDivisionError

    with receiving(message_received, fail):
        message = write(memory_channel, "Hello?")
        drain()
    assert tried == [message.pk]
    job = Job.objects.get()
    assert (job.state, job.attempts) == ("queued", 1)
    assert "ZeroDivisionError" in job.error


def test_receivers_that_answer_each_other_for_ever_are_noticed(memory_channel: Channel) -> None:
    number = iter(range(2, 10_000))

    def echo(message: Message, **_: Any) -> None:
        write(memory_channel, "and you?", number=next(number))

    with receiving(message_received, echo):
        write(memory_channel, "hello")
        with pytest.raises(RuntimeError, match="no end in sight"):
            drain(limit=20)


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_there_is_nothing_left_to_drain(settings: Any, unicom_sent: Wire) -> None:
    settings.UNICOM_PLATFORMS = {"Memory": "unicom.testing.MemoryAdapter"}
    settings.UNICOM_EXECUTOR = "inline"
    channel = Channel.objects.create(name="Memory", platform="Memory", active=True)
    assert channel.send_message({"chat_id": "c1", "text": "Hello!"}).status == "sent"
    assert drain() == 0


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_is_left_is_drained_outside_a_transaction_too(settings: Any, unicom_sent: Wire) -> None:
    settings.UNICOM_PLATFORMS = {"Memory": "unicom.testing.MemoryAdapter"}
    settings.UNICOM_EXECUTOR = "worker"
    channel = Channel.objects.create(name="Memory", platform="Memory", active=True)
    assert channel.send_message({"chat_id": "c1", "text": "Hello!"}).status == "queued"
    drain()
    assert Delivery.objects.get().state == "sent"
