"""Keep drafts: messages prepared, to be approved, or to be sent at a time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class DraftMessage(models.Model):
    """Be a message that is not sent yet."""

    class Status(models.TextChoices):
        """Say how far a draft has come; ``sent`` means handed to the outbox."""

        DRAFT = "draft"
        SCHEDULED = "scheduled"
        SENT = "sent"
        FAILED = "failed"
        CANCELLED = "cancelled"

    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="drafts")
    chat_id = models.CharField(max_length=300, blank=True, default="")
    to = models.JSONField(default=list, blank=True)
    cc = models.JSONField(default=list, blank=True)
    bcc = models.JSONField(default=list, blank=True)
    subject = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    buttons = models.JSONField(default=list, blank=True)
    reply_to_message_id = models.CharField(max_length=64, blank=True, default="")
    render_template = models.BooleanField(default=True)
    render_variables = models.JSONField(default=dict, blank=True)
    send_at = models.DateTimeField(null=True, blank=True)
    is_approved = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    cancel_on_reply = models.BooleanField(default=False)
    error = models.TextField(blank=True, default="", editable=False)
    message = models.ForeignKey(
        "unicom.Message", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="drafts"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            # The scheduler's claim: what is approved and due.
            models.Index(
                fields=["send_at", "id"],
                condition=models.Q(status="scheduled", is_approved=True),
                name="unicom_draft_due",
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.text[:50] or f"draft {self.pk}"
