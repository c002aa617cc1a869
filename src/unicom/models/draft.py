"""Keep drafts: messages prepared, to be approved, or to be sent at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from unicom.media import chat_storage, upload_path

if TYPE_CHECKING:
    from unicom.models.message import Message


class DraftMessage(models.Model):
    """Be a message that is not sent yet; approved with a time it is scheduled, and may be changed until it is due."""

    class Status(models.TextChoices):
        """Say how far a draft has come; ``sent`` means handed to the outbox."""

        DRAFT = "draft"
        SCHEDULED = "scheduled"
        SENT = "sent"
        FAILED = "failed"
        CANCELLED = "cancelled"

    # A draft outlives its channel: that it could not be sent has to be said, not to vanish.
    channel = models.ForeignKey("unicom.Channel", null=True, on_delete=models.SET_NULL, related_name="drafts")
    chat_id = models.CharField(max_length=300, blank=True, default="")
    to = models.JSONField(default=list, blank=True)
    cc = models.JSONField(default=list, blank=True)
    bcc = models.JSONField(default=list, blank=True)
    subject = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    buttons = models.JSONField(default=list, blank=True)
    reply_to_message_id = models.CharField(max_length=64, blank=True, default="")
    render_template = models.BooleanField(
        default=True,
        help_text="Fill in {{ … }}. Off where the text is somebody else's: what people write is never a template.",
    )
    render_variables = models.JSONField(default=dict, blank=True, help_text="What {{ variables.… }} stands for.")
    send_at = models.DateTimeField(null=True, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    """Between these hours of the recipient's day it waits."""
    is_approved = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    cancel_on_reply = models.BooleanField(
        default=False, help_text="Do not send it once the recipient has written by themselves."
    )
    error = models.TextField(blank=True, default="", editable=False)
    """Why it failed or was cancelled."""
    message = models.ForeignKey(
        "unicom.Message", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="drafts"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    postponed_from = models.DateTimeField(null=True, blank=True, editable=False)
    """When it should have been sent, had that not been within the quiet hours."""
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    late_by = models.DurationField(null=True, blank=True, editable=False)
    """How long after its time it was handed over."""

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False)
                & ~models.Q(quiet_from=models.F("quiet_until")),
                name="unicom_draft_quiet",
                violation_error_message="Give both ends of the quiet hours, and not the same one.",
            ),
        ]
        indexes = [
            # The scheduler's claim: what is approved and due.
            models.Index(
                fields=["send_at", "id"],
                condition=models.Q(status="scheduled", is_approved=True),
                name="unicom_draft_due",
            ),
            # The admin's lists: newest first, and by status.
            models.Index(fields=["-created_at", "-id"], name="unicom_draft_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="unicom_draft_status"),
        ]

    def __str__(self) -> str:
        return self.subject or self.text[:50] or f"draft {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; approved with a time it is scheduled. Raises InvalidMessage once it has been handed over."""
        from unicom.scheduling import check_before_saving

        with transaction.atomic():
            if (fields := check_before_saving(self, kwargs.get("update_fields"))) is not None:
                kwargs["update_fields"] = fields
            super().save(*args, **kwargs)

    def send(self) -> Message:
        """Hand it to the outbox, if it is approved and its time has come; raises InvalidMessage, kept as ``error``."""
        from unicom.scheduling import send_now

        return send_now(self)

    def approve(self) -> bool:
        """Let it be sent at its time; False where it was sent or approved already."""
        from unicom.scheduling import approve

        return approve(self)

    def cancel(self) -> bool:
        """See to it that it is not sent; False where that is too late."""
        from unicom.scheduling import cancel

        return cancel(self)


class DraftAttachment(models.Model):
    """Be a file that goes with a draft; the message gets a copy of its own."""

    draft = models.ForeignKey(DraftMessage, on_delete=models.CASCADE, related_name="attachments")
    file = models.FileField(max_length=500, upload_to=upload_path, storage=chat_storage)
    name = models.CharField(max_length=255, blank=True, default="")
    """What it was called where it came from."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name or self.file.name or f"file {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; the name is the file's, as long as it is not given."""
        if not self.name and self.file and not getattr(self.file, "_committed", True):
            self.name = (self.file.name or "").replace("\\", "/").rsplit("/", 1)[-1][-255:]
        super().save(*args, **kwargs)
