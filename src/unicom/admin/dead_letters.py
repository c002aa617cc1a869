"""Show kept payloads: what could not be read, why, and let a person have it read again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom import access, dead_letters
from unicom.admin.base import ChannelFilter, RecordAdmin, apply_each, report
from unicom.admin.display import badge, excerpt, pre
from unicom.admin.files import download
from unicom.models import Update


class StateFilter(admin.SimpleListFilter):
    """Narrow the list to a state, with how many there are of each."""

    title = gettext_lazy("state")
    parameter_name = "state__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states with their counts."""
        rows = access.visible(Update.objects.order_by(), request.user)
        found = dict(rows.values_list("state").annotate(Count("pk")))
        return [(value, f"{label} ({found.get(value, 0):,})") for value, label in Update.State.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Update]) -> QuerySet[Update]:
        """Return the rows of the chosen state."""
        return queryset.filter(state=self.value()) if self.value() else queryset


@admin.register(Update)
class UpdateAdmin(RecordAdmin):
    """Be the pages of dead letters."""

    list_display = ("shown_id", "shown_state", "channel", "shown_reason", "seen", "created_at", "replayed_at")
    list_filter = (StateFilter, ChannelFilter, "created_at")
    search_fields = ("error", "=digest")
    search_help_text = gettext_lazy("Words of the error, or the SHA-256 of the payload.")
    ordering = ("-id",)
    actions = ("replay", "discard")
    channel_path = "channel"
    fields = ("shown_state", "shown_error", "channel", "seen", "created_at", "replayed_at", "digest", "shown_body")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Update]:
        """Leave the payloads in the database until a page shows one."""
        return super().get_queryset(request).defer("channel__config", "body")

    def get_urls(self) -> list[Any]:
        """Add the download."""
        view = self.admin_site.admin_view(self.body_view)
        return [path("<path:object_id>/body/", view, name="unicom_update_body"), *super().get_urls()]

    def body_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out the payload, byte for byte."""
        update = self.get_object(request, unquote(object_id))
        if update is None:
            raise Http404
        if not self.has_view_permission(request, update):
            raise PermissionDenied
        return download(bytes(update.body), f"update-{update.pk}.bin")

    @admin.display(description=gettext_lazy("payload"), ordering="id")
    def shown_id(self, update: Update) -> str:
        """Show the number."""
        return f"{update.pk}"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, update: Update) -> Any:
        """Show the state."""
        return badge(update.state, update.get_state_display())

    @admin.display(description=gettext_lazy("error"))
    def shown_reason(self, update: Update) -> str:
        """Show why, shortly."""
        return excerpt(update.error, 120) or "–"

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, update: Update) -> Any:
        """Show why."""
        return pre(update.error)

    @admin.display(description=gettext_lazy("payload"))
    def shown_body(self, update: Update) -> Any:
        """Show the payload as text, cut, with all of it as a download."""
        body = bytes(update.body)
        url = reverse("admin:unicom_update_body", args=[quote(update.pk)], current_app=self.admin_site.name)
        link = format_html(
            '<p><a href="{}">{}</a></p>', url, _("Download (%(size)s bytes)") % {"size": f"{len(body):,}"}
        )
        return format_html("{}{}", pre(readable(body)), link)

    @admin.action(description=gettext_lazy("Replay selected payloads"), permissions=["operate"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Update]) -> None:
        """Read each once more."""
        chosen = Update.objects.filter(pk__in=queryset.values("pk")).select_related("channel").order_by("id")
        done, total = apply_each(chosen, dead_letters.replay)
        if done:
            report(self, request, done, done, ("%(count)d payload was replayed.", "%(count)d payloads were replayed."))
        if done < total:
            text = _("%(count)d still could not be read; the reason is in the list.") % {"count": total - done}
            self.message_user(request, text, messages.ERROR)

    @admin.action(description=gettext_lazy("Discard selected payloads"), permissions=["operate"])
    def discard(self, request: HttpRequest, queryset: QuerySet[Update]) -> None:
        """Take note that nothing is to be made of them."""
        chosen = Update.objects.filter(pk__in=queryset.values("pk"))
        total = chosen.count()
        done = chosen.filter(state__in=(Update.State.DEAD, Update.State.KEPT)).update(state=Update.State.DISCARDED)
        report(self, request, done, total, ("%(count)d payload was discarded.", "%(count)d payloads were discarded."))


def readable(body: bytes) -> str:
    """Return a payload as text: JSON indented, bytes that are no text as marks."""
    if len(body) > 200_000:
        return body[:30_000].decode("utf-8", "replace")
    text = body.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).encode("utf-8", "replace").decode()
    except (ValueError, RecursionError):
        return text
