"""Keep how far each rate limit is used up; one row a key."""

from __future__ import annotations

from django.db import models


class Pace(models.Model):
    """Be one limit of one channel or chat: GCRA's theoretical arrival time, and since when it is closed altogether."""

    key = models.CharField(primary_key=True, max_length=320)
    channel = models.ForeignKey("unicom.Channel", null=True, blank=True, on_delete=models.CASCADE, related_name="paces")
    """Set on the key of a whole channel, which the claim passes over until :attr:`open_at`."""
    tat = models.FloatField(default=0.0)
    """Theoretical arrival time of the next slot, in seconds of the database's clock."""
    open_at = models.FloatField(default=0.0)
    """When the next slot can be had."""
    refused_at = models.FloatField(default=0.0)
    """When the platform last said "too many requests"."""
    refused_chat = models.CharField(max_length=300, blank=True, default="")

    held_for = models.BigIntegerField(null=True, blank=True)
    """The delivery of the album for which a channel is kept quiet until :attr:`held_until`."""
    held_until = models.FloatField(default=0.0)

    class Meta:
        indexes = [
            # Forget keys that have been free for long.
            models.Index(fields=["open_at"], name="unicom_pace_open"),
        ]

    def __str__(self) -> str:
        return self.key
