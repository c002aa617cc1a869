"""Be where Celery looks for an app's tasks."""

from __future__ import annotations

from unicom.executors.celery import pursue, sweep

__all__ = ["pursue", "sweep"]
