"""Hold 1,000 idle mailboxes on Dovecot, each in IDLE over TLS, and see what the listener uses while nothing happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.results import Result, at_most
from tests.platforms.email.servers import PASSWORD, Dovecot, certificates, dovecot, folder

MAILBOXES = int(os.environ.get("BENCHMARK_MAILBOXES", "1000"))
QUIET = 24.0
PATIENCE = 600.0
STATEMENTS_A_SECOND = 0.5
"""One look at the channels every three seconds, and nothing else."""
THREADS = 12

State = dict[str, Any]


def measure(name: str) -> list[Result]:
    """Measure on the database that is set up."""
    from unicom.models import Channel

    with folder("unicom-bench-") as home, dovecot(home, certificates(home), storage="mdbox") as server:
        channels = _channels(server)
        try:
            with _listener() as ask:
                first, _ = _settled(ask, 1)
                Channel.objects.filter(pk__in=channels).update(active=True)
                before, seconds = _settled(ask, MAILBOXES)
                time.sleep(QUIET)
                after = ask()
        finally:
            Channel.objects.filter(pk__in=channels).update(active=False)
    assert after["idle"] == MAILBOXES, f"only {after['idle']} mailboxes are idle"
    what = f"{MAILBOXES:,} idle mailboxes"
    each = (after["kilobytes"] - first["kilobytes"]) / (MAILBOXES - 1)
    busy = (after["cpu"] - before["cpu"]) / QUIET
    return [
        Result(
            what=f"{what}: memory ({name})",
            value=f"{after['kilobytes'] / 1024:.0f} MB",
            note=f"{first['kilobytes'] / 1024:.0f} MB with one; {each:.0f} KB for each further one",
        ),
        Result(
            what=f"{what}: processor ({name})",
            value=f"{busy:.1%}",
            note=f"of one, over {QUIET:.0f} quiet seconds; all were there after {seconds:.0f} s",
        ),
        at_most(
            f"{what}: SQL statements a second ({name})",
            round((after["statements"] - before["statements"]) / QUIET, 2),
            STATEMENTS_A_SECOND,
        ),
        at_most(f"{what}: threads ({name})", after["threads"], THREADS),
    ]


def _channels(server: Dovecot) -> list[int]:
    """Make the channels; the first is active, the others wait."""
    from unicom.models import Channel

    backend = "django.core.mail.backends.locmem.EmailBackend"
    channels = []
    for number in range(MAILBOXES):
        config = {
            "EMAIL_ADDRESS": f"idle{number}@example.com", "EMAIL_PASSWORD": PASSWORD, "EMAIL_BACKEND": backend,
            "IMAP": server.config(),
        }  # fmt: skip
        channels.append(Channel(name=f"Idle {number}", platform="Email", active=number == 0, config=config))
    return [channel.pk for channel in Channel.objects.bulk_create(channels)]


@contextmanager
def _listener() -> Iterator[Callable[[], State]]:
    """Run the listener in a process of its own; gives what asks it for its state."""
    from django.db import connection

    environment = {**os.environ, "BENCHMARK_DATABASE": str(connection.settings_dict["NAME"])}
    command = [sys.executable, "-m", "benchmarks.mail.listening"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
    assert process.stdin
    assert process.stdout
    asking, answering = process.stdin, process.stdout

    def ask() -> State:
        asking.write("?\n")
        asking.flush()
        state: State = json.loads(answering.readline())
        return state

    try:
        yield ask
    finally:
        process.communicate()


def _settled(ask: Callable[[], State], count: int) -> tuple[State, float]:
    """Wait until so many mailboxes are idle, and a look later; returns the state, and how long that took."""
    began = time.monotonic()
    while (state := ask())["idle"] < count:
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"{state['idle']} of {count} mailboxes are idle after {PATIENCE:.0f} seconds")
        time.sleep(0.2)
    took = time.monotonic() - began
    time.sleep(4)
    return ask(), took
