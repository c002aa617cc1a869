"""Keep what a button means, on our side; the platform only sees an opaque token."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from unicom.ids import unguessable


class CallbackExecution(models.Model):
    """Be one button that calls back, clickable any number of times until it expires."""

    id = models.CharField(primary_key=True, max_length=32, default=unguessable, editable=False)
    text = models.TextField(blank=True, default="")
    callback_data = models.JSONField(null=True, blank=True)
    channel = models.ForeignKey(
        "unicom.Channel", null=True, blank=True, on_delete=models.CASCADE, related_name="callback_executions"
    )
    message = models.ForeignKey(
        "unicom.Message", null=True, blank=True, on_delete=models.CASCADE, related_name="callback_executions"
    )
    """The message that carries the button, once it is queued."""
    source_message = models.ForeignKey(
        "unicom.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """The message the button was made for, as its maker said."""
    account = models.ForeignKey(
        "unicom.Account", null=True, blank=True, on_delete=models.CASCADE, related_name="callback_executions"
    )
    """Who alone may click it; empty: whoever takes part in the chat."""
    tool_call = models.ForeignKey(
        "unicom.ToolCall", null=True, blank=True, on_delete=models.SET_NULL, related_name="callback_executions"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    clicks = models.PositiveIntegerField(default=0, editable=False)
    last_clicked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            # The admin's list; trimming of buttons that were never sent.
            models.Index(fields=["-created_at"], name="unicom_callback_newest"),
        ]

    def __str__(self) -> str:
        return self.text or self.id

    @property
    def is_expired(self) -> bool:
        """Whether its time has passed."""
        return self.expires_at is not None and self.expires_at <= timezone.now()
