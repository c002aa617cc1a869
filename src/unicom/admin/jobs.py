"""Show jobs: what is still to be done because something came in, and what was given up."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from unicom import jobs
from unicom.admin.base import RecordAdmin, apply_each, report
from unicom.admin.display import badge, excerpt, pre, pretty_json
from unicom.models import Job


@admin.register(Job)
class JobAdmin(RecordAdmin):
    """Be the pages of jobs."""

    list_display = ("shown_id", "kind", "shown_state", "shown_reason", "attempts", "next_attempt_at")
    list_filter = ("state", "kind", "created_at")
    search_fields = ("=key", "=lane")
    search_help_text = gettext_lazy("Key or lane.")
    ordering = ("-id",)
    actions = ("run_again",)
    fields = (
        "kind", "key", "lane", "shown_state", "shown_error", "attempts", "crashes", "next_attempt_at", "lease_until",
        "created_at", "finished_at", "shown_args",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=gettext_lazy("job"), ordering="id")
    def shown_id(self, row: Job) -> str:
        """Show the number."""
        return f"{row.pk}"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, row: Job) -> Any:
        """Show the state."""
        return badge(row.state)

    @admin.display(description=gettext_lazy("error"))
    def shown_reason(self, row: Job) -> str:
        """Show why, shortly."""
        return excerpt(row.error, 100) or "–"

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, row: Job) -> Any:
        """Show why."""
        return pre(row.error)

    @admin.display(description=gettext_lazy("arguments"))
    def shown_args(self, row: Job) -> Any:
        """Show what it is about."""
        return pretty_json(row.args)

    @admin.action(description=gettext_lazy("Run again (parked)"), permissions=["operate"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Queue parked jobs again, as if they were new."""
        done, total = apply_each(Job.objects.filter(pk__in=queryset.values("pk")).order_by("id"), jobs.run_again)
        report(self, request, done, total, ("%(count)d job is run again.", "%(count)d jobs are run again."))
