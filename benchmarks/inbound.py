"""Compare taking in a visitor's text with a bare view that does the same inserts.

Both are asked one after the other through Django's test client, so middleware, routing and the answer's JSON are the
same. The bare view knows who is asking and which chat is meant without looking, and checks nothing. The job's run is
not part of it: a worker would do that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.database import fresh_database
from benchmarks.results import Result, at_least, at_most

ROUNDS = 5
REQUESTS = 200
GOAL = 0.5
STATEMENTS = 12


def measure() -> list[Result]:
    """Measure on the database of the settings."""
    with fresh_database() as name:
        from django.test import Client, override_settings

        with override_settings(UNICOM_EXECUTOR="worker", ROOT_URLCONF="benchmarks.bare"):
            from unicom.models import Channel

            Channel.objects.create(name="Website", platform="WebChat")
            client = Client()
            chat_id = client.post("/unicom/webchat/send/", {"text": "Hello"}).json()["chat_id"]

            def real() -> None:
                _post(client, "/unicom/webchat/send/", {"text": "Hello again", "chat_id": chat_id})

            def bare() -> None:
                _post(client, "/bare/", {"text": "Hello again", "chat_id": chat_id})

            statements = _statements(real)
            ratios, rates = _alternate(real, bare)
            rows = _rows_of(real), _rows_of(bare)
        assert rows[0] == rows[1], f"the bare view writes other rows: {rows}"
        return [
            at_least(
                f"inbound WebChat text, of a bare view ({name})",
                median(ratios),
                GOAL,
                note=f"medians of {ROUNDS}: {median(rates[0]):.0f}/s and {median(rates[1]):.0f}/s here",
            ),
            at_most(f"inbound WebChat text, SQL statements ({name})", statements, STATEMENTS),
        ]


def _post(client: Any, path: str, data: dict[str, str]) -> None:
    response = client.post(path, data)
    assert response.status_code == 200, response.content


def _statements(call: Callable[[], None]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    call()
    with CaptureQueriesContext(connection) as seen:
        call()
    return len(seen)


def _rows_of(call: Callable[[], None]) -> dict[str, int]:
    """Return how many rows of each kind a call adds."""
    from unicom.models import Job, Message, Request

    before = [model.objects.count() for model in (Message, Request, Job)]
    call()
    after = [model.objects.count() for model in (Message, Request, Job)]
    return dict(zip(("message", "request", "job"), (b - a for a, b in zip(before, after, strict=True)), strict=True))


def _alternate(
    real: Callable[[], None], bare: Callable[[], None]
) -> tuple[list[float], tuple[list[float], list[float]]]:
    for call in (real, bare):
        for _ in range(REQUESTS // 4):
            call()
    ratios: list[float] = []
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        # Who goes first changes, so that a machine that grows warm or tired favours neither.
        order = (real, bare) if number % 2 == 0 else (bare, real)
        took = {call: _time(call) for call in order}
        ratios.append(took[bare] / took[real])
        rates[0].append(REQUESTS / took[real])
        rates[1].append(REQUESTS / took[bare])
    return ratios, rates


def _time(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(REQUESTS):
        call()
    return time.perf_counter() - began
