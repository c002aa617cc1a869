"""Keep tool calls: what a language model asked for, and when and how it was answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

from unicom.ids import unguessable

if TYPE_CHECKING:
    from unicom.models.message import Message
    from unicom.models.request import Request


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
    answered_in = models.ForeignKey(
        "unicom.Request", null=True, blank=True, on_delete=models.SET_NULL, related_name="answered_calls"
    )
    """The child request that the answer, or the last one beside it, has made."""
    progress_updates_for_user = models.TextField(blank=True, default="")
    result_status = models.CharField(max_length=20, blank=True, default="")
    raw = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    responded_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    """When it is answered with an error, if nobody has answered it."""
    is_running = models.BooleanField(default=False, editable=False)
    """The tool's function is under way; found so by another worker, it was interrupted."""

    class Meta:
        ordering = ("id",)
        indexes = [
            # Is any call of this request still open?
            models.Index(fields=["request", "status"], name="unicom_toolcall_open"),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} ({self.status})"

    def respond(self, result: Any) -> tuple[Message | None, Request | None]:
        """Answer the call; returns what was logged and, where this was the last open call, the child request.

        An ACTIVE call reports: no child, any number of times. The same answer twice is one; another raises
        ToolCallAnswered, and what is not JSON InvalidTool. From any process, at any time.
        """
        from unicom.llm import tool_calls

        return tool_calls.respond(self, result)

    def fail(self, reason: str) -> tuple[Message | None, Request | None]:
        """Answer the call with an error; as :meth:`respond`."""
        from unicom.llm import tool_calls

        return tool_calls.fail(self, reason)

    def mark_active(self) -> None:
        """Have the call report any number of times from now on; nobody waits for it any more."""
        from unicom.llm import tool_calls

        tool_calls.mark_active(self)

    def mark_in_progress(self, *, deadline: datetime | None = None) -> None:
        """Say that the answer will come later, and by when."""
        from unicom.llm import tool_calls

        tool_calls.mark_in_progress(self, deadline=deadline)

    def finish(self) -> None:
        """End a call that is ACTIVE; what it reported stays."""
        from unicom.llm import tool_calls

        tool_calls.finish(self)
