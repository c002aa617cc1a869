"""Measure the mailbox: saving mail, large mailboxes, handing mail over, and many idle mailboxes."""

from __future__ import annotations

from benchmarks.database import fresh_database
from benchmarks.results import Result


def measure() -> list[Result]:
    """Measure on the database of the settings."""
    with fresh_database() as name:
        from benchmarks.mail import growing, idle, sending, storing

        return [*storing.measure(name), *growing.measure(name), *sending.measure(name), *idle.measure(name)]
