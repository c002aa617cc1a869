"""Compare two worker processes with one, where each call takes a while: they must not stand in each other's way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks.database import fresh_database
from benchmarks.outbox import THREADS, fake, queue
from benchmarks.results import Result, at_least

ROUNDS, MESSAGES, CHATS, LATENCY = 5, 320, 160, 0.2
GOAL = 1.8


def measure() -> list[Result]:
    """Measure on the database of the settings; two processes that write share no SQLite."""
    with fresh_database() as name:
        from django.db import connection
        from django.test import override_settings

        if connection.vendor != "postgresql":
            return []
        from unicom.models import Channel

        with (
            fake(LATENCY, chats=CHATS) as (url, token, people),
            override_settings(UNICOM_EXECUTOR="worker", UNICOM_TELEGRAM_API_URL=url),
        ):
            channel = Channel.objects.create(
                name="Slow",
                platform="Telegram",
                active=True,
                config={"API_TOKEN": token, "PACING": {"channel": [1000000, 1], "chat": [1000000, 1]}},
            )
            environment = {
                **os.environ,
                "BENCHMARK_DATABASE": str(connection.settings_dict["NAME"]),
                "BENCHMARK_TELEGRAM": url,
                "BENCHMARK_THREADS": str(THREADS),
            }
            ratios = []
            for number in range(ROUNDS):
                order = (1, 2) if number % 2 == 0 else (2, 1)
                took = {count: _took(channel, people, count, environment) for count in order}
                ratios.append(took[1] / took[2])
    return [
        at_least(
            f"two worker processes, of one, at {LATENCY:.1f} s a call ({name})",
            median(ratios),
            GOAL,
            note=f"from {min(ratios):.0%} to {max(ratios):.0%}",
        )
    ]


def _took(channel: Any, people: list[int], processes: int, environment: dict[str, str]) -> float:
    """Return how many seconds so many processes take, from the word "go" until all is delivered."""
    from unicom.models import Delivery

    queue(channel, people, MESSAGES)
    command = [sys.executable, "-m", "benchmarks.work"]
    pipe = subprocess.PIPE
    working = [subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) for _ in range(processes)]
    for process in working:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    began = time.perf_counter()
    for process in working:
        _go(process)
    for process in working:
        process.wait()
    took = time.perf_counter() - began
    assert not Delivery.objects.exclude(state="sent").exists()
    return took


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()
