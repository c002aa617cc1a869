"""Keep channels: a platform's endpoint we write and are written to through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

from unicom.errors import UnknownPlatform
from unicom.models.fields import EncryptedJSONField
from unicom.platforms import adapter_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unicom.models.message import Message
    from unicom.types import Health


class Channel(models.Model):
    """Be one bot, number, mailbox or web chat; creating one never touches the network, :meth:`validate` does."""

    name = models.CharField(max_length=255)
    platform = models.CharField(max_length=50)
    config = EncryptedJSONField(default=dict, blank=True)
    external_id = models.CharField(max_length=255, blank=True, default="", editable=False)
    """Who the platform says it is (bot id, phone number id, address), in clear, for routing."""
    active = models.BooleanField(default=False)
    error = models.TextField(blank=True, default="", editable=False)
    """Why it is not active, or why its queue stands still."""
    note = models.TextField(blank=True, default="", editable=False)
    """What setting it up had to say though it worked, such as that updates are polled for."""
    down_since = models.DateTimeField(null=True, blank=True, editable=False)
    """Since when nothing can be delivered; the queue waits and nothing is lost."""
    validated_at = models.DateTimeField(null=True, blank=True, editable=False)
    teams = models.ManyToManyField(
        "auth.Group",
        blank=True,
        related_name="unicom_channels",
        help_text="Only their members, and superusers, work with this channel. Empty: all staff with the permissions.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("id",)
        indexes = [
            # Route a shared endpoint: WHERE platform = … AND external_id = …; the first active one of a platform.
            models.Index(fields=["platform", "external_id"], name="unicom_channel_route"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.platform})"

    def __repr__(self) -> str:
        return f"<Channel {self.pk}: {self.platform}>"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new one gets what its platform generates, and is active at once where there is nothing to set up."""
        try:
            adapter = adapter_class(self.platform)
        except UnknownPlatform:
            adapter = None  # kept, so that a platform can be taken out of the settings and put back
        if adapter is not None and isinstance(self.config, dict):
            if self._state.adding:
                self.config = adapter.prepare(self.config)
                self.active = self.active or adapter.is_local
            self.external_id = adapter.identify(self.config) or self.external_id
        super().save(*args, **kwargs)

    def validate(self) -> bool:
        """Check credentials and register webhooks; False with the reason in ``error`` if that failed. Idempotent."""
        from unicom.adapters import validate

        return validate(self)

    def check_health(self) -> Health:
        """Ask the platform how this channel is, and keep what is to be looked at in ``note``; raises DeliveryError."""
        from unicom.adapters import look_after

        return look_after(self)

    def send_message(self, data: Mapping[str, Any], user: Any = None) -> Message:
        """Queue a message in the caller's transaction; raises InvalidMessage listing every bad key, nothing saved."""
        from unicom.outbound import send

        return send(self, data, user=user)

    def receive_message(self, payload: Mapping[str, Any]) -> Message | None:
        """Take in what came by another way than a webhook, in the platform's format; None if it was a repeat."""
        from unicom.inbound import receive

        return receive(self, payload)


class ChannelState(models.Model):
    """Keep one small value of a channel: a token, a cursor, a cache."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="states")
    key = models.CharField(max_length=100)
    value = EncryptedJSONField(null=True)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["channel", "key"], name="unicom_channelstate_key")]

    def __str__(self) -> str:
        return self.key
