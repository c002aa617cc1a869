"""Do what is due, in one process or many: claim, do, record, with leases renewed meanwhile."""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import Error, InterfaceError, OperationalError, close_old_connections, connections
from django.utils import timezone

from unicom import health, jobs, outbox, pacing, trimming, wakeup
from unicom.leases import BATCH, LEASE
from unicom.models import Delivery, Job, WorkerHeartbeat
from unicom.workers import SILENT

logger = logging.getLogger("unicom.worker")

POLL = 1.0
RENEW = LEASE.total_seconds() / 3
SWEEP = 5.0
GATHER = 0.003
"""For how many seconds an outcome waits for others: a transaction for eight costs little more than one for one."""
QUICK = 0.05
"""Of calls that take longer, each is recorded at once: its thread had better be calling again."""
TURN = 0.1
"""For how many seconds a campaign that takes every thread may keep jobs from being asked for."""
ORPHANS = 30.0
TRIM = 600.0
LOOK = 600.0
"""Every how many seconds platforms are asked how their channels are."""
TRIM_BATCHES = 10
"""How many batches of each kind are trimmed at a time: a second or so, in which nothing is claimed."""
KINDS = ("deliveries", "jobs")


class Worker:
    """Run due deliveries and jobs on a few threads until told to stop."""

    def __init__(self, *, concurrency: int = 8, only: Sequence[str] = KINDS, in_background: bool = False) -> None:
        self.concurrency = concurrency
        self.only = tuple(only)
        self.in_background = in_background
        self.stopping = threading.Event()
        self.finished = threading.Event()
        self.id = uuid.uuid4().hex
        self._work: queue.SimpleQueue[Delivery | Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._in_flight: dict[tuple[str, int], Delivery | Job] = {}
        self._outcomes: queue.SimpleQueue[tuple[Delivery, outbox.Outcome]] = queue.SimpleQueue()
        self._quick = True
        self._jobs_wait = False
        self._jobs_asked = float("-inf")
        self.done = 0

    # The loop: this thread alone claims and records deliveries, the others talk with platforms or run jobs.

    def run(self, *, once: bool = False) -> int:
        """Work until :meth:`stop`, or with ``once`` until nothing is due; returns how many rows were worked on."""
        threads = [threading.Thread(target=self._thread, name=f"unicom-{n}") for n in range(self.concurrency)]
        threads.append(threading.Thread(target=self._keep_leases, name="unicom-leases"))
        for thread in threads:
            thread.daemon = self.in_background
            thread.start()
        if not once:
            listener = threading.Thread(target=wakeup.listen, args=(self.stopping,), name="unicom-listen", daemon=True)
            listener.start()
        try:
            self._loop(once=once)
        finally:
            self.stopping.set()
            self._finish(threads)
            self.finished.set()
        return self.done

    def stop(self) -> None:
        """Take nothing new; what is under way is finished."""
        self.stopping.set()
        wakeup.event.set()

    def _loop(self, *, once: bool) -> None:
        swept = orphans = looked = trim_at = float("-inf")
        complained = False
        while not self.stopping.is_set():
            wakeup.event.clear()
            try:
                now = time.monotonic()
                if now - swept >= SWEEP:
                    swept = now
                    # Now and then, not after each rest: connecting anew takes longer than recording a message.
                    close_old_connections()
                    self._sweep()
                if now - orphans >= ORPHANS:
                    orphans = now
                    outbox.QUEUE.promote_orphans()
                if now - looked >= LOOK and not once:
                    looked = now
                    health.look_around()
                if now >= trim_at and not once:
                    gone = trimming.trim(batches=TRIM_BATCHES)
                    # What is left over does not wait as long: a busy site fills its tables faster than that.
                    trim_at = now + (SWEEP if gone >= TRIM_BATCHES * trimming.BATCH else TRIM)
                # Asked before the look for work: what ends during it may have left some behind.
                idle = not self._in_flight and self._outcomes.empty()
                try:
                    # First, so that the threads have something to do while it is written what has come of the last.
                    moved = self._claim()
                finally:
                    recorded = self._record()
                moved += recorded
                complained = False
            except Error as error:
                # The database is away, or not migrated yet: everything waits, nothing is lost.
                if not complained:
                    logger.warning("The database cannot be reached (%s); trying again.", error)
                    complained = True
                connections.close_all()
                self.stopping.wait(POLL)
                continue
            except Exception:
                # Somebody's row nobody foresaw: the others must go on.
                logger.exception("The worker's loop failed; it goes on.")
                self.stopping.wait(POLL)
                continue
            if moved:
                continue
            if once and idle:
                return
            wakeup.event.wait(pacing.pause(POLL))

    def _claim(self) -> int:
        """Give the threads that are free something to do: deliveries first, and at every other turn jobs."""
        # Whatever waits to be recorded has let go of its thread.
        free = self.concurrency - (len(self._in_flight) - self._outcomes.qsize())
        if free <= 0 or self.stopping.is_set():
            return 0
        jobs_first = self._jobs_wait and time.monotonic() - self._jobs_asked >= TURN
        taken = self._claim_jobs(-(-free // 2)) if jobs_first else 0
        if "deliveries" in self.only and taken < free:
            taken += self._take(outbox.claim(min(free - taken, BATCH)))
        self._jobs_wait = taken >= free and not jobs_first
        if taken < free and not jobs_first:
            taken += self._claim_jobs(free - taken)
        return taken

    def _claim_jobs(self, most: int) -> int:
        if "jobs" not in self.only:
            return 0
        if "deliveries" in self.only and self.concurrency > 1:
            # A job may think for a minute; whatever is sent meanwhile needs somebody.
            with self._lock:
                under_way = sum(isinstance(row, Job) for row in self._in_flight.values())
            most = min(most, self.concurrency - 1 - under_way)
        if most <= 0:
            return 0
        claimed = jobs.claim(min(most, BATCH))
        if len(claimed) < most:
            self._jobs_asked = time.monotonic()  # no more are due for now
        return self._take(claimed)

    def _take(self, claimed: Sequence[Delivery | Job]) -> int:
        # At once: what is claimed and then forgotten would count as "may have arrived".
        with self._lock:
            again = [row for row in claimed if isinstance(row, Delivery) and _key(row) in self._in_flight]
            taken = [row for row in claimed if row not in again]
            self._in_flight.update((_key(row), row) for row in taken)
        for row in taken:
            self._work.put(row)
        for row in again:
            # Its lease ran out while the database or this process stood still: what came of that call is still to be
            # recorded, or still to come, and must not find the row being sent anew.
            at = timezone.now() + timedelta(seconds=POLL)
            outbox.QUEUE.give_back(row, at, attempts=max(row.attempts - 1, 0))
        return len(taken)

    def _record(self) -> int:
        """Write what the threads have brought, together."""
        outcomes = self._gathered()
        if outcomes:
            try:
                self._persist(lambda: outbox.record_many(outcomes))
            finally:
                self._landed(row for row, _ in outcomes)
        return len(outcomes)

    def _gathered(self) -> list[tuple[Delivery, outbox.Outcome]]:
        """Return what has come back; where the first is just back, wait a moment for those that left with it."""
        outcomes: list[tuple[Delivery, outbox.Outcome]] = []
        try:
            outcomes.append(self._outcomes.get_nowait())
            until = time.monotonic() + (GATHER if self._quick else 0.0)
            with self._lock:
                away = sum(isinstance(row, Delivery) for row in self._in_flight.values())
            while len(outcomes) < min(BATCH, away):
                # As many as leave together: those that left since are waited for the next time.
                patience = until - time.monotonic() if len(outcomes) < self.concurrency else 0.0
                outcomes.append(self._outcomes.get(timeout=max(patience, 0.0)))
        except queue.Empty:
            pass
        return outcomes

    def _landed(self, rows: Iterable[Delivery | Job]) -> None:
        with self._lock:
            for row in rows:
                if self._in_flight.get(_key(row)) is row:  # not what has been claimed anew since
                    del self._in_flight[_key(row)]
                self.done += 1

    def _sweep(self) -> None:
        if "deliveries" in self.only:
            # First, or after an outage what has come would be taken for lost.
            while self._record():
                pass
            outbox.recover()
        if "jobs" in self.only:
            jobs.recover()

    def _finish(self, threads: list[threading.Thread]) -> None:
        for _ in range(self.concurrency):
            self._work.put(None)
        for thread in threads[:-1]:
            thread.join()
        try:
            while self._record():
                pass
        finally:
            with self._lock:
                self._in_flight.clear()
            threads[-1].join()
            self._sign_off()
            connections.close_all()

    # The threads

    def _thread(self) -> None:
        while (row := self._work.get()) is not None:
            try:
                if isinstance(row, Job):
                    jobs.run(row)
                    self._landed([row])
                else:
                    began = time.monotonic()
                    self._outcomes.put((row, outbox.deliver(row)))
                    self._quick = time.monotonic() - began < QUICK
            except Exception:
                # The lease runs out and another worker settles the row.
                logger.exception("A worker thread failed.")
                self._landed([row])
                connections.close_all()
            wakeup.event.set()
        connections.close_all()

    def _persist(self, write: Callable[[], Any]) -> None:
        """Write an outcome, again and again while the database is away: what was sent must not look unsent."""
        deadline = time.monotonic() + 4 * LEASE.total_seconds()
        while True:
            try:
                write()
                return
            except (OperationalError, InterfaceError):
                if time.monotonic() > deadline:
                    raise
                connections.close_all()
                time.sleep(0.2)

    def _keep_leases(self) -> None:
        while True:
            try:
                self._heartbeat()
                with self._lock:
                    rows = list(self._in_flight.values())
                for row in rows:
                    if isinstance(row, Job):
                        jobs.QUEUE.renew(row)
                    else:
                        outbox.QUEUE.renew(row)
            except Error:
                logger.debug("Leases could not be renewed this time.", exc_info=True)
                connections.close_all()
            if self.stopping.wait(RENEW):
                # What is under way keeps its lease until it is done.
                with self._lock:
                    idle = not self._in_flight
                if idle:
                    connections.close_all()
                    return
                time.sleep(0.05)

    def _heartbeat(self) -> None:
        now = timezone.now()
        seen = WorkerHeartbeat.objects.filter(pk=self.id).update(seen_at=now)
        if not seen and not self.stopping.is_set():
            WorkerHeartbeat.objects.create(id=self.id, host=socket.gethostname(), pid=os.getpid())
            WorkerHeartbeat.objects.filter(seen_at__lt=now - SILENT - timedelta(days=1)).delete()

    def _sign_off(self) -> None:
        try:
            WorkerHeartbeat.objects.filter(pk=self.id).delete()
        except Error:
            logger.debug("The heartbeat could not be removed; it will be forgotten.", exc_info=True)


def _key(row: Delivery | Job) -> tuple[str, int]:
    return type(row).__name__, row.pk


def run_until_signal(worker: Worker) -> int:
    """Run a worker in the main thread until SIGTERM or SIGINT, then let it finish what is under way."""

    def stop(number: int, frame: Any) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return worker.run()


_started = threading.Lock()
_in_process: Worker | None = None


def start_in_process(*, concurrency: int = 4) -> Worker:
    """Start a worker in this process, once; it ends with the process, and leases settle what was under way."""
    global _in_process
    with _started:
        if _in_process is None:
            _in_process = Worker(concurrency=concurrency, in_background=True)
            threading.Thread(target=_run_when_ready, args=(_in_process,), name="unicom-worker", daemon=True).start()
        return _in_process


def stop_in_process(*, patience: float = 30.0) -> None:
    """Let the worker of this process finish what is under way; nothing where there is none. Idempotent."""
    global _in_process
    with _started:
        worker, _in_process = _in_process, None
    if worker is not None:
        worker.stop()
        worker.finished.wait(patience)


def _run_when_ready(worker: Worker) -> None:
    # A job done before every app has connected its receivers would be done without them.
    apps.ready_event.wait()
    worker.run()
