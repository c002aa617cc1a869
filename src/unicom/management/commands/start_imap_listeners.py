"""Listen to the mailboxes of all active e-mail channels."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from unicom.platforms.email.listener import Listener, run_once


class Command(BaseCommand):
    """Listen until stopped. Several may run at once: no mail is taken in twice, and stopping loses none."""

    help = "Take in mail for all active e-mail channels as it comes, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to stop once everything that waits was taken in."""
        parser.add_argument("--run-once", action="store_true", help="Take in what waits, then exit.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        if options["run_once"]:
            stop = threading.Event()
            self._on_signal(stop.set)
            taken, problems = run_once(stop)
            self.stdout.write(f"{taken} mails were taken in.")
            if problems:
                raise CommandError("; ".join(problems))
            return
        listener = Listener()
        self._on_signal(listener.stop)
        self.stdout.write("Listening. Stop with Ctrl-C.")
        listener.run()
        self.stdout.write(f"Stopped; {listener.taken} mails were taken in.")

    def _on_signal(self, stop: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop())
