"""Run work through Celery and through Django's tasks: the rows decide, the engine only hurries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.db import transaction
from django.utils import timezone

from unicom import executors
from unicom.checks import check_settings
from unicom.errors import DeliveryError
from unicom.models import Channel, Delivery, Job, Message
from unicom.signals import message_status_changed
from unicom.testing.memory import Wire


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not until():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def celery_worker(shared_channel: Channel, settings: Any) -> Iterator[Celery]:
    """Run a Celery worker in threads, on a broker in memory."""
    settings.UNICOM_EXECUTOR = "celery"
    app = Celery("site", broker="memory://", set_as_current=True)
    app.autodiscover_tasks(["unicom"], force=True)
    app.conf.broker_connection_retry_on_startup = True
    app.conf.worker_hijack_root_logger = False
    with start_worker(app, pool="threads", concurrency=4, perform_ping_check=False, shutdown_timeout=30):
        yield app


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_celery_delivers_in_order_and_comes_back_for_what_has_to_wait(
    celery_worker: Celery, shared_channel: Channel, unicom_sent: Wire
) -> None:
    unicom_sent.faults.append(DeliveryError("busy", retryable=True, retry_after=timedelta(seconds=0.3)))
    with transaction.atomic():
        for number in range(20):
            shared_channel.send_message({"chat_id": f"chat{number % 4}", "text": str(number)})
    _wait(lambda: len(unicom_sent.parts) == 20)
    for chat in range(4):
        texts = [int(part.text) for part in unicom_sent.parts if part.chat == f"chat{chat}"]
        assert texts == sorted(texts)
    _wait(lambda: set(Delivery.objects.values_list("state", flat=True)) == {"sent"})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_celery_runs_receivers(celery_worker: Celery, shared_channel: Channel) -> None:
    heard: list[str] = []

    def receiver(sender: Any, message: Message, **_: Any) -> None:
        heard.append(message.status)

    message_status_changed.connect(receiver)
    try:
        shared_channel.send_message({"chat_id": "chat", "text": "hello"})
        _wait(lambda: heard == ["sent"])
    finally:
        message_status_changed.disconnect(receiver)
    _wait(lambda: not Job.objects.exclude(state="done").exists())


def test_a_broker_that_is_away_fails_no_send_and_a_sweep_delivers(
    shared_channel: Channel, settings: Any, unicom_sent: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    settings.UNICOM_EXECUTOR = "celery"
    app = Celery("site", broker="amqp://127.0.0.1:1//", set_as_current=True)
    app.conf.broker_connection_timeout = 0.5
    app.autodiscover_tasks(["unicom"], force=True)
    with caplog.at_level("WARNING", logger="unicom"):  # a Celery worker has set the root's level
        message = shared_channel.send_message({"chat_id": "chat", "text": "hello"})
    assert message.status == "queued"
    assert "could not be told" in caplog.text
    settings.UNICOM_EXECUTOR = "worker"
    executors.sweep()
    message.refresh_from_db()
    assert message.status == "sent"


@pytest.fixture
def tasks_backend(shared_channel: Channel, settings: Any) -> None:
    """Use Django's tasks with their own default, which runs each where it is queued."""
    settings.UNICOM_EXECUTOR = "tasks"


@pytest.mark.usefixtures("tasks_backend")
def test_djangos_tasks_deliver(shared_channel: Channel, unicom_sent: Wire) -> None:
    with transaction.atomic():
        for number in range(3):
            shared_channel.send_message({"chat_id": "chat", "text": str(number)})
        assert not unicom_sent.parts
    assert [part.text for part in unicom_sent.parts] == ["0", "1", "2"]


@pytest.mark.usefixtures("tasks_backend")
def test_w005_a_tasks_backend_that_runs_nothing_in_the_background_is_named() -> None:
    assert [found.id for found in check_settings() if found.id == "unicom.W005"] == ["unicom.W005"]


def test_an_engine_that_is_not_installed_is_an_error(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UNICOM_EXECUTOR = "celery"
    monkeypatch.setitem(__import__("sys").modules, "unicom.executors.celery", None)
    (found,) = [found for found in check_settings() if found.id == "unicom.E005"]
    assert "'celery' cannot be used" in found.msg


def test_only_who_found_something_due_comes_again(shared_channel: Channel, unicom_sent: Wire) -> None:
    unicom_sent.faults.append(DeliveryError("busy", retryable=True, retry_after=timedelta(seconds=40)))
    message = shared_channel.send_message({"chat_id": "chat", "text": "hello"})
    later = executors.pursue(message.chat_id)
    assert later is not None
    assert 38 < later <= 41
    assert executors.pursue(message.chat_id) is None  # whoever found it due comes; one more would be too many
    Delivery.objects.update(next_attempt_at=timezone.now())
    Channel.objects.update(active=False)
    assert executors.pursue(message.chat_id) is None  # nothing to wait for: the channel's recovery wakes it
