"""Keep members and their groups: the people of the operator's own books."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from unicom.admin.base import UnicomAdmin
from unicom.admin.display import badge, excerpt
from unicom.admin.rows import TabularInline
from unicom.models import Account, Member, MemberGroup


class AccountInline(TabularInline):
    """Show the accounts of a member."""

    model = Account
    extra = 0
    can_delete = False
    show_change_link = True
    verbose_name_plural = gettext_lazy("accounts")
    fields = readonly_fields = ("shown_name", "platform", "username", "state")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: an account is made at the first contact."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: an account has its own page."""
        return False

    @admin.display(description=gettext_lazy("name"))
    def shown_name(self, account: Account) -> str:
        """Show the name, or the id where there is none."""
        return excerpt(account.name or account.pk)

    @admin.display(description=gettext_lazy("state"))
    def state(self, account: Account) -> Any:
        """Say whether it is blocked."""
        return badge("failed", gettext_lazy("blocked")) if account.blocked else "–"


@admin.register(Member)
class MemberAdmin(UnicomAdmin):
    """Be the pages of members."""

    list_display = ("name", "email", "phone", "user", "is_active", "created_at")
    list_filter = ("is_active", "groups")
    list_select_related = ("user",)
    search_fields = ("name", "email", "phone")
    filter_horizontal = ("groups",)
    raw_id_fields = ("user",)
    inlines = (AccountInline,)
    fields = ("name", "email", "phone", "user", "groups", "is_active", "metadata", "created_at")
    readonly_fields = ("created_at",)


@admin.register(MemberGroup)
class MemberGroupAdmin(UnicomAdmin):
    """Be the pages of member groups."""

    list_display = ("name", "description")
    search_fields = ("name", "description")
