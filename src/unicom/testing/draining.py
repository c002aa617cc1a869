"""Run what is due, here and now: in a TestCase nothing commits, so nothing runs by itself."""

from __future__ import annotations

from unicom import jobs, outbox, pacing
from unicom.models import Delivery, Job


def drain(limit: int = 10_000) -> int:
    """Deliver what is queued and run the jobs that are due until nothing is; returns how many rows were worked on.

    Works within a TestCase's transaction, and as fast as it can: the platforms' pace is not kept. What waits for a
    later time is left waiting. Raises RuntimeError past ``limit`` rows: receivers answer each other for ever, then.
    """
    with pacing.suspended():
        return _drain(limit)


def _drain(limit: int) -> int:
    done = 0
    while True:
        outbox.QUEUE.promote_orphans()
        claimed: list[Delivery | Job] = [*outbox.claim(1), *jobs.claim(1)]
        if not claimed:
            return done
        for row in claimed:
            if isinstance(row, Delivery):
                outbox.record(row, outbox.deliver(row))
            else:
                jobs.run(row)
            done += 1
            if done > limit:
                raise RuntimeError(f"drain() did {limit} rows and there is no end in sight.")
