"""Show tool calls: what a language model asked for, and what came of it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from unicom.admin.base import RecordAdmin, short_id
from unicom.admin.display import badge, pre, pretty_json
from unicom.models import Chat, Request, ToolCall


@admin.register(ToolCall)
class ToolCallAdmin(RecordAdmin):
    """Be the pages of tool calls."""

    list_display = (
        "shown_id", "tool_name", "shown_status", "shown_request", "shown_chat", "created_at", "responded_at",
    )  # fmt: skip
    list_filter = ("status", "created_at")
    search_fields = ("=call_id", "tool_name", "=request__id", "=chat__id")
    search_help_text = gettext_lazy("Call id, tool, request id or chat id.")
    ordering = ("-id",)
    fields = (
        "call_id", "tool_name", "shown_status", "shown_request", "shown_chat", "shown_arguments", "shown_result",
        "result_status", "shown_error", "shown_progress", "created_at", "started_at", "responded_at",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolCall]:
        """Leave the provider's own record in the database."""
        return super().get_queryset(request).defer("raw")

    @admin.display(description=gettext_lazy("call"), ordering="id")
    def shown_id(self, call: ToolCall) -> Any:
        """Show the end of the id, which tells calls apart."""
        return short_id(call.call_id)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, call: ToolCall) -> Any:
        """Show the status."""
        return badge(call.status)

    @admin.display(description=gettext_lazy("request"))
    def shown_request(self, call: ToolCall) -> Any:
        """Link to the request."""
        return self.link(Request, call.request_id, short_id(call.request_id or ""))

    @admin.display(description=gettext_lazy("chat"))
    def shown_chat(self, call: ToolCall) -> Any:
        """Link to the chat."""
        return self.link(Chat, call.chat_id, call.chat_id)

    @admin.display(description=gettext_lazy("arguments"))
    def shown_arguments(self, call: ToolCall) -> Any:
        """Show what it was called with."""
        return pretty_json(call.arguments)

    @admin.display(description=gettext_lazy("result"))
    def shown_result(self, call: ToolCall) -> Any:
        """Show what it answered."""
        return pretty_json(call.result)

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, call: ToolCall) -> Any:
        """Show why it failed."""
        return pre(call.error)

    @admin.display(description=gettext_lazy("progress shown to the person"))
    def shown_progress(self, call: ToolCall) -> Any:
        """Show what the person was told meanwhile."""
        return pre(call.progress_updates_for_user)
