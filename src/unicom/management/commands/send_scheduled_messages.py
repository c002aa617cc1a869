"""Send drafts when their time has come."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections

from unicom.scheduling import Pass, TakenElsewhere, run_due

logger = logging.getLogger("unicom")


class Command(BaseCommand):
    """Look for due drafts at an interval. Any number of these may run; each draft is sent once."""

    help = "Send approved drafts whose time has come, again and again until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the interval, and whether to stop after one pass."""
        parser.add_argument(
            "--interval", type=float, default=10, help="Seconds between two looks at what is due (default 10)."
        )
        parser.add_argument("--run-once", action="store_true", help="Send what is due now, then exit.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        interval: float = options["interval"]
        if not 0 < interval <= 86_400:
            raise CommandError(f"--interval: {interval:g} is not a number of seconds between 0 and 86400.")
        if options["run_once"]:
            try:
                passed = self._pass()
            except Error as error:
                raise CommandError(f"The database cannot be reached ({error}).") from None
            self.stdout.write(_summary(passed))
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write(f"Looking for due messages every {interval:g} seconds. Stop with Ctrl-C.")
        complained = False
        while not stop.is_set():
            try:
                passed = self._pass()
                if passed.total_due or passed.postponed:
                    self.stdout.write(_summary(passed))
                complained = False
            except Error as error:
                # What was not committed is due still.
                if not complained:
                    self.stderr.write(f"The database cannot be reached ({error}); trying again.")
                    complained = True
                connections.close_all()
            except Exception:
                # A bug must not keep the others' messages from being sent tomorrow.
                logger.exception("A pass over the scheduled messages failed; the next one comes.")
            stop.wait(interval)
        self.stdout.write("Stopped; nothing was left half done.")

    def _pass(self) -> Pass:
        is_shown = self.stdout.isatty()

        def show(passed: Pass) -> None:
            if is_shown:
                self.stdout.write(f"\r{passed.total_due:,} dealt with …", ending="")
                self.stdout.flush()

        try:
            passed = run_due(show)
        except TakenElsewhere:
            return Pass()
        if is_shown and passed.total_due:
            self.stdout.write("\r", ending="")
        return passed


def _summary(passed: Pass) -> str:
    further = [f"{count:,} {word}" for count, word in (
        (passed.failed, "failed"), (passed.cancelled, "cancelled"), (passed.postponed, "postponed by quiet hours"),
    ) if count]  # fmt: skip
    return f"{passed.total_due:,} due: {passed.sent:,} sent{''.join(f', {part}' for part in further)}."
