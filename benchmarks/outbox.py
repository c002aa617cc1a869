"""Compare the worker with what it cannot do without: the same HTTP call and two committed UPDATEs a message.

The other side is the fake Bot API in a process of its own. Both sides make their calls through the same pool. With a
fake that takes 200 ms the limit is another: as many calls at a time as there are threads.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.database import fresh_database
from benchmarks.results import Result, at_least

ROUNDS, MESSAGES, CHATS = 5, 300, 100
SLOW, SLOW_MESSAGES, THREADS = 0.2, 160, 8


def measure() -> list[Result]:
    """Measure on the database of the settings."""
    with fresh_database() as name:
        results = []
        with fake(0.0) as (url, token, people):
            results += _quick(name, url, token, people)
        with fake(SLOW) as (url, token, people):
            results.append(_slow(name, url, token, people))
        return results


@contextmanager
def fake(latency: float, *, chats: int = CHATS) -> Iterator[tuple[str, str, list[int]]]:
    """Run the fake Bot API; gives its address, a bot's token and the ids of people who have started it."""
    token = "1234567:" + "a" * 35
    command = [sys.executable, "-m", "unicom.testing.telegram", "--no-chat", "--port", "0", "--token", token]
    process = subprocess.Popen([*command, "--latency", str(latency)], stdout=subprocess.PIPE, text=True)
    try:
        url = _address(process)
        people = [_meet(url, token, number) for number in range(chats)]
        yield url, token, people
    finally:
        process.terminate()
        process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    for line in process.stdout:
        for word in line.split():
            if word.startswith("http://127.0.0.1:"):
                return word.rstrip("/.,;")
    raise RuntimeError("the fake did not say where it is")


def _control(url: str, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(  # noqa: S310  our own server, on this machine
        f"{url}/_control/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return json.loads(answer.read() or b"{}")


def _meet(url: str, token: str, number: int) -> int:
    user = _control(url, "users", {"name": f"Person {number}"})
    _control(url, "act", {"act": "start", "user": user["id"], "bot": int(token.partition(":")[0])})
    return int(user["id"])


def _quick(name: str, url: str, token: str, people: list[int]) -> list[Result]:
    from django.test import override_settings

    from unicom.models import Channel

    with override_settings(UNICOM_EXECUTOR="worker", UNICOM_TELEGRAM_API_URL=url):
        channel = Channel.objects.create(
            name="Quick",
            platform="Telegram",
            active=True,
            config={"API_TOKEN": token, "PACING": {"channel": [1000000, 1], "chat": [1000000, 1]}},
        )
        ratios, bare_ratios = [], []
        for _ in range(ROUNDS):
            ours = _rate(lambda: queue(channel, people, MESSAGES), lambda: _work(THREADS))
            loop = _rate(lambda: None, lambda: _loop(channel, people, MESSAGES, updates=2))
            bare = _rate(lambda: None, lambda: _loop(channel, people, MESSAGES, updates=0))
            ratios.append(ours * MESSAGES / (loop * MESSAGES))
            bare_ratios.append(ours / bare)
    return [
        at_least(
            f"outbox, of a loop of a call and two UPDATEs ({name})",
            median(ratios),
            0.6,
            note=f"{median(bare_ratios):.0%} of bare calls",
        )
    ]


def _slow(name: str, url: str, token: str, people: list[int]) -> Result:
    from django.test import override_settings

    from unicom.models import Channel

    with override_settings(UNICOM_EXECUTOR="worker", UNICOM_TELEGRAM_API_URL=url):
        channel = Channel.objects.create(
            name="Slow",
            platform="Telegram",
            active=True,
            config={"API_TOKEN": token, "PACING": {"channel": [1000000, 1], "chat": [1000000, 1]}},
        )
        rates = []
        for _ in range(ROUNDS):
            spent = 1 / _rate(lambda: queue(channel, people, SLOW_MESSAGES), lambda: _work(THREADS))
            rates.append(SLOW_MESSAGES / spent / (THREADS / SLOW))
    return at_least(f"outbox at {SLOW:.1f} s a call, of threads ÷ latency ({name})", median(rates), 0.9)


def _rate(prepare: Callable[[], Any], work: Callable[[], Any]) -> float:
    prepare()
    began = time.perf_counter()
    work()
    return 1 / (time.perf_counter() - began)


def queue(channel: Any, people: list[int], count: int) -> None:
    """Queue so many messages to these people, in turn."""
    from django.db import transaction

    with transaction.atomic():
        for number in range(count):
            channel.send_message({"chat_id": people[number % len(people)], "text": f"Hello {number}"})


def _work(threads: int) -> None:
    from unicom.models import Delivery
    from unicom.worker import Worker

    Worker(concurrency=threads, only=("deliveries",)).run(once=True)
    assert not Delivery.objects.exclude(state="sent").exists()


def _loop(channel: Any, people: list[int], count: int, *, updates: int) -> None:
    """Make the same calls one after the other, each with so many committed UPDATEs."""
    from unicom.adapters import adapter_for
    from unicom.models import Message
    from unicom.types import Part

    adapter = adapter_for(channel)
    some = Message.objects.values_list("pk", flat=True).first()
    for number in range(count):
        for _ in range(updates // 2):
            Message.objects.filter(pk=some).update(error="")
        adapter.deliver(Part(text=f"Hello {number}", chat=str(people[number % len(people)])))
        for _ in range(updates - updates // 2):
            Message.objects.filter(pk=some).update(error="")
    adapter.close()
