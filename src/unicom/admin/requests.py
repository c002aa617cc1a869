"""Show requests and sort them: what people asked, how far that has come, and the categories it falls into."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from RestrictedPython.compile import compile_restricted

from unicom.admin.base import ChannelFilter, Consequence, RecordAdmin, UnicomAdmin, may_read, report, short_id
from unicom.admin.display import badge, excerpt, pre, pretty_json
from unicom.admin.typed import ModelForm
from unicom.models import Account, Chat, Member, Message, Request, RequestCategory

_OVER = (Request.Status.COMPLETED, Request.Status.FAILED)


@admin.register(Request)
class RequestAdmin(RecordAdmin):
    """Be the pages of requests."""

    list_display = ("shown_id", "shown_status", "asked", "shown_account", "category", "created_at")
    list_filter = ("status", ChannelFilter, "category", "created_at")
    list_select_related = ("account", "category", "chat")
    search_fields = ("=id", "=chat__id", "account__name", "=account__id")
    search_help_text = gettext_lazy("Request id, chat id, or the name or id of the account.")
    actions = ("complete",)
    ordering = ("-id",)
    channel_path = "channel"
    fields = (
        "id", "shown_status", "shown_error", "shown_message", "shown_chat", "shown_account", "shown_member", "channel",
        "category", "shown_parent", "tool_call_count", "llm_calls_count", "llm_token_usage", "created_at",
        "completed_at", "shown_metadata",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Request]:
        """Fetch the beginning of what was asked, not all of it."""
        found: QuerySet[Any] = super().get_queryset(request).annotate(asked_text=Substr("message__text", 1, 320))
        return found

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave the words of messages to those who may read them."""
        columns = super().get_list_display(request)
        return columns if may_read(request) else [name for name in columns if name != "asked"]

    @admin.display(description=gettext_lazy("request"), ordering="created_at")
    def shown_id(self, row: Request) -> Any:
        """Show the end of the id, which tells requests apart."""
        return short_id(row.pk)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, row: Request) -> Any:
        """Show the status."""
        return badge(row.status)

    @admin.display(description=gettext_lazy("asked"))
    def asked(self, row: Any) -> str:
        """Show the first words of the message."""
        return excerpt(row.asked_text or "") or "–"

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, row: Request) -> Any:
        """Show why it failed."""
        return pre(row.error)

    @admin.display(description=gettext_lazy("message"))
    def shown_message(self, row: Any) -> Any:
        """Link to the message."""
        return self.link(Message, row.message_id, row.message_id)

    @admin.display(description=gettext_lazy("chat"))
    def shown_chat(self, row: Request) -> Any:
        """Link to the chat."""
        return self.link(Chat, row.chat_id, excerpt(str(row.chat), 40))

    @admin.display(description=gettext_lazy("account"))
    def shown_account(self, row: Request) -> Any:
        """Link to the account."""
        return self.link(Account, row.account_id, excerpt(str(row.account), 40))

    @admin.display(description=gettext_lazy("member"))
    def shown_member(self, row: Request) -> Any:
        """Link to the member."""
        return self.link(Member, row.member_id, row.member)

    @admin.display(description=gettext_lazy("follows from"))
    def shown_parent(self, row: Request) -> Any:
        """Link to the request it came from."""
        return self.link(Request, row.parent_request_id, row.parent_request_id)

    @admin.display(description=gettext_lazy("metadata"))
    def shown_metadata(self, row: Request) -> Any:
        """Show what was noted."""
        return pretty_json(row.metadata)

    @admin.action(description=gettext_lazy("Mark selected requests as completed"), permissions=["operate"])
    def complete(self, request: HttpRequest, queryset: QuerySet[Request]) -> None:
        """Close what was answered by hand."""
        chosen = Request.objects.filter(pk__in=queryset.values("pk"))
        total = chosen.count()
        done = chosen.exclude(status__in=_OVER).update(status=Request.Status.COMPLETED, completed_at=timezone.now())
        report(self, request, done, total, ("%(count)d request was completed.", "%(count)d requests were completed."))


class CategoryForm(ModelForm):
    """Check the code of a category before it is kept."""

    class Meta:
        widgets = {
            "processing_function": forms.Textarea(
                attrs={"rows": 12, "class": "vLargeTextField unicom-code", "spellcheck": "false"}
            )
        }

    def clean_processing_function(self) -> str:
        """Compile the code as restricted Python; what is not allowed is named with its line."""
        source: str = self.cleaned_data["processing_function"]
        if source.strip():
            try:
                compile_restricted(source, "<processing function>", "exec")
            except (SyntaxError, ValueError, RecursionError) as error:
                found = getattr(error, "msg", None) or str(error)
                raise forms.ValidationError(found if isinstance(found, str) else list(map(str, found))) from None
        return source

    def clean_parent(self) -> RequestCategory | None:
        """Refuse a category that would be its own ancestor."""
        parent: RequestCategory | None = self.cleaned_data["parent"]
        above, seen = parent, set()
        while above is not None and above.pk not in seen:
            if self.instance.pk is not None and above.pk == self.instance.pk:
                raise forms.ValidationError(_("A category cannot be below itself."))
            seen.add(above.pk)
            above = above.parent
        return parent


@admin.register(RequestCategory)
class RequestCategoryAdmin(UnicomAdmin):
    """Be the pages of request categories."""

    form = CategoryForm
    list_display = ("name", "parent", "sequence", "is_active", "is_public", "has_code")
    list_filter = ("is_active", "is_public")
    list_select_related = ("parent",)
    search_fields = ("name", "description")
    filter_horizontal = ("channels", "groups")
    autocomplete_fields = ("members",)
    consequences = (Consequence(RequestCategory, "parent"),)

    @admin.display(description=gettext_lazy("decides by code"), boolean=True)
    def has_code(self, category: RequestCategory) -> bool:
        """Tell whether code decides."""
        return bool(category.processing_function.strip())
