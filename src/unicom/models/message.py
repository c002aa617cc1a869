"""Keep messages and what hangs on them: attachments and inline images."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from unicom.ids import unguessable, uuid7
from unicom.media import chat_storage, upload_path
from unicom.types import STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIORITY_REPLY, PRIORITY_NORMAL, PRIORITY_BULK = 0, 10, 20


class Message(models.Model):
    """Be one message of a chat; lists go by ``seq``, which a message has once it was stored or handed over."""

    id = models.CharField(primary_key=True, max_length=64, default=uuid7)
    external_id = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001  unknown until delivered
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="messages")
    platform = models.CharField(max_length=50)
    chat = models.ForeignKey("unicom.Chat", on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    sender = models.ForeignKey(
        "unicom.Account", null=True, blank=True, on_delete=models.SET_NULL, related_name="messages"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Who of the staff wrote it."""
    sender_name = models.TextField(blank=True, default="")
    is_outgoing = models.BooleanField(null=True, default=None)
    """True: we sent it; False: a person did; None: the system's own."""
    reply_to_message = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replies"
    )

    text = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    subject = models.TextField(blank=True, default="")
    album = models.CharField(max_length=100, blank=True, default="", editable=False)
    """What the platform calls the album that this message was put together from."""
    to = models.JSONField(default=list, blank=True)
    cc = models.JSONField(default=list, blank=True)
    bcc = models.JSONField(default=list, blank=True)
    media_type = models.CharField(max_length=30, default="text")
    media = models.FileField(max_length=500, upload_to=upload_path, storage=chat_storage, blank=True)
    raw = models.JSONField(default=dict, blank=True)
    timestamp = models.DateTimeField(default=timezone.now)
    """When it was written, by the platform's clock where it tells."""
    edited_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When what is shown of it last changed after it was first seen, where somebody who was away has to hear of it."""

    status = models.CharField(max_length=10, default="", blank=True, choices=[(state, state) for state in STATES])
    """How far it has come; empty for what came in."""
    priority = models.SmallIntegerField(default=PRIORITY_NORMAL)
    error = models.TextField(blank=True, default="")
    sent = models.BooleanField(default=False)
    delivered = models.BooleanField(default=False)
    seen = models.BooleanField(default=False)
    time_sent = models.DateTimeField(null=True, blank=True)
    time_delivered = models.DateTimeField(null=True, blank=True)
    time_seen = models.DateTimeField(null=True, blank=True)

    imap_uid = models.BigIntegerField(null=True, blank=True)
    tracking_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    opened = models.BooleanField(default=False)
    time_opened = models.DateTimeField(null=True, blank=True)
    link_clicked = models.BooleanField(default=False)
    time_link_clicked = models.DateTimeField(null=True, blank=True)
    clicked_links = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("timestamp", "id")
        constraints = [models.UniqueConstraint(fields=["chat", "seq"], name="unicom_message_seq")]
        indexes = [
            # Find an incoming message by the platform's id, for replies, edits and receipts.
            models.Index(
                fields=["channel", "external_id"],
                name="unicom_message_external",
                condition=models.Q(external_id__isnull=False),
            ),
            # Message.objects.filter(chat_id=…).order_by("timestamp"), and (channel=…).order_by("-timestamp").
            models.Index(fields=["chat", "timestamp"], name="unicom_message_history"),
            models.Index(fields=["channel", "-timestamp"], name="unicom_message_recent"),
            # Of the mails that a mailbox still has as unseen, which were answered?
            models.Index(
                fields=["channel", "imap_uid"],
                name="unicom_message_uid",
                condition=models.Q(imap_uid__isnull=False),
            ),
            # What was changed of a chat while its visitor was away; most messages never are.
            models.Index(
                fields=["chat", "changed_at"],
                name="unicom_message_changed",
                condition=models.Q(changed_at__isnull=False),
            ),
            # The admin's list of what waits or went wrong.
            models.Index(
                fields=["status", "-timestamp"],
                name="unicom_message_open",
                condition=models.Q(status__in=["queued", "sending", "unknown", "failed", "bounced"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender_name}: {self.text[:50]}"

    @property
    def html_with_base64_images(self) -> str:
        """The HTML with its images in it, as data URIs: to be shown where our addresses are not reached."""
        from unicom.inline_images import with_data

        return with_data(self)

    def reply_with(self, data: Mapping[str, Any], user: Any = None) -> Message:
        """Queue an answer to this message, in its chat; raises InvalidMessage, nothing saved."""
        from unicom.outbound import reply

        return reply(self, data, user=user)

    def edit_original_message(self, data: Mapping[str, Any]) -> Message:
        """Change this message where it was sent; the row follows once the platform has taken it."""
        from unicom.outbound import edit

        return edit(self, data)

    def delete_original_message(self) -> Message:
        """Take this message back where it was sent; the row stays, with ``deleted_at``."""
        from unicom.acts import delete

        return delete(self)

    def react_with(self, emoji: str) -> None:
        """Give this message our reaction, or with an empty text take it back."""
        from unicom.acts import react

        react(self, emoji)

    def reply_using_llm(self, **options: Any) -> Message | None:
        """Have a language model answer this message: ``model``, ``system_instruction``, ``depth``, ``tools`` and more.

        Returns the answer, or None where it comes later: within a transaction (as in a receiver) the model is asked
        after the commit, and a tool may be waited for. Raises InvalidMessage for bad options, ModelError for no answer.
        """
        from unicom.llm.turn import reply

        return reply(self, options)

    def as_llm_chat(
        self, depth: int = 129, mode: str = "chat", system_instruction: str = "", *, multimodal: bool = True
    ) -> list[dict[str, Any]]:
        """Return the conversation up to here as messages of chat completions, valid for every endpoint."""
        from unicom.llm.transcript import as_llm_chat

        return as_llm_chat(self, depth=depth, mode=mode, system_instruction=system_instruction, multimodal=multimodal)

    def log_tool_interaction(
        self, tool_call: Mapping[str, Any] | None = None, tool_response: Mapping[str, Any] | None = None
    ) -> Message:
        """Keep a tool call, its response or both as system messages that answer this one; returns the last made."""
        from unicom.tool_log import log_tool_interaction

        return log_tool_interaction(self.chat, tool_call=tool_call, tool_response=tool_response, reply_to=self)


class Attachment(models.Model):
    """Be one file of a message: stored, or still to be fetched, or why it cannot be."""

    class State(models.TextChoices):
        """Say how far a file has come."""

        STORED = "stored"
        PENDING = "pending"
        FAILED = "failed"

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    kind = models.CharField(max_length=20, default="file")
    name = models.TextField(blank=True, default="")
    content_type = models.CharField(max_length=255, blank=True, default="")
    size = models.PositiveBigIntegerField(null=True, blank=True)
    file = models.FileField(max_length=500, upload_to=upload_path, storage=chat_storage, blank=True)
    reference = models.JSONField(default=dict, blank=True, editable=False)
    """What the adapter needs to fetch it; never a URL with a secret in it."""
    external_id = models.CharField(max_length=512, null=True, blank=True, editable=False)  # noqa: DJ001  most have none
    """The platform's id of the message that brought it, within an album."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.STORED)
    error = models.TextField(blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        indexes = [
            # arrivals.find_message: which album is the platform's message a part of?
            models.Index(
                fields=["external_id"],
                name="unicom_attachment_external",
                condition=models.Q(external_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.kind} {self.pk}"


class MessageInlineImage(models.Model):
    """Be an image shown within a message's HTML, under an id nobody can guess."""

    id = models.CharField(primary_key=True, max_length=32, default=unguessable, editable=False)
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="inline_images")
    file = models.FileField(max_length=500, upload_to=upload_path, storage=chat_storage)
    content_type = models.CharField(max_length=100, default="image/png")
    content_id = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.id
