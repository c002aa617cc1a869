"""Show the templates that platforms have approved, with their status and quality."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom import platform_templates
from unicom.admin.base import ChannelFilter, RecordAdmin
from unicom.admin.display import badge, excerpt, pretty_json
from unicom.models import Channel, PlatformTemplate

_SHADES = {"approved": "active", "active": "active", "pending": "queued"}
"""The colours of what can be sent, and of what waits to be reviewed; anything else is a failure."""


@admin.register(PlatformTemplate)
class PlatformTemplateAdmin(RecordAdmin):
    """Be the pages of the platforms' templates, which are changed where they were made."""

    list_display = ("name", "language", "shown_status", "category", "quality", "shown_words", "channel", "synced_at")
    list_filter = ("status", "category", "quality", ChannelFilter)
    search_fields = ("name",)
    actions = ("read_again",)
    channel_path = "channel"
    fields = (
        "name", "language", "shown_status", "reason", "category", "quality", "parameter_format", "channel",
        "external_id", "synced_at", "shown_components",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlatformTemplate]:
        """Leave the secrets of channels in the database."""
        return super().get_queryset(request).defer("channel__config")

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, template: PlatformTemplate) -> Any:
        """Show the status as a word."""
        return badge(_SHADES.get(template.status, "failed"), template.status.replace("_", " ") or "–")

    @admin.display(description=gettext_lazy("text"))
    def shown_words(self, template: PlatformTemplate) -> str:
        """Show how the body begins."""
        parts: list[Any] = template.components if isinstance(template.components, list) else []
        bodies = (str(part.get("text", "")) for part in parts if isinstance(part, dict) and part.get("type") == "BODY")
        return excerpt(next(bodies, ""), 60) or "–"

    @admin.display(description=gettext_lazy("components"))
    def shown_components(self, template: PlatformTemplate) -> Any:
        """Show the definition."""
        return pretty_json(template.components)

    @admin.action(description=gettext_lazy("Read the templates of these channels again"), permissions=["view"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[PlatformTemplate]) -> None:
        """Have the templates of the chosen rows' channels read from the platform."""
        channels = Channel.objects.filter(pk__in=queryset.order_by().values("channel")).defer("config")
        for channel in channels:
            platform_templates.refresh(channel)
        self.message_user(request, _("They are being read."), messages.SUCCESS)
