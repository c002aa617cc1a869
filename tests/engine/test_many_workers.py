"""Prove that eight workers share a thousand messages: each arrives once, and in the order of its chat."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

import pytest
from django.db import connection, transaction

from unicom.models import Channel, Delivery
from unicom.testing.memory import Wire
from unicom.worker import Worker

WORKERS, CHATS = 8, 100
# SQLite has one writer at a time, whatever the number of workers.
MESSAGES = 1000 if connection.vendor == "postgresql" else 200


def _share(channel: Channel, wire: Wire) -> None:
    wire.clear()
    Delivery.objects.all().delete()
    with transaction.atomic():
        for number in range(MESSAGES):
            channel.send_message({"chat_id": f"chat{number % CHATS}", "text": str(number)})
    workers = [Worker(concurrency=2) for _ in range(WORKERS)]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 100
    while len(wire.parts) < MESSAGES and time.monotonic() < deadline:
        time.sleep(0.05)
    for worker in workers:
        worker.stop()
    for thread in threads:
        thread.join()
    by_chat: dict[str, list[int]] = defaultdict(list)
    for part in wire.parts:
        by_chat[part.chat].append(int(part.text))
    assert sorted(number for numbers in by_chat.values() for number in numbers) == list(range(MESSAGES))
    assert all(numbers == sorted(numbers) for numbers in by_chat.values())
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.timeout(240)
def test_eight_workers_deliver_a_thousand_messages_once_and_in_order(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    _share(shared_channel, unicom_sent)


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_they_do_so_ten_times_in_a_row(shared_channel: Channel, unicom_sent: Wire) -> None:
    for _ in range(10):
        _share(shared_channel, unicom_sent)
