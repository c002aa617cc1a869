"""Keep how people react to messages."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Reaction(models.Model):
    """Be one reaction of one person to one message, whoever wrote it."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey("unicom.Message", on_delete=models.CASCADE, related_name="reactions")
    account = models.ForeignKey("unicom.Account", on_delete=models.CASCADE, related_name="reactions")
    emoji = models.CharField(max_length=100)
    """The emoji, or the platform's own word for what is none."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = [models.UniqueConstraint(fields=["message", "account", "emoji"], name="unicom_reaction_once")]

    def __str__(self) -> str:
        return f"{self.emoji} {self.account_id}"
