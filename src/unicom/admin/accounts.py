"""Show accounts and suppressions: who writes to us, and whom we may not write to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom.admin.base import ChannelFilter, Consequence, UnicomAdmin, report
from unicom.admin.display import badge, excerpt, pretty_json
from unicom.admin.rows import TabularInline
from unicom.admin.typed import ModelForm
from unicom.models import Account, AccountIdentity, CallbackExecution, Member, Request, Suppression


class IdentityInline(TabularInline):
    """Show the further ids of an account."""

    model = AccountIdentity
    extra = 0
    can_delete = False
    fields = readonly_fields = ("kind", "scope", "value", "verified", "created_at")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the platform reports these."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the platform reports these."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those see them who see the account."""
        return bool(request.user.has_perm("unicom.view_account") or request.user.has_perm("unicom.change_account"))


@admin.register(Account)
class AccountAdmin(UnicomAdmin):
    """Be the pages of accounts."""

    list_display = ("shown_name", "username", "platform", "shown_member", "state", "created_at")
    list_filter = ("platform", "blocked", "is_bot")
    list_select_related = ("member",)
    search_fields = ("id", "external_id", "name", "username")
    search_help_text = gettext_lazy("Name, user name or platform id.")
    autocomplete_fields = ("member",)
    actions = ("block", "unblock")
    inlines = (IdentityInline,)
    fields = (
        "id",
        "platform",
        "external_id",
        "name",
        "username",
        "state",
        "is_bot",
        "member",
        "created_at",
        "shown_raw",
    )
    readonly_fields = (
        "id",
        "platform",
        "external_id",
        "name",
        "username",
        "state",
        "is_bot",
        "created_at",
        "shown_raw",
    )
    consequences = (
        Consequence(Request, "account", asks=True),
        Consequence(CallbackExecution, "account"),
        Consequence(Suppression, "account"),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: an account is made at the first contact."""
        return False

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def shown_name(self, account: Account) -> str:
        """Show the name, or the id where there is none."""
        return excerpt(account.name or account.pk)

    @admin.display(description=gettext_lazy("member"), ordering="member__name")
    def shown_member(self, account: Account) -> Any:
        """Link to the member."""
        return self.link(Member, account.member_id, account.member) if account.member_id else "–"

    @admin.display(description=gettext_lazy("state"), ordering="blocked")
    def state(self, account: Account) -> Any:
        """Say whether it is blocked."""
        return badge("failed", _("blocked")) if account.blocked else badge("", _("not blocked"))

    @admin.display(description=gettext_lazy("as the platform sent it"))
    def shown_raw(self, account: Account) -> Any:
        """Show what the platform told."""
        return pretty_json(account.raw)

    @admin.action(description=gettext_lazy("Block selected accounts"), permissions=["change"])
    def block(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Make no requests of what they write from now on."""
        total, done = queryset.count(), queryset.filter(blocked=False).update(blocked=True)
        report(self, request, done, total, ("%(count)d account was blocked.", "%(count)d accounts were blocked."))

    @admin.action(description=gettext_lazy("Unblock selected accounts"), permissions=["change"])
    def unblock(self, request: HttpRequest, queryset: QuerySet[Account]) -> None:
        """Listen to them again."""
        total, done = queryset.count(), queryset.filter(blocked=True).update(blocked=False)
        report(self, request, done, total, ("%(count)d account was unblocked.", "%(count)d accounts were unblocked."))


class SuppressionForm(ModelForm):
    """Ask for whom it is."""

    def clean(self) -> dict[str, Any]:
        """Refuse one that is for nobody."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not cleaned.get("account") and not cleaned.get("address"):
            raise forms.ValidationError(_("Give an account or an address."))
        return cleaned


@admin.register(Suppression)
class SuppressionAdmin(UnicomAdmin):
    """Be the pages of suppressions."""

    form = SuppressionForm
    list_display = ("whom", "channel", "scope", "reason", "created_at")
    list_filter = (ChannelFilter, "created_at")
    list_select_related = ("account",)
    search_fields = ("address", "account__name", "=account__id", "reason")
    autocomplete_fields = ("account",)
    fields = ("channel", "account", "address", "scope", "reason")
    ordering = ("-id",)
    channel_path = "channel"

    @admin.display(description=gettext_lazy("contact"))
    def whom(self, suppression: Suppression) -> Any:
        """Name the account or the address."""
        return excerpt(str(suppression.account)) if suppression.account_id else suppression.address
