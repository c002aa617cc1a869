"""Keep tool calls: what a language model asked for, and when and how it was answered."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from unicom.ids import unguessable


class ToolCall(models.Model):
    """Be one call of a tool; ``call_id`` is ours and unique, the provider's is in ``raw``."""

    class Status(models.TextChoices):
        """Say how far a call has come."""

        PENDING = "PENDING"
        IN_PROGRESS = "IN_PROGRESS"
        ACTIVE = "ACTIVE"
        COMPLETED = "COMPLETED"
        ERROR = "ERROR"
        INTERRUPTED = "INTERRUPTED"

    call_id = models.CharField(max_length=100, unique=True, default=unguessable)
    request = models.ForeignKey("unicom.Request", null=True, on_delete=models.CASCADE, related_name="tool_calls")
    chat = models.ForeignKey("unicom.Chat", null=True, on_delete=models.CASCADE, related_name="tool_calls")
    tool_name = models.CharField(max_length=255)
    arguments = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=15, choices=Status.choices, default=Status.PENDING)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    call_message = models.ForeignKey(
        "unicom.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="called_tools"
    )
    initial_user_message = models.ForeignKey(
        "unicom.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    progress_updates_for_user = models.TextField(blank=True, default="")
    result_status = models.CharField(max_length=20, blank=True, default="")
    raw = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    responded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        indexes = [
            # Is any call of this request still open?
            models.Index(fields=["request", "status"], name="unicom_toolcall_open"),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} ({self.status})"
