"""Deliver what is queued and do the jobs that are due."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from unicom.worker import KINDS, Worker, run_until_signal


class Command(BaseCommand):
    """Run a worker; any number of them, on any number of machines, share the work."""

    help = "Deliver queued messages and run due jobs until stopped; SIGTERM finishes what is under way."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of threads, what to work on, and whether to stop when nothing is due."""
        parser.add_argument("--concurrency", type=int, default=8, help="How many calls are made at a time (default 8).")
        parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="Work on these alone.")
        parser.add_argument("--run-once", action="store_true", help="Do what is due now, then exit.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        if not 1 <= options["concurrency"] <= 256:
            raise CommandError(f"--concurrency: {options['concurrency']} is not between 1 and 256.")
        worker = Worker(concurrency=options["concurrency"], only=options["only"])
        if options["run_once"]:
            done = worker.run(once=True)
            self.stdout.write(f"{done} done; nothing else is due.")
            return
        what = " and ".join(options["only"])
        self.stdout.write(f"Working on {what} with {options['concurrency']} threads. Stop with Ctrl-C.")
        done = run_until_signal(worker)
        self.stdout.write(f"Stopped after {done}; nothing was left half done.")
