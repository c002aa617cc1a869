"""Run work as Django tasks, on whatever backend the project has chosen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import django
from django.utils import timezone

if TYPE_CHECKING or django.VERSION >= (6, 0):
    from django.tasks import task, task_backends
else:
    from django_tasks import task, task_backends  # the same, under the name it had before

from unicom import executors


@task()
def pursue(chat_id: str = "", kind: str = "", key: str = "") -> None:
    """Do what is due of a chat or a job, and look again when the rest of it is, where the backend can wait."""
    later = executors.pursue(chat_id, kind, key)
    if later is not None and task_backends["default"].supports_defer:
        pursue.using(run_after=timezone.now() + timedelta(seconds=later)).enqueue(chat_id, kind, key)


@task()
def sweep() -> None:
    """Do whatever is due."""
    executors.sweep()


def send(chat_id: str, kind: str, key: str) -> None:
    """Queue a look; raises what the backend raises."""
    pursue.enqueue(chat_id, kind, key)


def runs_inline() -> bool:
    """Tell whether the backend runs tasks where they are queued, or not at all, as Django's own default does."""
    return type(task_backends["default"]).__name__ in ("ImmediateBackend", "DummyBackend")
