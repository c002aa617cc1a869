"""Keep jobs: what is to be done because something came in."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from unicom.models.leased import LeasedRow


class Job(LeasedRow):
    """Be one reaction that must not be lost: run receivers, fetch a file, validate a channel."""

    class State(models.TextChoices):
        """Say how far a job has come."""

        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        PARKED = "parked"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=300)
    lane = models.CharField(max_length=300, blank=True, default="")
    """Jobs of one lane start in the order of their ids; one that failed steps aside."""
    args = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(state__in=["queued", "running"]), name="unicom_job_open_once"
            ),
            models.UniqueConstraint(
                fields=["lane"], condition=Q(state="running") & ~Q(lane=""), name="unicom_job_one_a_lane"
            ),
        ]
        indexes = [
            # jobs.claim: what is due.
            models.Index(
                fields=["next_attempt_at", "id"], condition=Q(state="queued", at_front=True), name="unicom_job_claim"
            ),
            # jobs.claim and promote: is anything earlier of this lane open?
            models.Index(fields=["lane", "id"], condition=Q(state__in=["queued", "running"]), name="unicom_job_lane"),
            # jobs.recover: whose lease ran out?
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="unicom_job_lease"),
            # The admin's list of what is parked, and trimming by age.
            models.Index(fields=["state", "-id"], name="unicom_job_state"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.state}"
