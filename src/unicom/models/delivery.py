"""Keep deliveries: one row for each call the outbox has to make."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from unicom.models.leased import LeasedRow
from unicom.types import OPEN_STATES, QUEUED, SENDING, STATES


class Delivery(LeasedRow):
    """Be one part, recipient or act of an outgoing message; a chat's deliveries go out in the order of their ids."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey("unicom.Message", on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="deliveries")
    chat = models.ForeignKey("unicom.Chat", on_delete=models.CASCADE, related_name="deliveries")
    act = models.CharField(max_length=10, default="send")
    part = models.PositiveIntegerField(default=0)
    recipient = models.CharField(max_length=320, blank=True, default="")
    payload = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, default=QUEUED, choices=[(state, state) for state in STATES])
    priority = models.SmallIntegerField(default=10)
    external_id = models.CharField(max_length=512, null=True, blank=True)  # noqa: DJ001  unknown until delivered
    first_attempt_at = models.DateTimeField(null=True, blank=True, editable=False)
    time_sent = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                condition=Q(external_id__isnull=False, act="send"),
                name="unicom_delivery_external",
            ),
            # Whatever else goes wrong, one chat never has two calls under way.
            models.UniqueConstraint(fields=["chat"], condition=Q(state=SENDING), name="unicom_delivery_one_a_chat"),
        ]
        indexes = [
            # claiming.claim: the due fronts of a channel, replies first.
            models.Index(
                fields=["channel", "priority", "next_attempt_at", "id"],
                condition=Q(state=QUEUED, at_front=True),
                name="unicom_delivery_claim",
            ),
            # claiming.claim and promote: is anything earlier of this chat open, and what is next?
            models.Index(fields=["chat", "id"], condition=Q(state__in=OPEN_STATES), name="unicom_delivery_lane"),
            # outbox.recover: whose lease ran out?
            models.Index(fields=["lease_until"], condition=Q(state=SENDING), name="unicom_delivery_lease"),
            # The admin's lists by state.
            models.Index(fields=["state", "-id"], name="unicom_delivery_state"),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.message_id}/{self.part}: {self.state}"
