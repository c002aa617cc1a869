"""Keep the keys under which a caller asked for a message, so that asking again gives the same one."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class IdempotencyKey(models.Model):
    """Tie a caller's key to the message it made."""

    id = models.BigAutoField(primary_key=True)
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="idempotency_keys")
    caller = models.CharField(max_length=300, blank=True, default="")
    """The account that sent it in, or nothing for the project's own code."""
    key = models.CharField(max_length=255)
    content = models.JSONField(default=dict)
    """A digest of each key of what was asked for, to name what differs."""
    message = models.ForeignKey("unicom.Message", null=True, on_delete=models.CASCADE, related_name="idempotency_keys")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)  # trimmed by age

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "caller", "key"], name="unicom_idempotency_once")]

    def __str__(self) -> str:
        return self.key
