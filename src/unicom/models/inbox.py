"""Keep what makes an inbound event happen once, and the raw payloads worth keeping."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class InboundReceipt(models.Model):
    """Say that an event was taken in; written in the transaction of its effect."""

    id = models.BigAutoField(primary_key=True)
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="receipts")
    key = models.CharField(max_length=300)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)  # trimmed by age

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "key"], name="unicom_receipt_once")]

    def __str__(self) -> str:
        return self.key


class Update(models.Model):
    """Keep a raw payload: one that could not be read (a dead letter), or one we do not use yet."""

    class State(models.TextChoices):
        """Say what a kept payload is."""

        DEAD = "dead", "dead letter"
        REPLAYED = "replayed"
        DISCARDED = "discarded"
        KEPT = "kept"

    id = models.BigAutoField(primary_key=True)
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="updates")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DEAD)
    body = models.BinaryField()
    digest = models.CharField(max_length=64)
    error = models.TextField(blank=True, default="")
    seen = models.PositiveIntegerField(default=1)
    """How often the same payload came."""
    created_at = models.DateTimeField(default=timezone.now)
    replayed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = "dead letter"
        constraints = [models.UniqueConstraint(fields=["channel", "digest"], name="unicom_update_once")]
        indexes = [
            # The admin's list of dead letters; trimming by age.
            models.Index(fields=["state", "-id"], name="unicom_update_state"),
            models.Index(fields=["created_at"], name="unicom_update_age"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.pk}"
