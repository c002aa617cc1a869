"""Define what every row that is work to be done has in common: a due time, a lease and a fence."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class LeasedRow(models.Model):
    """Be a piece of work: due at a time, held under a lease, its result written only under the claim's fence."""

    attempts = models.PositiveIntegerField(default=0, editable=False)
    crashes = models.PositiveIntegerField(default=0, editable=False)
    """How often a lease ran out with no result."""
    next_attempt_at = models.DateTimeField(default=timezone.now, null=True, blank=True)
    at_front = models.BooleanField(default=True, editable=False)
    """A hint that nothing earlier of its lane is open; the claim makes sure."""
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    fence = models.PositiveBigIntegerField(default=0, editable=False)
    """Rises with each claim and recovery; a result is written only if it still is the claim's."""
    claimed_by = models.CharField(max_length=64, blank=True, default="", editable=False)
    error = models.TextField(blank=True, default="")
    error_code = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    held_until: float = 0.0
    """How long the claim holds, by the monotonic clock of the process that made it; not stored."""

    class Meta:
        abstract = True
