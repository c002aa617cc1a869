"""Hurry what was just committed through the engine the project has.

The rows are the truth: an engine that loses, doubles or reorders a wake-up harms nothing, for whoever looks takes what
is due by the same claim, and a sweep finds what nobody was told of.
"""

from __future__ import annotations

import logging

from django.utils import timezone

from unicom import wakeup
from unicom.conf import settings

logger = logging.getLogger("unicom")


def hurry(*, chat_id: str = "", kind: str = "", key: str = "") -> None:
    """Have the engine look at a chat or a job; only a hint, so an engine that is away is noted and no error."""
    executor = settings.UNICOM_EXECUTOR
    if executor == "worker":
        wakeup.notify()
        return
    try:
        if executor == "celery":
            from unicom.executors import celery

            celery.send(chat_id, kind, key)
        else:
            from unicom.executors import background

            background.send(chat_id, kind, key)
    except Exception as error:
        # A broker's errors are as many as there are brokers. The sweep finds the rows.
        logger.warning("The %s executor could not be told of work (%s); a sweep finds it.", executor, error)


def pursue(chat_id: str = "", kind: str = "", key: str = "") -> float | None:
    """Do what is due of a chat or a job; returns in how many seconds it wants to be looked at again, else None.

    Only who found something due is asked to come again, so a hundred wake-ups of one chat do not become a hundred more.
    """
    from unicom import jobs, outbox
    from unicom.models import Delivery, Job

    if chat_id:
        rows = Delivery.objects.filter(chat_id=chat_id, state=outbox.QUEUE.waiting, at_front=True)
        outbox.QUEUE.promote(chat_id)
    else:
        rows = Job.objects.filter(kind=kind, key=key, state=jobs.QUEUE.waiting)  # type: ignore[assignment]
    if not rows.filter(next_attempt_at__lte=timezone.now()).exists():
        return None
    if chat_id:
        outbox.run_chat(chat_id)
    else:
        jobs.run_now(kind, key)
    later = rows.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    wait = (later - timezone.now()).total_seconds() if later else 0.0
    return wait if wait > 0 else None


def sweep() -> int:
    """Do whatever is due, settle what a crash left behind, and trim what is old; returns how many rows it worked on.

    To be run every few seconds where no ``unicom_worker`` runs. Any number may run at once.
    """
    from unicom import trimming
    from unicom.worker import Worker

    done = Worker(concurrency=SWEEPERS).run(once=True)
    trimming.trim(batches=1)
    return done


SWEEPERS = 4
"""How many calls a sweep makes at a time."""
