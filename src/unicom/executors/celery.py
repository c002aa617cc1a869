"""Run work as Celery tasks; a project's Celery app finds them by ``autodiscover_tasks()``."""

from __future__ import annotations

from celery import shared_task

from unicom import executors


@shared_task(name="unicom.pursue", ignore_result=True)  # type: ignore[untyped-decorator]
def pursue(chat_id: str = "", kind: str = "", key: str = "") -> None:
    """Do what is due of a chat or a job, and look again when the rest of it is."""
    later = executors.pursue(chat_id, kind, key)
    if later is not None:
        pursue.apply_async((chat_id, kind, key), countdown=later)


@shared_task(name="unicom.sweep", ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Do whatever is due; to be scheduled every few seconds."""
    executors.sweep()


def send(chat_id: str, kind: str, key: str) -> None:
    """Queue a look; raises what the broker raises, without trying again: the caller is a web request."""
    pursue.apply_async((chat_id, kind, key), retry=False)
