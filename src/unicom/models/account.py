"""Keep accounts: people as a platform knows them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from unicom.models.fields import is_time_zone


class Account(models.Model):
    """Be one person on one platform; the key never changes, further ids are identities."""

    id = models.CharField(primary_key=True, max_length=300)
    platform = models.CharField(max_length=50)
    external_id = models.CharField(max_length=255)
    name = models.TextField(blank=True, default="")
    username = models.TextField(blank=True, default="")
    is_bot = models.BooleanField(default=False)
    blocked = models.BooleanField(
        default=False, help_text="What this person writes makes no request and is not answered."
    )
    member = models.ForeignKey(
        "unicom.Member", null=True, blank=True, on_delete=models.SET_NULL, related_name="accounts"
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        validators=[is_time_zone],
        help_text="As in Europe/Amsterdam; empty where it is the member's, or not known.",
    )
    raw = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at", "id")
        constraints = [models.UniqueConstraint(fields=["platform", "external_id"], name="unicom_account_external")]
        indexes = [
            # The admin's list of accounts, newest first.
            models.Index(fields=["-created_at", "id"], name="unicom_account_newest"),
        ]

    def __str__(self) -> str:
        return self.name or self.id


class AccountIdentity(models.Model):
    """Keep another id of an account: a phone number, an address, a business-scoped id with its scope."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(max_length=30)
    scope = models.CharField(max_length=100, blank=True, default="")
    value = models.CharField(max_length=320)
    verified = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "account identities"
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "scope", "value"], name="unicom_identity_once"),
        ]
        indexes = [
            # Find an account by an id of its; find the accounts of a member.
            models.Index(fields=["kind", "value", "scope"], name="unicom_identity_value"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}"


class Suppression(models.Model):
    """Say that a channel may not write to a contact, and why; another channel still may."""

    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="suppressions")
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.CASCADE, related_name="suppressions")
    address = models.CharField(max_length=320, blank=True, default="")
    reason = models.CharField(max_length=255)
    scope = models.CharField(max_length=30, blank=True, default="")
    """The kind of messages it is about, such as marketing; empty: all."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "account", "scope"],
                condition=models.Q(account__isnull=False),
                name="unicom_suppressed_account",
            ),
            models.UniqueConstraint(
                fields=["channel", "address"], condition=~models.Q(address=""), name="unicom_suppressed_address"
            ),
            models.CheckConstraint(
                condition=models.Q(account__isnull=False) | ~models.Q(address=""),
                name="unicom_suppressed_somebody",
                violation_error_message="Name an account or an address.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id or self.address}: {self.reason}"
