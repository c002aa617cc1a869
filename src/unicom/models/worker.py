"""Keep a heartbeat of every worker, so that a silent one is noticed."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class WorkerHeartbeat(models.Model):
    """Be one running worker; removed when it ends in order."""

    id = models.CharField(primary_key=True, max_length=64)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)  # workers_alive, and forgetting the dead

    class Meta:
        ordering = ("started_at",)

    def __str__(self) -> str:
        return f"{self.host}/{self.pid}"
