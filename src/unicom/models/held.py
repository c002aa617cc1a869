"""Keep messages that wait for a person to write first."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class HeldMessage(models.Model):
    """Be the calls of a queued message that may be made once the chat's window opens."""

    message = models.OneToOneField("unicom.Message", on_delete=models.CASCADE, related_name="held")
    chat = models.ForeignKey("unicom.Chat", on_delete=models.CASCADE, related_name="held_messages")
    parts = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.message_id
