"""Keep members: the people of the operator's own books, whatever platforms they write on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from unicom.models.fields import is_time_zone


class MemberGroup(models.Model):
    """Gather members under a name."""

    name = models.CharField(max_length=255, unique=True)
    description = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """Be a person we know; accounts find theirs by an equal, non-empty, verified contact."""

    name = models.CharField(max_length=255)
    email = models.EmailField(max_length=320, blank=True, default="")
    phone = models.CharField(max_length=32, blank=True, default="", help_text="With country code, as in +31612345678.")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="unicom_member"
    )
    groups = models.ManyToManyField(MemberGroup, blank=True, related_name="members")
    is_active = models.BooleanField(default=True)
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        validators=[is_time_zone],
        help_text="As in Europe/Amsterdam; empty where it is not known.",
    )
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        indexes = [
            # Find the member of a verified address or number.
            models.Index(Lower("email"), name="unicom_member_email"),
            models.Index(fields=["phone"], name="unicom_member_phone"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, and find the accounts that are this person's."""
        from unicom.identification import claim_accounts

        super().save(*args, **kwargs)
        claim_accounts(self)
