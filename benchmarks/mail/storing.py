"""Compare saving a mail of 100 KB with the bare parse of the same bytes and a loop that writes the same rows and files.

Ours is what the listener does once it has the bytes: it judges who wrote them, takes them apart, makes the HTML safe,
finds person and conversation, and stores all that with the files and the step of the cursor. The bare loop decodes all
parts with the standard library and knows what to write without looking. One transaction a mail on both sides.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.mail import letters
from benchmarks.results import Result, at_most

ROUNDS, MAILS, PEOPLE = 5, 60, 20
GOAL, STATEMENTS = 4, 15
_FRAME = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT")

Save = Callable[[bytes], None]
_numbers = itertools.count(1)


def measure(name: str) -> list[Result]:
    """Measure on the database that is set up."""
    from django.test import override_settings

    with override_settings(UNICOM_EXECUTOR="worker", UNICOM_DNS_RESOLVER="benchmarks.mail.letters.Dns"):
        return [result for signed in (False, True) for result in _compared(name, signed=signed)]


def _compared(name: str, *, signed: bool) -> list[Result]:
    from unicom.models import Channel

    config = {"EMAIL_ADDRESS": "support@example.com", "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
    channel = Channel.objects.create(name="Support", platform="Email", active=True, config=config)
    save, bare = _ours(channel), _bare(channel)
    first = _mails(PEOPLE, signed=signed)
    statements = max(_statements(save, next(first)) for _ in range(PEOPLE))  # everybody writes for the first time
    rows = [_rows_of(call, _mail(signed=signed)) for call in (save, bare)]
    assert rows[0] == rows[1], f"the bare loop writes other rows: {rows}"
    ratios, rates = _alternate(save, bare, signed=signed)
    kind = "signed mail" if signed else "mail"
    return [
        at_most(
            f"saving a {kind} of 100 KB, of a bare parse and its rows ({name})",
            round(median(ratios), 2),
            GOAL,
            "×",
            note=f"median of {ROUNDS}: {median(rates):.0f}/s here",
        ),
        at_most(f"saving a {kind} of somebody new, SQL statements ({name})", statements, STATEMENTS),
    ]


def _mail(*, signed: bool) -> bytes:
    return letters.large(next(_numbers), people=PEOPLE, signed=signed)


def _mails(count: int, *, signed: bool) -> Iterator[bytes]:
    return iter([_mail(signed=signed) for _ in range(count)])


def _ours(channel: Any) -> Save:
    from unicom.adapters import StoredState
    from unicom.platforms.email import cursors, intake, reading, trust
    from unicom.platforms.email.config import EmailConfig

    config = EmailConfig.read(channel.config)
    cursor = cursors.Cursor(uidvalidity=1, uid=1, since="2026-01-01T00:00:00+00:00")
    StoredState(channel).set(cursors.key("INBOX"), cursor.to_json())
    received = datetime(2026, 11, 2, 10, 1, tzinfo=UTC)

    def save(raw: bytes) -> None:
        verdict = trust.verdict(raw, config)
        found = reading.Found(folder="INBOX", uid=1, uidvalidity=1, received=received, trust=verdict)
        assert len(intake.store(channel, config, raw, found, "INBOX", cursor)) == 1

    return save


def _bare(channel: Any) -> Save:
    from benchmarks.mail.bare import save

    return lambda raw: save(channel, raw)


def _alternate(save: Save, bare: Save, *, signed: bool) -> tuple[list[float], list[float]]:
    ratios, rates = [], []
    for call in (save, bare):
        _took(call, _mails(MAILS // 4, signed=signed))
    for number in range(ROUNDS):
        # Who goes first changes, so that a machine that grows warm or tired favours neither.
        order = (save, bare) if number % 2 == 0 else (bare, save)
        took = {call: _took(call, _mails(MAILS, signed=signed)) for call in order}
        ratios.append(took[save] / took[bare])
        rates.append(MAILS / took[save])
    return ratios, rates


def _took(call: Save, mails: Iterator[bytes]) -> float:
    began = time.perf_counter()
    for raw in mails:
        call(raw)
    return time.perf_counter() - began


def _statements(call: Save, raw: bytes) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as seen:
        call(raw)
    return sum(not query["sql"].startswith(_FRAME) for query in seen)


def _rows_of(call: Save, raw: bytes) -> dict[str, int]:
    """Return how many rows of each kind a mail adds."""
    from django.apps import apps

    def counts() -> dict[str, int]:
        return {model.__name__: model._default_manager.count() for model in apps.get_app_config("unicom").get_models()}

    before = counts()
    call(raw)
    return {name: count - before[name] for name, count in counts().items() if count != before[name]}
