"""Prove that workers deliver everything once and in order, die well, and end well."""

from __future__ import annotations

import io
import threading
import time
from collections import defaultdict
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.utils import timezone

from unicom import jobs, outbox
from unicom.errors import DeliveryError
from unicom.leases import BATCH
from unicom.models import Channel, Delivery, Job, Message, WorkerHeartbeat
from unicom.testing.memory import Wire
from unicom.worker import Worker
from unicom.workers import oldest_due, workers_alive


def _work(*workers: Worker, until_sent: int, wire: Wire) -> None:
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while len(wire.parts) < until_sent and time.monotonic() < deadline:
        time.sleep(0.02)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join()


def _by_chat(wire: Wire) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for part in wire.parts:
        found[part.chat].append(int(part.text))
    return found


def test_four_workers_deliver_every_message_once_and_in_the_order_of_its_chat(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    with transaction.atomic():
        for number in range(200):
            shared_channel.send_message({"chat_id": f"chat{number % 20}", "text": str(number)})
    _work(*(Worker(concurrency=4) for _ in range(4)), until_sent=200, wire=unicom_sent)
    by_chat = _by_chat(unicom_sent)
    assert {chat: sorted(numbers) for chat, numbers in by_chat.items()} == by_chat
    assert sorted(number for numbers in by_chat.values() for number in numbers) == list(range(200))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    for chat in shared_channel.chats.all():
        assert list(chat.messages.order_by("seq").values_list("seq", flat=True)) == list(range(1, 11))


def test_messages_that_are_queued_while_a_chat_is_being_sent_to_are_not_left_waiting(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    worker = Worker(concurrency=2)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        for number in range(30):
            shared_channel.send_message({"chat_id": "one", "text": str(number)})
        deadline = time.monotonic() + 30
        while len(unicom_sent.parts) < 30 and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        worker.stop()
        thread.join()
    assert _by_chat(unicom_sent) == {"one": list(range(30))}


def test_run_once_does_what_is_due_and_leaves_what_is_not(shared_channel: Channel, unicom_sent: Wire) -> None:
    due = shared_channel.send_message({"chat_id": "one", "text": "1"})
    later = shared_channel.send_message({"chat_id": "two", "text": "2"})
    later.deliveries.update(next_attempt_at=timezone.now() + timedelta(hours=1))
    output = io.StringIO()
    call_command("unicom_worker", "--run-once", stdout=output)
    assert [part.text for part in unicom_sent.parts] == ["1"]
    assert (Message.objects.get(pk=due.pk).status, Message.objects.get(pk=later.pk).status) == ("sent", "queued")
    assert output.getvalue() == "1 done; nothing else is due.\n"
    assert not WorkerHeartbeat.objects.exists()


def test_only_jobs_leaves_deliveries_alone(shared_channel: Channel, unicom_sent: Wire) -> None:
    shared_channel.send_message({"chat_id": "one", "text": "1"})
    call_command("unicom_worker", "--run-once", "--only", "jobs", stdout=io.StringIO())
    assert unicom_sent.parts == []


def test_a_senseless_number_of_threads_is_refused_in_one_sentence() -> None:
    with pytest.raises(CommandError, match="--concurrency: 0 is not between 1 and 256"):
        call_command("unicom_worker", "--concurrency", "0")


def test_a_delivery_whose_worker_died_is_unknown_and_lets_the_next_go(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    first = shared_channel.send_message({"chat_id": "one", "text": "1"})
    second = shared_channel.send_message({"chat_id": "one", "text": "2"})
    (claimed,) = outbox.claim(1)
    Delivery.objects.filter(pk=claimed.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert outbox.recover() == 1
    call_command("unicom_worker", "--run-once", stdout=io.StringIO())
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("unknown", "sent")
    assert "may have arrived" in first.error
    assert first.seq is not None and second.seq == first.seq + 1


def test_a_worker_that_was_only_slow_corrects_unknown_to_sent(shared_channel: Channel, unicom_sent: Wire) -> None:
    message = shared_channel.send_message({"chat_id": "one", "text": "1"})
    (claimed,) = outbox.claim(1)
    outcome = outbox.deliver(claimed)
    Delivery.objects.filter(pk=claimed.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    outbox.recover()
    outbox.record(claimed, outcome)
    message.refresh_from_db()
    assert (message.status, message.external_id) == ("sent", "memory:1")


def test_a_result_is_not_written_by_who_lost_the_lease(shared_channel: Channel, settings: object) -> None:
    shared_channel.config = {"ON_UNKNOWN": "resend"}
    shared_channel.save()
    message = shared_channel.send_message({"chat_id": "one", "text": "1"})
    (stale,) = outbox.claim(1)
    Delivery.objects.filter(pk=stale.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    outbox.recover()
    (current,) = outbox.claim(1)
    assert not outbox.QUEUE.renew(stale)
    error = outbox.Outcome(error=DeliveryError("no", code="x"))
    assert not outbox.record(stale, error)
    assert Delivery.objects.get().state == "sending"
    outbox.record(current, outbox.deliver(current))
    message.refresh_from_db()
    assert message.status == "sent"


def test_a_job_that_kills_its_worker_again_and_again_is_parked(transactional_db: None) -> None:
    jobs.enqueue("nothing", "poison", {}, delay=timedelta(0))
    for _ in range(3):
        (row,) = jobs.claim(1)
        Job.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert jobs.recover() == 1
    parked = Job.objects.get()
    assert (parked.state, parked.crashes) == ("parked", 3)
    assert "died 3 times" in parked.error


def test_a_delivery_that_kills_its_worker_again_and_again_is_parked_and_lets_the_next_go(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    """Where a repeat does no harm it is repeated, but not for ever."""
    shared_channel.config = {"ON_UNKNOWN": "resend"}
    shared_channel.save()
    poison = shared_channel.send_message({"chat_id": "one", "text": "1"})
    shared_channel.send_message({"chat_id": "one", "text": "2"})
    for _ in range(3):
        (claimed,) = outbox.claim(1)
        assert claimed.message_id == poison.pk
        Delivery.objects.filter(pk=claimed.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert outbox.recover() == 1
    poison.refresh_from_db()
    assert poison.status == "failed" and "died 3 times" in poison.error
    call_command("unicom_worker", "--run-once", stdout=io.StringIO())
    assert [part.text for part in unicom_sent.parts] == ["2"]


def test_a_worker_claims_no_more_than_its_threads_can_call_at_once(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker holds when it is killed may have arrived, so it holds as little as it can."""
    for number in range(30):
        shared_channel.send_message({"chat_id": f"chat{number}", "text": str(number)})
    assert len(outbox.claim(100)) == BATCH == 10
    going = threading.Semaphore(0)
    arrived = threading.Semaphore(0)
    whole = outbox.deliver

    def slow(delivery: Delivery) -> outbox.Outcome:
        arrived.release()
        going.acquire(timeout=20)
        return whole(delivery)

    monkeypatch.setattr(outbox, "deliver", slow)
    worker = Worker(concurrency=3)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        for _ in range(3):
            assert arrived.acquire(timeout=20)
        time.sleep(0.2)
        assert Delivery.objects.filter(state="sending").count() == BATCH + 3
    finally:
        worker.stop()
        for _ in range(30):
            going.release()
        thread.join()


def test_what_had_come_before_an_outage_is_not_sent_again_after_it(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leases ran out while the database was away; that the second was sent is known, and not yet written."""
    shared_channel.config = {"ON_UNKNOWN": "resend"}
    shared_channel.save()
    for number in range(2):
        shared_channel.send_message({"chat_id": f"chat{number}", "text": str(number)})
    monkeypatch.setattr("unicom.worker.BATCH", 1)  # one outcome after the other
    both, calls = threading.Barrier(2), iter(range(100))
    deliver, record_many = outbox.deliver, outbox.record_many
    outages = iter([True])

    def deliver_both(delivery: Delivery) -> outbox.Outcome:
        if next(calls) < 2:
            both.wait(20)
        return deliver(delivery)

    def record_after_the_outage(outcomes: list[tuple[Delivery, outbox.Outcome]]) -> None:
        if next(outages, False):
            Delivery.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
            assert outbox.recover() == 2, "as some other worker would"
        record_many(outcomes)

    monkeypatch.setattr(outbox, "deliver", deliver_both)
    monkeypatch.setattr(outbox, "record_many", record_after_the_outage)
    Worker(concurrency=2).run(once=True)
    assert sorted(part.text for part in unicom_sent.parts) == ["0", "1"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_a_campaign_that_takes_every_thread_lets_jobs_have_their_turn(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unicom.worker.TURN", 60.0)  # of no account as long as every job that is asked for comes
    with transaction.atomic():
        for number in range(40):
            shared_channel.send_message({"chat_id": f"chat{number}", "text": str(number)})
    sent_before: list[int] = []
    monkeypatch.setattr(jobs, "run", lambda row: sent_before.append(len(unicom_sent.parts)))
    for number in range(3):
        jobs.enqueue("nothing", str(number), {})
    Worker(concurrency=1).run(once=True)
    assert len(unicom_sent.parts) == 40
    assert len(sent_before) == 3 and max(sent_before) <= 8, "every other turn, each of one call here"


def test_jobs_that_take_long_leave_a_thread_for_what_is_sent_meanwhile(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three people wait for a model's long thought; what their operators write goes out all the same."""
    began, may_end = threading.Semaphore(0), threading.Event()

    def think(row: Job) -> None:
        began.release()
        assert may_end.wait(20)

    monkeypatch.setattr(jobs, "run", think)
    for number in range(3):
        jobs.enqueue("nothing", str(number), {})
    worker = Worker(concurrency=3)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert began.acquire(timeout=20) and began.acquire(timeout=20)
        shared_channel.send_message({"chat_id": "one", "text": "1"})
        deadline = time.monotonic() + 20
        while not unicom_sent.parts and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [part.text for part in unicom_sent.parts] == ["1"]
        assert not began.acquire(blocking=False)
    finally:
        may_end.set()
        worker.stop()
        thread.join()


def test_an_orphaned_lane_is_found_by_the_sweep(shared_channel: Channel, unicom_sent: Wire) -> None:
    shared_channel.send_message({"chat_id": "one", "text": "1"})
    Delivery.objects.update(at_front=False)
    assert outbox.claim(10) == []
    assert outbox.QUEUE.promote_orphans() == 1
    assert len(outbox.claim(10)) == 1


def test_old_due_rows_without_a_worker_are_noticed(shared_channel: Channel) -> None:
    shared_channel.send_message({"chat_id": "one", "text": "1"})
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=10))
    waiting = oldest_due()
    assert waiting is not None and waiting > timedelta(minutes=9)
    assert workers_alive() == 0
    output = io.StringIO()
    call_command("check", "--database", "default", stderr=output, stdout=output)
    assert "no worker is alive" in output.getvalue()


def test_a_commit_elsewhere_wakes_an_idle_worker(shared_channel: Channel, unicom_sent: Wire) -> None:
    worker = Worker(concurrency=1)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:

        def send() -> None:
            Channel.objects.get().send_message({"chat_id": "one", "text": "1"})
            connections.close_all()

        sender = threading.Thread(target=send)
        sender.start()
        sender.join()
        deadline = time.monotonic() + 30
        while not unicom_sent.parts and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        worker.stop()
        thread.join()
    assert [part.text for part in unicom_sent.parts] == ["1"]
