"""Compare taking one new mail out of a mailbox that holds 100,000 with one that holds 100.

The listener's own way of catching up is measured on a connection that is open, as it is when the server has news.
Dovecot keeps both mailboxes in its own format, whose index it has built before.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from imapclient import IMAPClient

from benchmarks.results import Result, at_most
from tests.platforms.email.conftest import plain_mail
from tests.platforms.email.metering import Meter, metered
from tests.platforms.email.servers import PASSWORD, Dovecot, certificates, dovecot, folder

SMALL, LARGE = 100, int(os.environ.get("BENCHMARK_MAILS", "100000"))
ROUNDS, AT_ONCE = 40, 1000
GOAL = 1.2


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Be what one new mail cost."""

    seconds: float
    statements: int
    commands: int
    received: int


def measure(name: str) -> list[Result]:
    """Measure on the database that is set up."""
    from django.test import override_settings

    with (
        folder("unicom-bench-") as home,
        dovecot(home, certificates(home), storage="mdbox") as server,
        override_settings(UNICOM_EXECUTOR="worker", UNICOM_DNS_RESOLVER="benchmarks.mail.letters.Dns"),
    ):
        small, large = (_Mailbox(server, count) for count in (SMALL, LARGE))
        costs: dict[_Mailbox, list[Cost]] = {small: [], large: []}
        for number in range(ROUNDS):
            # Who goes first changes, so that a machine that grows warm or tired favours neither.
            for mailbox in (small, large) if number % 2 else (large, small):
                cost = mailbox.one_more()
                if number >= ROUNDS // 4:
                    costs[mailbox].append(cost)
        for mailbox in (small, large):
            mailbox.close()

    def ratio(of: Callable[[Cost], float]) -> float:
        return round(median(map(of, costs[large])) / median(map(of, costs[small])), 3)

    what = f"one mail in a mailbox of {LARGE:,}, of one in {SMALL:,}"
    one = costs[large][-1]
    note = f"{one.commands} commands, {one.received:,} bytes, {one.statements} SQL statements"
    return [
        at_most(f"{what}: time ({name})", ratio(lambda cost: cost.seconds), GOAL, "×", note=note),
        at_most(f"{what}: commands ({name})", ratio(lambda cost: cost.commands), 1, "×"),
        at_most(f"{what}: SQL statements ({name})", ratio(lambda cost: cost.statements), 1, "×"),
        # Some numbers in the answers have more digits.
        at_most(f"{what}: bytes received ({name})", ratio(lambda cost: cost.received), 1.05, "×"),
    ]


class _Mailbox:
    """Be a mailbox that holds so many, and the connection to it that the listener would have."""

    def __init__(self, server: Dovecot, count: int) -> None:
        from unicom.adapters import StoredState
        from unicom.models import Channel
        from unicom.platforms.email import imap, intake
        from unicom.platforms.email.config import EmailConfig

        address = f"box{count}@example.com"
        self.server, self.number = server.client(address), 0
        _fill(self.server, count)
        backend = "django.core.mail.backends.locmem.EmailBackend"
        config: dict[str, Any] = {
            "EMAIL_ADDRESS": address, "EMAIL_PASSWORD": PASSWORD, "IMAP": server.config(), "EMAIL_BACKEND": backend,
        }  # fmt: skip
        self.channel = Channel.objects.create(name=address, platform="Email", active=True, config=config)
        self.config = EmailConfig.read(config)
        self.client = imap.connect(self.config, StoredState(self.channel))
        self.meter: Meter = metered(self.client)
        self._intake = intake
        assert self._catch_up() == 0  # the cursor stands behind what is there

    def one_more(self) -> Cost:
        """Lay one mail into it and take it out; returns what that cost."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        self.number += 1
        message_id = f"<{self.number}.{self.channel.pk}@example.org>"
        self.server.append("INBOX", plain_mail(message_id=message_id).replace("\n", "\r\n").encode())
        commands, received = len(self.meter.commands), self.meter.received
        with CaptureQueriesContext(connection) as seen:
            began = time.perf_counter()
            assert self._catch_up() == 1
            took = time.perf_counter() - began
        return Cost(
            seconds=took,
            statements=len(seen),
            commands=len(self.meter.commands) - commands,
            received=self.meter.received - received,
        )

    def _catch_up(self) -> int:
        return self._intake.catch_up(self.channel, self.config, self.client, "INBOX", threading.Event())

    def close(self) -> None:
        """Hang up."""
        self.client.shutdown()
        self.server.shutdown()


def _fill(client: IMAPClient, count: int) -> None:
    """Lay so many small mails into the mailbox."""
    mails = [b"From: a@example.org\r\nSubject: %d\r\n\r\nHello\r\n" % number for number in range(count)]
    for at in range(0, count, AT_ONCE):
        client.multiappend("INBOX", mails[at : at + AT_ONCE])
    assert client.select_folder("INBOX")[b"EXISTS"] == count
