"""Keep chats: conversations on a channel, and who takes part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unicom.models.message import Message


class Chat(models.Model):
    """Be one conversation; ``last_seq`` is the number of its newest message."""

    id = models.CharField(primary_key=True, max_length=300)
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="chats")
    platform = models.CharField(max_length=50)
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001  NULLs do not collide
    name = models.TextField(blank=True, default="")
    is_group = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    """When its owner deleted it; it stays in the operator's inbox."""
    metadata = models.JSONField(default=dict, blank=True)
    stop_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When somebody last asked that the answer being written ends where it is."""
    read_seq = models.PositiveBigIntegerField(default=0, editable=False)
    """The number of the last message that somebody of ours has read."""
    open_until = models.DateTimeField(null=True, blank=True, editable=False)
    """Until when the person may be written to freely, where the platform has such a rule."""
    accounts = models.ManyToManyField("unicom.Account", through="unicom.AccountChat", related_name="chats")
    last_seq = models.PositiveBigIntegerField(default=0, editable=False)
    last_message = models.ForeignKey(
        "unicom.Message", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    last_message_at = models.DateTimeField(default=timezone.now, editable=False)
    """When something was last said; before anything was, when it was opened."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-last_message_at", "id")
        constraints = [models.UniqueConstraint(fields=["channel", "external_id"], name="unicom_chat_external")]
        indexes = [
            # The inbox of a channel, and the visitor's list: newest activity first.
            models.Index(fields=["channel", "-last_message_at", "id"], name="unicom_chat_activity"),
            models.Index(fields=["-last_message_at", "id"], name="unicom_chat_newest"),
        ]

    def __str__(self) -> str:
        return self.name or self.id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; the platform is the channel's."""
        if not self.platform and self.channel_id:
            self.platform = self.channel.platform
        super().save(*args, **kwargs)

    def send_message(self, data: Mapping[str, Any], user: Any = None) -> Message:
        """Queue a message here; with ``reply_to_message_id`` as an answer. Raises InvalidMessage, nothing saved."""
        from unicom.outbound import send

        return send(self.channel, data, chat=self, user=user)

    def log_tool_interaction(
        self,
        tool_call: Mapping[str, Any] | None = None,
        tool_response: Mapping[str, Any] | None = None,
        reply_to: Message | None = None,
    ) -> Message:
        """Keep a tool call, its response or both as system messages; returns the last one made."""
        from unicom.tool_log import log_tool_interaction

        return log_tool_interaction(self, tool_call=tool_call, tool_response=tool_response, reply_to=reply_to)


class AccountChat(models.Model):
    """Say that an account takes part in a chat; what access rests on."""

    account = models.ForeignKey("unicom.Account", on_delete=models.CASCADE, related_name="account_chats")
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="account_chats")
    read_seq = models.PositiveBigIntegerField(default=0, editable=False)
    """The number of the last message this account has read."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "chat"], name="unicom_accountchat_once")]

    def __str__(self) -> str:
        return f"{self.account_id} in {self.chat_id}"


class ThreadReference(models.Model):
    """Say in which chat a platform's message id was named: of messages we have, and of ancestors we never saw."""

    id = models.BigAutoField(primary_key=True)
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="+")
    value = models.CharField(max_length=255)
    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="references")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "value"], name="unicom_reference_once")]

    def __str__(self) -> str:
        return self.value
