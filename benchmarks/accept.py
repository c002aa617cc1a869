"""Compare taking in Telegram's webhooks with a bare view that does the same inserts, under two web processes.

Both are asked over real HTTP by as many clients at a time as Telegram would be, on connections that are kept, and each
thread of a server keeps its connection to the database. The bare view knows which chat and which account are meant
without looking, checks nothing, and writes the same rows.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.database import fresh_database
from benchmarks.results import Result, at_least, at_most

ROUNDS, REQUESTS, CHATS = 5, 320, 50
CONCURRENCY = (1, 8, 32)
GOAL, STATEMENTS = 0.6, 12
SECRET = "s" * 32
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"

_numbers = itertools.count(1)


def measure() -> list[Result]:
    """Measure on the database of the settings; two processes that write share no SQLite."""
    with fresh_database() as name:
        from django.db import connection

        if connection.vendor != "postgresql":
            return []
        from unicom.models import Channel

        channel = Channel.objects.create(
            name="Bot",
            platform="Telegram",
            active=True,
            config={"API_TOKEN": "1234567:" + "a" * 35, "SECRET_TOKEN": SECRET},
        )
        paths = f"/unicom/telegram/{channel.pk}", f"/bare/{channel.pk}"
        with _sites(str(connection.settings_dict["NAME"])) as ports:
            _clients(ports, paths[0], 1, CHATS)  # everybody has written before
            rows = [_rows_of(ports, path) for path in paths]
            assert rows[0] == rows[1], f"the bare view writes other rows: {rows}"
            results = [_compare(ports, paths, count, name) for count in CONCURRENCY]
        return [
            *results,
            at_most(f"webhook of a Telegram text, SQL statements ({name})", _statements(paths[0]), STATEMENTS),
        ]


def _compare(ports: list[int], paths: tuple[str, str], concurrency: int, name: str) -> Result:
    ratios, rates = [], []
    for path in paths:
        _clients(ports, path, concurrency, REQUESTS // 4)
    for number in range(ROUNDS):
        # Who goes first changes, so that a machine that grows warm or tired favours neither.
        order = paths if number % 2 == 0 else paths[::-1]
        took = {path: _clients(ports, path, concurrency, REQUESTS) for path in order}
        ratios.append(took[paths[1]] / took[paths[0]])
        rates.append(REQUESTS / took[paths[0]])
    return at_least(
        f"webhooks accepted, {concurrency} at a time, of a bare view ({name})",
        median(ratios),
        GOAL,
        note=f"median of {ROUNDS}: {median(rates):.0f}/s here",
    )


@contextmanager
def _sites(database: str) -> Iterator[list[int]]:
    """Run two web processes on the benchmark's database."""
    environment = {**os.environ, "BENCHMARK_DATABASE": database}
    command = [sys.executable, "-m", "benchmarks.site"]
    sites = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        yield [int(site.stdout.readline()) for site in sites if site.stdout]
    finally:
        for site in sites:
            site.terminate()
            site.wait()


def _clients(ports: list[int], path: str, concurrency: int, count: int) -> float:
    """Send so many updates over so many connections; returns the seconds it took."""
    bodies = iter([_update() for _ in range(count)])
    lock = threading.Lock()
    ready = threading.Barrier(concurrency + 1)
    wrong: list[Any] = []

    def client(port: int) -> None:
        with lock:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.connect()
        ready.wait()
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                break
            connection.request("POST", path, body, {"Content-Type": "application/json", SECRET_HEADER: SECRET})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                wrong.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=client, args=(ports[n % len(ports)],)) for n in range(concurrency)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    assert not wrong, f"{path} answered {wrong[0]}"
    return took


def _update() -> str:
    number = next(_numbers)
    person = 700_000_000 + number % CHATS
    who = {"id": person, "is_bot": False, "first_name": "Ann", "language_code": "en"}
    return json.dumps(
        {
            "update_id": 500_000_000 + number,
            "message": {
                "message_id": 1000 + number,
                "from": who,
                "chat": {"id": person, "first_name": "Ann", "type": "private"},
                "date": int(time.time()),
                "text": f"Where is my order {number}?",
            },
        }
    )


def _rows_of(ports: list[int], path: str) -> dict[str, int]:
    """Return how many rows of each kind an update adds."""
    from django.apps import apps

    def counts() -> dict[str, int]:
        return {model.__name__: model._default_manager.count() for model in apps.get_app_config("unicom").get_models()}

    before = counts()
    _clients(ports, path, 1, 1)
    return {name: count - before[name] for name, count in counts().items() if count != before[name]}


def _statements(path: str) -> int:
    from django.db import connection
    from django.test import Client, override_settings
    from django.test.utils import CaptureQueriesContext

    with override_settings(ROOT_URLCONF="benchmarks.bare", UNICOM_EXECUTOR="worker"):
        client = Client(headers={SECRET_HEADER: SECRET})
        with CaptureQueriesContext(connection) as seen:
            assert client.post(path, _update(), content_type="application/json").status_code == 200
    return len(seen)
