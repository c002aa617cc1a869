"""Keep requests: what a message asks of us, and how far that has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

from unicom.ids import uuid7

if TYPE_CHECKING:
    from unicom.models.tool_call import ToolCall


class RequestCategory(models.Model):
    """Sort requests; ``processing_function`` decides, in restricted Python, whether one belongs here."""

    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="subcategories")
    sequence = models.IntegerField(default=0, help_text="Categories are tried in this order.")
    is_active = models.BooleanField(default=True)
    processing_function = models.TextField(
        blank=True,
        default="",
        help_text="def process(request): … returning True where the request belongs here. Runs restricted.",
    )
    channels = models.ManyToManyField(
        "unicom.Channel", blank=True, related_name="request_categories", help_text="Empty: every channel."
    )
    members = models.ManyToManyField(
        "unicom.Member", blank=True, related_name="request_categories", help_text="Who may ask; see also groups."
    )
    groups = models.ManyToManyField("unicom.MemberGroup", blank=True, related_name="request_categories")
    is_public = models.BooleanField(default=True, help_text="Anybody may ask, member or not.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("sequence", "id")
        verbose_name_plural = "request categories"

    def __str__(self) -> str:
        return self.name


class Request(models.Model):
    """Be one thing to be answered; who handles it completes it."""

    class Status(models.TextChoices):
        """Say how far a request has come."""

        PENDING = "PENDING"
        IDENTIFYING = "IDENTIFYING"
        CATEGORIZING = "CATEGORIZING"
        QUEUED = "QUEUED"
        PROCESSING = "PROCESSING"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"

    id = models.CharField(primary_key=True, max_length=64, default=uuid7)
    message = models.ForeignKey("unicom.Message", null=True, on_delete=models.CASCADE, related_name="requests")
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="requests")
    chat = models.ForeignKey("unicom.Chat", null=True, on_delete=models.CASCADE, related_name="requests")
    account = models.ForeignKey("unicom.Account", null=True, on_delete=models.CASCADE, related_name="requests")
    member = models.ForeignKey(
        "unicom.Member", null=True, blank=True, on_delete=models.SET_NULL, related_name="requests"
    )
    category = models.ForeignKey(
        RequestCategory, null=True, blank=True, on_delete=models.SET_NULL, related_name="requests"
    )
    parent_request = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="child_requests"
    )
    initial_request = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="descendant_requests"
    )
    status = models.CharField(max_length=15, choices=Status.choices, default=Status.PENDING)
    error = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    llm = models.JSONField(default=dict, blank=True, editable=False)
    """How a language model is to answer it; children inherit it."""
    tool_call_count = models.PositiveIntegerField(default=0)
    llm_calls_count = models.PositiveIntegerField(default=0)
    llm_token_usage = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)  # ids are ordered by time
        indexes = [
            # The admin's list, and a project's own loop over what is QUEUED.
            models.Index(fields=["status", "-created_at"], name="unicom_request_status"),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.status}"

    def submit_tool_calls(self, calls: Iterable[Mapping[str, Any]]) -> list[ToolCall]:
        """Write calls ``{name, arguments, id?}``, to be answered with ``respond``; the last answer makes one child.

        Raises InvalidTool naming every bad key, with nothing saved.
        """
        from unicom.llm import tool_calls

        return tool_calls.submit(self, calls)
