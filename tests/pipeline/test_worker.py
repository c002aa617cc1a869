"""Workers share what is due: each row once, in order within its chat, and taken over from those that die."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from tests.pipeline.simultaneous import at_once, succeeded
from unicom import jobs, outbox
from unicom.models import Channel, Chat, Delivery, Job, Message, WorkerHeartbeat
from unicom.signals import message_received
from unicom.worker import Worker
from unicom.workers import oldest_due, workers_alive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def leave_it_to_workers(settings):
    """Have nothing run in the caller."""
    settings.UNICOM_EXECUTOR = "worker"


def test_run_once_drains_what_is_due_and_ends(channel, chat, post, connect, wire):
    """Known failure 10: ``--run-once`` exists, and does all there is: jobs, their answers, and what was queued."""
    connect(message_received, lambda message, **_: message.reply_with({"text": f"re: {message.text}"}))
    chat.send_message({"text": "queued"})
    for number in range(5):
        post(channel, {"id": number, "chat": f"room-{number}", "sender": "ann", "text": str(number)})
    assert wire.parts == []
    out = StringIO()
    call_command("unicom_worker", "--run-once", "--concurrency", "4", stdout=out)
    assert out.getvalue() == "11 done; nothing else is due.\n"
    assert sorted(part.text for part in wire.parts) == ["queued", *(f"re: {n}" for n in range(5))]
    assert not Job.objects.exclude(state="done").exists()
    assert not WorkerHeartbeat.objects.exists(), "it signed off"


def test_run_once_does_not_leave_what_came_of_a_job_that_ended_during_its_last_look(
    channel, post, connect, wire, monkeypatch
):
    """The look found nothing, and then the job was done: its answer is still to be sent."""
    connect(message_received, lambda message, **_: message.reply_with({"text": "re"}))
    post(channel, {"id": 1, "chat": "room", "sender": "ann", "text": "x"})
    whole = Worker._claim

    def claim_and_dawdle(self):
        taken = whole(self)
        deadline = time.monotonic() + 10
        while not taken and self._in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
        return taken

    monkeypatch.setattr(Worker, "_claim", claim_and_dawdle)
    call_command("unicom_worker", "--run-once", "--concurrency", "2", stdout=StringIO())
    assert [part.text for part in wire.parts] == ["re"]


def test_run_once_leaves_what_waits_for_a_later_time(chat, wire):
    """Only what is due."""
    chat.send_message({"text": "later"})
    Delivery.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1))
    out = StringIO()
    call_command("unicom_worker", "--run-once", stdout=out)
    assert out.getvalue() == "0 done; nothing else is due.\n"
    assert wire.parts == []


def test_a_worker_can_be_told_to_work_on_one_kind_only(channel, chat, post, wire):
    """``--only deliveries`` leaves the jobs."""
    chat.send_message({"text": "x"})
    post(channel, {"id": 1, "chat": "room", "sender": "ann", "text": "hello"})
    call_command("unicom_worker", "--run-once", "--only", "deliveries", stdout=StringIO())
    assert len(wire.parts) == 1 and Job.objects.get().state == "queued"
    call_command("unicom_worker", "--run-once", "--only", "jobs", stdout=StringIO())
    assert Job.objects.get().state == "done"


def test_an_impossible_concurrency_is_refused(db):
    """With the bounds."""
    with pytest.raises(CommandError, match="between 1 and 256"):
        call_command("unicom_worker", "--concurrency", "0")


def test_four_workers_keep_the_order_of_every_chat(channel, wire):
    """200 messages in 20 chats: each delivered once, in its chat's order."""
    chats = [Chat.objects.create(id=f"memory_{n}", channel=channel, external_id=str(n)) for n in range(20)]
    for number in range(10):
        for chat in chats:
            chat.send_message({"text": f"{number}"})
    workers = [Worker(concurrency=2) for _ in range(4)]
    succeeded(at_once([partial(worker.run, once=True) for worker in workers]))
    # A worker may end while another still holds the front of a chat; nothing may be left behind by all of them.
    assert not Delivery.objects.exclude(state="sent").exists()
    assert sum(worker.done for worker in workers) == len(wire.parts) == 200
    for chat in chats:
        assert [part.text for part in wire.parts if part.chat == chat.external_id] == [str(n) for n in range(10)]
        assert list(chat.messages.order_by("seq").values_list("text", "seq")) == [(str(n), n + 1) for n in range(10)]


def test_one_row_is_never_claimed_by_two(channel, chat, post):
    """Eight claims at once: one gets it."""
    chat.send_message({"text": "x"})
    post(channel, {"id": 1, "chat": "room", "sender": "ann", "text": "hello"})
    deliveries = succeeded(at_once([lambda: outbox.claim(10)] * 8))
    assert sum(map(len, deliveries)) == 1
    claimed = succeeded(at_once([lambda: jobs.claim(10)] * 8))
    assert sum(map(len, claimed)) == 1


def test_two_due_rows_of_one_chat_are_never_under_way_together(chat):
    """Even where both are thought to be at the front."""
    chat.send_message({"text": "1"})
    chat.send_message({"text": "2"})
    Delivery.objects.update(at_front=True)
    claimed = [row for rows in succeeded(at_once([lambda: outbox.claim(10)] * 4)) for row in rows]
    assert [row.message.text for row in claimed] == ["1"]


def test_a_delivery_whose_worker_died_is_unknown_on_an_outside_platform(chat, wire):
    """It may have arrived; the next of its chat goes."""
    first, second = chat.send_message({"text": "1"}), chat.send_message({"text": "2"})
    (lost,) = outbox.claim(10)
    assert outbox.recover() == 0, "the lease holds"
    Delivery.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    call_command("unicom_worker", "--run-once", stdout=StringIO())
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.status == "unknown" and "it may have arrived" in first.error
    assert first.deliveries.get().error_code == "worker_died"
    assert second.status == "sent"


def test_a_delivery_whose_worker_died_is_sent_again_where_that_does_no_harm(internal, settings):
    """Internal and WebChat: the row is the delivery. Three deaths park it."""
    chat = Chat.objects.create(id="internal_room", channel=internal)
    from unittest import mock

    with mock.patch("unicom.jobs._hurry"):
        message = chat.send_message({"text": "x"})
    for crashes in (1, 2, 3):
        (lost,) = outbox.claim(1)
        Delivery.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert outbox.recover() == 1
        delivery = message.deliveries.get()
        assert delivery.crashes == crashes
        assert delivery.state == ("queued" if crashes < 3 else "failed")
    message.refresh_from_db()
    assert message.status == "failed" and "died 3 times" in message.error


def test_who_lost_the_lease_writes_no_failure_but_a_success_is_kept(chat, wire):
    """We know better than whoever thought us dead: it did arrive."""
    from unicom.errors import DeliveryError

    message = chat.send_message({"text": "x"})
    (slow,) = outbox.claim(1)
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outbox.recover()
    assert outbox.record(slow, outbox.Outcome(error=DeliveryError("too late"))) is False
    message.refresh_from_db()
    assert message.status == "unknown" and message.error != "too late"
    outbox.record(slow, outbox.deliver(slow))
    message.refresh_from_db()
    assert (message.status, message.error) == ("sent", "")
    assert message.deliveries.get().state == "sent"


def test_a_lease_is_renewed_while_its_holder_lives_and_not_after(chat):
    """``renew`` says whether it is still held."""
    chat.send_message({"text": "x"})
    (row,) = outbox.claim(1)
    Delivery.objects.update(lease_until=timezone.now() + timedelta(seconds=1))
    assert outbox.QUEUE.renew(row) is True
    row.refresh_from_db()
    assert row.lease_until > timezone.now() + timedelta(seconds=25)
    Delivery.objects.update(fence=row.fence + 1)
    assert outbox.QUEUE.renew(row) is False


def test_a_worker_renews_the_leases_of_what_it_is_doing(chat, monkeypatch, wire):
    """While a platform is slow, and its heartbeat is seen."""
    monkeypatch.setattr("unicom.worker.RENEW", 0.05)
    from unicom.testing.memory import MemoryAdapter

    original = MemoryAdapter.deliver
    seen: dict[str, Any] = {}

    def slow(self, part):
        Delivery.objects.update(lease_until=timezone.now())
        for _ in range(60):
            threading.Event().wait(0.01)
            until = Delivery.objects.get().lease_until
            if until > timezone.now() + timedelta(seconds=20):
                break
        seen.update(until=until, alive=workers_alive())
        return original(self, part)

    monkeypatch.setattr(MemoryAdapter, "deliver", slow)
    chat.send_message({"text": "x"})
    assert Worker(concurrency=1).run(once=True) == 1
    assert seen["until"] > timezone.now() + timedelta(seconds=15)
    assert seen["alive"] == 1


def test_a_worker_told_to_stop_finishes_what_is_under_way(channel, chat, monkeypatch, wire):
    """And takes nothing new."""
    from unicom.testing.memory import MemoryAdapter

    original = MemoryAdapter.deliver
    worker = Worker(concurrency=1)

    def stopping(self, part):
        worker.stop()
        return original(self, part)

    monkeypatch.setattr(MemoryAdapter, "deliver", stopping)
    chat.send_message({"text": "1"})
    chat.send_message({"text": "2"})
    worker.run()
    assert [part.text for part in wire.parts] == ["1"]
    assert list(Message.objects.order_by("id").values_list("status", flat=True)) == ["sent", "queued"]


def test_a_front_that_a_crash_left_behind_is_found_by_the_sweep(chat, wire):
    """A hint that was lost costs time, never a message."""
    chat.send_message({"text": "x"})
    Delivery.objects.update(at_front=False)
    assert outbox.claim(1) == []
    Worker(concurrency=1).run(once=True)
    assert len(wire.parts) == 1


def test_a_worker_outlives_a_database_that_is_away_for_a_moment(chat, monkeypatch, wire):
    """Everything waits, nothing is lost."""
    from django.db import OperationalError

    monkeypatch.setattr("unicom.worker.POLL", 0.01)
    original = outbox.claim
    calls = []

    def away(*args, **kwargs):
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("the server closed the connection")
        return original(*args, **kwargs)

    monkeypatch.setattr(outbox, "claim", away)
    chat.send_message({"text": "x"})
    Worker(concurrency=1).run(once=True)
    assert len(wire.parts) == 1


def test_local_platforms_never_wait_for_a_worker(internal):
    """WebChat and Internal: the row is the delivery, also under the executor ``worker``."""
    message = Chat.objects.create(id="internal_room", channel=internal).send_message({"text": "x"})
    assert message.status == "sent"


def test_how_long_something_waits_and_whether_anybody_works_is_known(channel, chat):
    """What the check and the admin ask; a channel that is down does not count."""
    assert oldest_due() is None and workers_alive() == 0
    chat.send_message({"text": "x"})
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=7))
    waits = oldest_due()
    assert waits is not None and timedelta(minutes=7) <= waits < timedelta(minutes=8)
    Channel.objects.update(down_since=timezone.now())
    assert oldest_due() is None
    WorkerHeartbeat.objects.create(id="a", host="here", pid=1)
    WorkerHeartbeat.objects.create(id="b", host="gone", pid=2, seen_at=timezone.now() - timedelta(minutes=5))
    assert workers_alive() == 1


def test_a_commit_wakes_the_worker_at_once(chat, wire):
    """In this process by an event, in others by NOTIFY; polling would take up to a second."""
    worker = Worker(concurrency=1)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        delivered = threading.Event()

        class Parts(list):
            def append(self, part):
                super().append(part)
                delivered.set()

        wire.parts = Parts()
        chat.send_message({"text": "x"})
        assert delivered.wait(5)
    finally:
        worker.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_notify_reaches_a_listener_on_postgresql_and_is_silent_elsewhere(chat):
    """The hint crosses processes; without it polling suffices."""
    from unicom import wakeup

    if connection.vendor != "postgresql":
        wakeup.event.clear()
        wakeup.notify()
        assert wakeup.event.is_set()
        return
    stopping = threading.Event()
    wakeup.event.clear()
    thread = threading.Thread(target=wakeup.listen, args=(stopping,), daemon=True)
    thread.start()
    try:
        assert wakeup.event.wait(5), "listening has begun"
        wakeup.event.clear()
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {wakeup.CHANNEL}")
        assert wakeup.event.wait(5)
    finally:
        stopping.set()
        thread.join(5)
