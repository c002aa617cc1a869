"""Claim rows of work under a lease and write their result under a fence; the same for deliveries and jobs.

A claim is a short transaction: look for what is due, take it with a conditional UPDATE, read back what was taken.
PostgreSQL's SKIP LOCKED only saves waiting. Each claim raises the row's fence; whoever lost the lease writes nothing.
Leases run by the database's clock, so that machines need not agree on the time; SQLite's is this machine's.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from django.db import DatabaseError, IntegrityError, connections, router, transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from unicom.models.leased import LeasedRow

Row = TypeVar("Row", bound=LeasedRow)

LEASE = timedelta(seconds=30)
BATCH = 10
MAX_CRASHES = 3


def _now(database: str) -> Any:
    return Now() if connections[database].vendor == "postgresql" else timezone.now()


def _lease_from_now(database: str) -> Any:
    now = _now(database)
    return ExpressionWrapper(now + LEASE, output_field=DateTimeField()) if isinstance(now, Now) else now + LEASE


@runtime_checkable
class Candidates(Protocol):
    """Be a prepared look for what is due, for where it is asked many times a second."""

    def primary_keys(self, database: str, limit: int) -> list[int]:
        """Return the keys of due rows whose lane is free, locked where the database can."""
        ...


@dataclass(frozen=True, kw_only=True)
class Queue(Generic[Row]):
    """Be one table of work: what its states are called, what its lanes are, and what holds a lane."""

    model: type[Row]
    waiting: str
    running: str
    lane: str
    """The column whose equal values are worked on one after the other; an empty value is no lane."""
    holds: Q
    """Which earlier waiting rows of a lane hold the later ones."""
    empty_is_no_lane: bool = False

    def rows(self) -> QuerySet[Row]:
        """Return all rows."""
        return self.model._default_manager.all()

    def due(self) -> QuerySet[Row]:
        """Return what may be claimed now, as far as one row can tell."""
        return self.rows().filter(state=self.waiting, at_front=True, next_attempt_at__lte=timezone.now())

    def claim(
        self,
        *candidates: QuerySet[Row] | Candidates,
        limit: int = BATCH,
        loaded: Callable[[str, Sequence[int], str], list[Row]] | None = None,
        admit: Callable[[Sequence[Row]], Mapping[int, float | None]] = lambda rows: {},
    ) -> list[Row]:
        """Take up to ``limit`` rows whose lane is free, a fair share of each of ``candidates``, each under a new fence.

        ``loaded`` reads those of the keys that the token has taken, in their order, with what belongs to them;
        ``admit`` tells which of them have to wait after all, and for how many seconds; None: until it is asked
        again, without losing their turn.
        """
        limit = min(limit, BATCH)
        if not candidates:
            return []
        try:
            return self._claim(candidates, limit, loaded, admit)
        except IntegrityError:
            # Two rows of one lane became due at once, and another worker took the other. One by one, then.
            claimed: list[Row] = []
            for candidate in candidates:
                found: Sequence[Any] = (
                    candidate.primary_keys(router.db_for_write(self.model), limit)
                    if isinstance(candidate, Candidates)
                    else list(candidate.values_list("pk", flat=True)[:limit])
                )
                for pk in found[: limit - len(claimed)]:
                    try:
                        claimed += self._claim([self.due().filter(pk=pk)], 1, loaded, admit)
                    except IntegrityError:
                        continue
            return claimed

    def _claim(
        self,
        candidates: Sequence[QuerySet[Row] | Candidates],
        limit: int,
        loaded: Callable[[str, Sequence[int], str], list[Row]] | None,
        admit: Callable[[Sequence[Row]], Mapping[int, float | None]],
    ) -> list[Row]:
        database = router.db_for_write(self.model)
        share = -(-limit // max(len(candidates), 1))
        began = time.monotonic()
        with transaction.atomic(using=database, durable=True):
            chosen: list[Any] = []
            for candidate in candidates:
                most = min(share, limit - len(chosen))
                if isinstance(candidate, Candidates):
                    chosen += candidate.primary_keys(database, most)
                else:
                    chosen += self.locked(self.free(candidate.using(database)), database)[:most]
                if len(chosen) >= limit:
                    break
            if not chosen:
                return []
            token = uuid.uuid4().hex
            rows = []
            if self._take(database, chosen, token):
                rows = loaded(database, chosen, token) if loaded else self._taken(database, chosen, token)
            waiting = admit(rows) if rows else {}
            for row in rows:
                if row.pk in waiting:
                    wait = waiting[row.pk]
                    at = row.next_attempt_at if wait is None else timezone.now() + timedelta(seconds=wait)
                    self.give_back(row, at, attempts=row.attempts - 1)
        held = [row for row in rows if row.pk not in waiting]
        for row in held:
            row.held_until = began + LEASE.total_seconds()
        return held

    def _take(self, database: str, chosen: Sequence[int], token: str) -> int:
        connection = connections[database]
        name = connection.ops.quote_name
        seconds = int(LEASE.total_seconds())
        until, values = f"STATEMENT_TIMESTAMP() + INTERVAL '{seconds} seconds'", []
        if connection.vendor != "postgresql":
            until, values = "%s", [connection.ops.adapt_datetimefield_value(timezone.now() + LEASE)]
        with connection.cursor() as cursor:
            cursor.execute(  # names and words come from the model and this class, values travel as parameters
                f"UPDATE {name(self.model._meta.db_table)} SET state = '{self.running}', claimed_by = %s, "  # noqa: S608
                f"fence = fence + 1, attempts = attempts + 1, lease_until = {until} "
                f"WHERE id IN ({', '.join(['%s'] * len(chosen))}) AND state = '{self.waiting}'",
                [token, *values, *chosen],
            )
            return int(cursor.rowcount)

    def _taken(self, database: str, chosen: Sequence[int], token: str) -> list[Row]:
        return list(self.rows().using(database).filter(pk__in=chosen, claimed_by=token).order_by("pk"))

    def locked(self, candidates: QuerySet[Row], database: str) -> QuerySet[Row, Any]:
        """Return the keys of ``candidates``, passing over rows that another claim holds where the database can."""
        if connections[database].features.has_select_for_update_skip_locked:
            candidates = candidates.select_for_update(skip_locked=True, of=("self",))
        return candidates.values_list("pk", flat=True)

    def free(self, candidates: QuerySet[Row]) -> QuerySet[Row]:
        """Return those of ``candidates`` whose lane nobody works on, and in which nothing that holds them comes before.

        Two questions, not one with an "or": each is then one look into an index, however long the lane is.
        """
        lane = self.rows().filter(**{self.lane: OuterRef(self.lane)})
        if self.empty_is_no_lane:
            lane = lane.exclude(**{self.lane: ""})
        earlier = lane.filter(self.holds, state=self.waiting, pk__lt=OuterRef("pk"))
        return candidates.filter(~Exists(lane.filter(state=self.running)), ~Exists(earlier))

    def mine(self, row: Row) -> QuerySet[Row]:
        """Return the row as long as the claim still holds; updating it is writing under the fence."""
        return self.rows().filter(pk=row.pk, fence=row.fence, state=self.running)

    def renew(self, row: Row) -> bool:
        """Lengthen the lease while the work runs; False once it is lost."""
        began = time.monotonic()
        renewed = bool(self.mine(row).update(lease_until=_lease_from_now(router.db_for_write(self.model))))
        row.held_until = began + LEASE.total_seconds() if renewed else 0.0
        return renewed

    @contextmanager
    def kept(self, row: Row) -> Iterator[None]:
        """Renew the lease from a thread while the block runs, if it takes long; for work outside the worker."""
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(LEASE.total_seconds() / 3):
                try:
                    self.renew(row)
                except DatabaseError:
                    connections.close_all()
            connections.close_all()

        # Most work is done long before its lease needs renewing, and then this thread has never run.
        timer = threading.Timer(LEASE.total_seconds() / 3, keep)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            ended.set()
            timer.cancel()

    def is_held(self, row: Row) -> bool:
        """Tell by this machine's own clock whether the lease still runs, so that a late sleeper does nothing."""
        return time.monotonic() < row.held_until

    def give_back(self, row: Row, at: Any, **values: Any) -> bool:
        """Let the row wait until ``at``."""
        return bool(
            self.mine(row).update(
                state=self.waiting, claimed_by="", lease_until=None, next_attempt_at=at, at_front=True, **values
            )
        )

    def recover(self, settle: Callable[[Row], None], limit: int = 100, **among: Any) -> int:
        """Hand each row whose lease ran out to ``settle``, with a new fence, so that its worker can write no more."""
        database = router.db_for_write(self.model)
        lost = list(
            self.rows()
            .using(database)
            .filter(state=self.running, lease_until__lt=_now(database), **among)
            .order_by("pk")[:limit]
        )
        count = 0
        for row in lost:
            won = (
                self.mine(row)
                .filter(lease_until=row.lease_until)
                .update(fence=F("fence") + 1, crashes=F("crashes") + 1, lease_until=_lease_from_now(database))
            )
            if won:
                row.refresh_from_db()
                settle(row)
                count += 1
        return count

    def promote(self, *lanes: Any) -> None:
        """Bring the earliest waiting row of each lane to the front."""
        database = router.db_for_write(self.model)
        name = connections[database].ops.quote_name
        table, column = name(self.model._meta.db_table), name(self._column)
        first = f"(SELECT id FROM {table} WHERE {column} = %s AND state = '{self.waiting}' ORDER BY id LIMIT 1)"  # noqa: S608
        with connections[database].cursor() as cursor:
            cursor.execute(  # names come from the model, values travel as parameters
                f"UPDATE {table} SET at_front = %s WHERE id IN ({', '.join([first] * len(lanes))}) AND at_front = %s",  # noqa: S608
                [True, *lanes, False],
            )

    @property
    def _column(self) -> str:
        return str(self.model._meta.get_field(self.lane).column)  # type: ignore[union-attr]

    def promote_orphans(self) -> int:
        """Bring the earliest row of every lane to the front, where a crash kept whoever should have from it.

        Reads what waits once, and looks into the lanes in which something is not at the front: of a campaign, none.
        """
        database = router.db_for_write(self.model)
        name = connections[database].ops.quote_name
        table, lane = name(self.model._meta.db_table), name(self._column)
        with connections[database].cursor() as cursor:
            cursor.execute(  # every name and word comes from the model and this class
                f"UPDATE {table} SET at_front = %s "  # noqa: S608
                f"WHERE state = '{self.waiting}' AND NOT at_front AND id IN (SELECT ("
                f"SELECT MIN(one.id) FROM {table} one WHERE one.{lane} = held.{lane} "
                f"AND one.state IN ('{self.waiting}', '{self.running}')) "
                f"FROM (SELECT DISTINCT {lane} FROM {table} WHERE state = '{self.waiting}' AND NOT at_front) held)",
                [True],
            )
            return int(cursor.rowcount)
