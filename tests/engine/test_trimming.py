"""Prove that what is old goes, and what somebody still has to see stays."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from unicom import trimming, wakeup
from unicom.models import CallbackExecution, Channel, IdempotencyKey, InboundReceipt, Job, Pace, Update
from unicom.worker import Worker

OLD = timedelta(days=400)


def test_old_receipts_payloads_jobs_keys_and_unsent_buttons_go(memory_channel: Channel) -> None:
    old = timezone.now() - OLD
    InboundReceipt.objects.create(channel=memory_channel, key="old", created_at=old)
    Update.objects.create(channel=memory_channel, body=b"1", digest="1", state="kept", created_at=old)
    Job.objects.create(kind="x", key="1", state="done", finished_at=old)
    IdempotencyKey.objects.create(channel=memory_channel, key="old", created_at=old)
    CallbackExecution.objects.create(text="old", created_at=old)
    Pace.objects.create(key="chat:old", open_at=1.0)
    assert trimming.trim() == 6


def test_what_is_recent_or_unsolved_stays(memory_channel: Channel) -> None:
    old = timezone.now() - OLD
    InboundReceipt.objects.create(channel=memory_channel, key="new")
    Update.objects.create(channel=memory_channel, body=b"1", digest="1", state="dead", created_at=old)
    Job.objects.create(kind="x", key="1", state="parked", finished_at=old)
    Job.objects.create(kind="x", key="2", state="queued", created_at=old)
    carried = memory_channel.send_message(
        {"chat_id": "one", "text": "?", "buttons": [[{"text": "Yes", "callback_data": 1}]]}
    )
    carried.callback_executions.update(created_at=old)
    assert trimming.trim() == 0


def test_a_pace_is_not_forgotten_while_it_counts(memory_channel: Channel) -> None:
    """With a long window much of it may be had in advance: open for a day already, and used up all the same."""
    Pace.objects.create(key="chat:slow", open_at=1.0, tat=time.time() + 3600)
    assert trimming.trim() == 0


def test_a_worker_trims_as_fast_as_a_busy_site_fills(shared_channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than it takes at a time does not wait for the next quarter of an hour."""
    monkeypatch.setattr(trimming, "BATCH", 2)
    monkeypatch.setattr("unicom.worker.SWEEP", 0.01)
    old = timezone.now() - OLD
    InboundReceipt.objects.bulk_create(
        InboundReceipt(channel=shared_channel, key=str(number), created_at=old) for number in range(100)
    )
    worker = Worker(concurrency=1)
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 20
    try:
        while InboundReceipt.objects.exists() and time.monotonic() < deadline:
            wakeup.event.set()
            time.sleep(0.02)
    finally:
        worker.stop()
        thread.join()
    assert not InboundReceipt.objects.exists()


def test_trimming_goes_by_batches(memory_channel: Channel, monkeypatch: Any) -> None:
    monkeypatch.setattr(trimming, "BATCH", 2)
    old = timezone.now() - OLD
    for number in range(5):
        InboundReceipt.objects.create(channel=memory_channel, key=str(number), created_at=old)
    assert trimming.trim(batches=1) == 2
    assert trimming.trim() == 3
