"""Show buttons that call back: what they mean, and how often they were clicked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy

from unicom.admin.base import ChannelFilter, RecordAdmin, short_id
from unicom.admin.display import badge, excerpt, pretty_json
from unicom.models import Account, CallbackExecution, Message, ToolCall


@admin.register(CallbackExecution)
class CallbackExecutionAdmin(RecordAdmin):
    """Be the pages of buttons."""

    list_display = (
        "shown_text",
        "channel",
        "shown_message",
        "shown_account",
        "clicks",
        "last_clicked_at",
        "state",
        "created_at",
    )
    list_filter = (ChannelFilter, "created_at")
    list_select_related = ("account",)
    search_fields = ("=id", "=message__id", "=account__id")
    search_help_text = gettext_lazy("Button id, message id or account id.")
    channel_path = "channel"
    fields = (
        "shown_text", "shown_data", "channel", "shown_message", "shown_source", "shown_account", "shown_tool_call",
        "state", "expires_at", "clicks", "last_clicked_at", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=gettext_lazy("button"))
    def shown_text(self, row: CallbackExecution) -> str:
        """Show what stands on it."""
        return excerpt(row.text) or "–"

    @admin.display(description=gettext_lazy("data"))
    def shown_data(self, row: CallbackExecution) -> Any:
        """Show what it means."""
        return pretty_json(row.callback_data)

    @admin.display(description=gettext_lazy("message"))
    def shown_message(self, row: CallbackExecution) -> Any:
        """Link to the message that carries it."""
        return self.link(Message, row.message_id, short_id(row.message_id or ""))

    @admin.display(description=gettext_lazy("made for"))
    def shown_source(self, row: CallbackExecution) -> Any:
        """Link to the message it was made for."""
        return self.link(Message, row.source_message_id, short_id(row.source_message_id or ""))

    @admin.display(description=gettext_lazy("only for"))
    def shown_account(self, row: CallbackExecution) -> Any:
        """Link to who alone may click it."""
        return self.link(Account, row.account_id, excerpt(str(row.account), 40))

    @admin.display(description=gettext_lazy("tool call"))
    def shown_tool_call(self, row: CallbackExecution) -> Any:
        """Link to the tool call it answers."""
        return self.link(ToolCall, row.tool_call_id, row.tool_call_id)

    @admin.display(description=gettext_lazy("state"))
    def state(self, row: CallbackExecution) -> Any:
        """Say whether it can still be clicked."""
        return badge("", gettext_lazy("expired")) if row.is_expired else badge("active", gettext_lazy("open"))
