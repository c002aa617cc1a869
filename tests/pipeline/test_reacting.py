"""Receivers run from a durable job: raising is retried and shown, and what they did is done once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from unicom import jobs
from unicom.models import Chat, Delivery, Job, Member, Message
from unicom.signals import message_received

HELLO = {"id": 1, "chat": "room", "sender": "ann", "text": "hello"}


class Unsteady:
    """Answer, then raise as often as told."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    def __call__(self, message, **_):
        self.calls += 1
        Member.objects.create(name=f"note {self.calls}")
        message.reply_with({"text": f"answer {self.calls}"})
        if self.calls <= self.failures:
            raise ValueError(f"failure {self.calls}")


@pytest.mark.django_db(transaction=True)
def test_a_raising_receiver_is_retried_and_its_sends_happen_exactly_once(channel, post, connect, later, drain, wire):
    """What a failed run wrote and sent is undone with it; the run that succeeds counts."""
    receiver = connect(message_received, Unsteady(2))
    assert post(channel, HELLO).status_code == 200
    job = Job.objects.get()
    assert (job.state, job.attempts, job.error) == ("queued", 1, "ValueError: failure 1")
    assert wire.parts == [] and not Member.objects.exists()
    for _ in range(3):
        later()
        drain()
    assert receiver.calls == 3
    assert [part.text for part in wire.parts] == ["answer 3"]
    assert list(Member.objects.values_list("name", flat=True)) == ["note 3"]
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == ("done", 3, "")


@pytest.mark.django_db
def test_the_waiting_time_grows_with_each_failure(channel, post, connect, later, drain):
    """1, 2, 4 … seconds, a little scattered, and never more than five minutes."""
    connect(message_received, Unsteady(99))
    post(channel, HELLO)
    waits = []
    for _ in range(4):
        later()
        drain()
        job = Job.objects.get()
        waits.append((job.next_attempt_at - timezone.now()).total_seconds())
    for wait, expected in zip(waits, (1, 2, 4, 8), strict=True):
        assert 0.85 * expected - 0.5 <= wait <= 1.15 * expected
    assert jobs.backoff(50) <= timedelta(seconds=330)


@pytest.mark.django_db
def test_a_receiver_that_never_succeeds_is_parked_with_its_error(channel, post, connect, later, drain, settings):
    """Shown, not retried for ever; an operator finds it by its state."""
    settings.UNICOM_JOB_ATTEMPTS = 3
    receiver = connect(message_received, Unsteady(99))
    post(channel, HELLO)
    for _ in range(6):
        later()
        drain()
    job = Job.objects.get()
    assert (job.state, job.attempts, job.error) == ("parked", 3, "ValueError: failure 3")
    assert job.finished_at is not None
    assert receiver.calls == 3


@pytest.mark.django_db
def test_a_failing_receiver_does_not_silence_its_chat(channel, post, connect, drain):
    """A job that failed steps aside: the next message of the chat is reacted to at once."""
    told = []

    def receiver(message, **_):
        if message.text == "poison":
            raise ValueError("cannot")
        told.append(message.text)

    connect(message_received, receiver)
    post(channel, {**HELLO, "text": "poison"})
    post(channel, {**HELLO, "id": 2, "text": "next"})
    drain()
    assert told == ["next"]


@pytest.mark.django_db
def test_receivers_of_one_chat_are_told_in_the_order_of_its_messages(channel, post, connect, drain):
    """A lane is a chat."""
    told = []
    connect(message_received, lambda message, **_: told.append(message.text))
    post(channel, [{**HELLO, "id": number, "text": str(number)} for number in range(20)])
    drain()
    assert told == [str(number) for number in range(20)]


@pytest.mark.django_db(transaction=True)
def test_a_crash_between_effect_and_done_leaves_one_effect(channel, post, connect, settings):
    """A worker whose lease was taken over finds so at "done", and everything it wrote is undone."""
    settings.UNICOM_EXECUTOR = "worker"
    seen = []

    def receiver(message, **_):
        message.reply_with({"text": "answer"})
        seen.append(message.pk)
        if len(seen) == 1:
            # Another worker thought this one dead, and took the job over.
            Job.objects.update(fence=100)

    connect(message_received, receiver)
    post(channel, HELLO)
    (first,) = jobs.claim(1)
    assert jobs.run(first) is False
    assert not Message.objects.filter(is_outgoing=True).exists()
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs.recover() == 1
    (second,) = jobs.claim(1)
    assert jobs.run(second) is True
    assert len(seen) == 2
    assert Message.objects.filter(is_outgoing=True).count() == 1
    assert Job.objects.get().state == "done"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_died_in_a_receiver_is_replaced(channel, post, connect, settings, drain):
    """Its lease runs out, and the job is done by the next."""
    settings.UNICOM_EXECUTOR = "worker"
    told = []
    connect(message_received, lambda message, **_: told.append(message.text))
    post(channel, HELLO)
    (dead,) = jobs.claim(1)
    assert drain() == 0, "the lease holds"
    Job.objects.filter(pk=dead.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs.recover() == 1
    assert drain() == 1
    assert told == ["hello"]
    assert jobs.run(dead) is False, "the dead worker's own end counts no more"
    assert Job.objects.get().state == "done"


@pytest.mark.django_db
def test_a_job_that_keeps_killing_its_worker_is_parked(channel, post, later):
    """Three crashes are enough."""
    post(channel, HELLO)
    for _ in range(3):
        later()
        (row,) = jobs.claim(1)
        Job.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        jobs.recover()
    job = Job.objects.get()
    assert job.state == "parked"
    assert "died 3 times" in job.error
    assert jobs.claim(1) == []


@pytest.mark.django_db
def test_a_job_asks_to_be_run_again_later_without_counting_a_failure(monkeypatch, drain):
    """``RetryLater`` is not an error."""

    def not_ready(args):
        raise jobs.RetryLater(timedelta(seconds=30))

    monkeypatch.setitem(jobs._handlers, "waiting", not_ready)
    jobs.enqueue("waiting", "1", {})
    assert drain() == 1
    job = Job.objects.get()
    assert (job.state, job.attempts, job.error) == ("queued", 0, "")
    assert 28 < (job.next_attempt_at - timezone.now()).total_seconds() <= 30


@pytest.mark.django_db
def test_a_job_is_queued_once_while_it_is_open(drain, monkeypatch):
    """(kind, key) is unique while open, and free again when done."""
    monkeypatch.setitem(jobs._handlers, "once", lambda args: None)
    for _ in range(3):
        jobs.enqueue("once", "1", {})
    assert Job.objects.count() == 1
    drain()
    jobs.enqueue("once", "1", {})
    assert Job.objects.filter(state="queued").count() == 1


@pytest.mark.django_db
def test_a_job_of_an_unknown_kind_is_shown(drain):
    """A version that does not know it says so on the row; another may."""
    jobs.enqueue("from the future", "1", {})
    drain()
    assert "from the future" in Job.objects.get().error


@pytest.mark.django_db
def test_a_message_deleted_before_its_receivers_ran_is_no_error(channel, post, drain, connect):
    """Nobody is left to answer."""
    told = []
    connect(message_received, lambda message, **_: told.append(message))
    post(channel, HELLO)
    Chat.objects.get().delete()
    drain()
    assert told == []
    assert set(Job.objects.values_list("state", flat=True)) <= {"done"}


@pytest.mark.django_db
def test_what_a_receiver_sends_is_delivered_only_with_done(channel, post, connect, drain, wire):
    """The reply's row commits together with the job's end."""
    connect(message_received, lambda message, **_: message.reply_with({"text": "pong"}))
    post(channel, HELLO)
    drain()
    assert [part.text for part in wire.parts] == ["pong"]
    reply = Message.objects.get(is_outgoing=True)
    assert reply.reply_to_message.text == "hello"
    assert wire.parts[0].reply_to == "1"
    assert Delivery.objects.get().state == "sent"


@pytest.mark.django_db
def test_drain_says_where_receivers_answer_each_other_for_ever(internal, connect, drain):
    """An endless exchange ends in an error, not in an endless test."""
    connect(
        message_received,
        lambda message, **_: internal.receive_message({"sender": "echo", "chat": "room", "text": message.text}),
    )
    internal.receive_message({"sender": "ann", "chat": "room", "text": "hello"})
    with pytest.raises(RuntimeError, match="no end in sight"):
        drain(limit=20)
