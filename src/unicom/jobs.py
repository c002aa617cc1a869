"""Be the one seam for "run later": durable jobs, and whoever hurries what is due after a commit."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, router, transaction
from django.db.models import Q
from django.utils import timezone

from unicom import executors
from unicom.conf import settings
from unicom.leases import MAX_CRASHES, Queue
from unicom.models import Job
from unicom.rows import insert_if_absent

logger = logging.getLogger("unicom")

Handler = Callable[[dict[str, Any]], None]
SlowHandler = Callable[[dict[str, Any]], Callable[[], None] | None]
_handlers: dict[str, Handler] = {}
_slow_handlers: dict[str, SlowHandler] = {}
_running: ContextVar[Job | None] = ContextVar("unicom_running_job", default=None)

QUEUE: Queue[Job] = Queue(
    model=Job,
    waiting=Job.State.QUEUED,
    running=Job.State.RUNNING,
    lane="lane",
    empty_is_no_lane=True,
    holds=Q(attempts=0),  # a job that failed steps aside, so that one bad message does not silence its chat
)


class RetryLater(Exception):
    """Ask from within a job to be run again after a while, without counting it as a failure."""

    def __init__(self, after: timedelta) -> None:
        super().__init__(f"again in {after}")
        self.after = after


def job(kind: str) -> Callable[[Handler], Handler]:
    """Register the function that does jobs of a kind; it runs in the transaction that marks the job done."""

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        return handler

    return register


def slow_job(kind: str) -> Callable[[SlowHandler], SlowHandler]:
    """Register the function that does jobs of a kind that talk with others over the network.

    It runs outside any transaction, so that nobody waits for what it has locked, and may run twice; what it returns is
    called in the transaction that marks the job done.
    """

    def register(handler: SlowHandler) -> SlowHandler:
        _slow_handlers[kind] = handler
        return handler

    return register


def _load_handlers() -> None:
    # Handlers live beside what they do; importing those files registers them.
    import unicom.fetching
    import unicom.llm.turn
    import unicom.merging
    import unicom.platform_templates
    import unicom.reactions  # noqa: F401


def enqueue(kind: str, key: str, args: dict[str, Any], *, lane: str = "", delay: timedelta | None = None) -> None:
    """Write a job in the caller's transaction and have it run after the commit; nothing where the same one is open."""
    due = timezone.now() + (delay or timedelta(0))
    insert_if_absent(Job(kind=kind, key=key, args=args, lane=lane, next_attempt_at=due))
    if delay is None:
        wake(job=(kind, key))


def hurry(kind: str, key: str) -> None:
    """Make a job due that waits for something, once the caller's transaction is committed; nothing where none waits."""
    if Job.objects.filter(kind=kind, key=key, state=Job.State.QUEUED).update(next_attempt_at=timezone.now()):
        wake(job=(kind, key))


def wake(*, job: tuple[str, str] | None = None, chat_id: str = "", is_local: bool = False) -> None:
    """Hurry what was just written, once it is committed. A lost wake-up does no harm: a sweep finds the rows."""
    transaction.on_commit(lambda: _hurry(job, chat_id, is_local=is_local), robust=True)


def wake_chats(chat_ids: Collection[str], *, is_local: bool = False) -> None:
    """Hurry what was just written to several chats, as :func:`wake` does for one."""
    if settings.UNICOM_EXECUTOR == "inline" or is_local:
        for chat_id in chat_ids:
            wake(chat_id=chat_id, is_local=is_local)
    elif chat_ids:
        transaction.on_commit(partial(_promote, tuple(chat_ids)), robust=True)


def _promote(chat_ids: Collection[str]) -> None:
    from unicom import outbox

    outbox.QUEUE.promote(*chat_ids)
    for chat_id in chat_ids:
        executors.hurry(chat_id=chat_id)


def _hurry(job: tuple[str, str] | None, chat_id: str, *, is_local: bool) -> None:
    from unicom import outbox

    if settings.UNICOM_EXECUTOR == "inline" or is_local:
        if chat_id:
            outbox.run_chat(chat_id)
        if job is not None:
            run_now(*job)
        return
    if chat_id:
        outbox.QUEUE.promote(chat_id)
        executors.hurry(chat_id=chat_id)
    if job is not None:
        executors.hurry(kind=job[0], key=job[1])


def run_now(kind: str, key: str) -> None:
    """Run one job, if it is due and nobody else has it; then what waited behind it in its lane."""
    this = QUEUE.due().filter(kind=kind, key=key)
    claimed = QUEUE.claim(this, limit=1)
    if not claimed and (lane := this.values_list("lane", flat=True).first()) and QUEUE.recover(_settle, lane=lane):
        # Where no worker sweeps, a process that was killed must not have silenced the lane for ever.
        claimed = _next_in(lane)
    while claimed:
        row = claimed[0]
        with QUEUE.kept(row):
            run(row)
        # Look once more: one committed while this ran found the lane taken, and nobody else comes for it.
        claimed = _next_in(row.lane)


def _next_in(lane: str) -> list[Job]:
    return QUEUE.claim(QUEUE.due().filter(lane=lane, attempts=0).order_by("id"), limit=1) if lane else []


def claim(limit: int) -> list[Job]:
    """Take due jobs, the oldest first."""
    return QUEUE.claim(QUEUE.due().order_by("next_attempt_at", "id"), limit=limit)


def run(row: Job) -> bool:
    """Do a claimed job: its effects and "done" commit together; True if they did."""
    _load_handlers()
    token = _running.set(row)
    try:
        finish = _begun(row)
        with transaction.atomic(using=router.db_for_write(Job)):
            finish()
            done = QUEUE.mine(row).update(
                state=Job.State.DONE, finished_at=timezone.now(), lease_until=None, claimed_by="", error=""
            )
            if not done:
                raise LeaseLost
        return True
    except LeaseLost:
        logger.warning("Job %s took longer than its lease; what it wrote was undone.", row.pk)
    except RetryLater as later:
        QUEUE.give_back(row, timezone.now() + later.after, attempts=max(row.attempts - 1, 0))
    except Exception as error:
        logger.exception("Job %s (%s) failed.", row.pk, row.kind)
        _failed(row, f"{type(error).__name__}: {error}")
    finally:
        _running.reset(token)
    return False


def hold() -> None:
    """Make sure, within a transaction, that what a slow job writes before its end is still its to write.

    Raises LeaseLost where another worker has taken the job over meanwhile; outside any job there is nothing to lose.
    """
    row = _running.get()
    if row is not None and not QUEUE.mine(row).select_for_update().values_list("pk", flat=True).first():
        raise LeaseLost


def _begun(row: Job) -> Callable[[], None]:
    """Do what of a job needs no transaction, and return what does."""
    if row.kind in _slow_handlers:
        return _slow_handlers[row.kind](row.args) or (lambda: None)
    handler = _handlers.get(row.kind)
    if handler is None:
        raise LookupError(f"No handler for jobs of kind {row.kind!r}.")
    return partial(handler, row.args)


class LeaseLost(Exception):
    """Undo what was written by a job whose lease another worker holds."""


def _failed(row: Job, reason: str) -> None:
    if row.attempts >= settings.UNICOM_JOB_ATTEMPTS:
        QUEUE.mine(row).update(state=Job.State.PARKED, finished_at=timezone.now(), error=reason, lease_until=None)
        logger.error("Job %s (%s) is parked after %s attempts.", row.pk, row.kind, row.attempts)
    else:
        QUEUE.give_back(row, timezone.now() + backoff(row.attempts), error=reason)


def run_again(row: Job) -> bool:
    """Queue a parked job anew, with all its attempts; False where it is not parked. A person's decision."""
    try:
        with transaction.atomic():
            changed = Job.objects.filter(pk=row.pk, state=Job.State.PARKED).update(
                state=Job.State.QUEUED,
                attempts=0,
                crashes=0,
                next_attempt_at=timezone.now(),
                finished_at=None,
                claimed_by="",
            )
            if changed:
                wake(job=(row.kind, row.key))
    except IntegrityError:
        return False  # the same job was written anew meanwhile
    return bool(changed)


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 1, 2, 4 … 300 seconds, a little scattered."""
    return timedelta(seconds=min(2 ** max(attempts - 1, 0), 300) * random.uniform(0.9, 1.1))  # noqa: S311


def recover() -> int:
    """Take up jobs whose worker died; one that keeps killing its worker is parked."""
    return QUEUE.recover(_settle)


def _settle(row: Job) -> None:
    if row.crashes >= MAX_CRASHES:
        reason = f"parked: its worker died {row.crashes} times while doing it"
        QUEUE.mine(row).update(state=Job.State.PARKED, finished_at=timezone.now(), error=reason, lease_until=None)
        logger.error("Job %s (%s) is %s.", row.pk, row.kind, reason)
    else:
        QUEUE.give_back(row, timezone.now(), error="its worker died while doing it")
