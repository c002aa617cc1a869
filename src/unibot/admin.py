"""Be the admin's pages of bots and of what they did."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from unibot.models import Bot, BotRun
from unicom import access
from unicom.admin.base import RecordAdmin, UnicomAdmin
from unicom.admin.typed import ModelForm
from unicom.llm.tools import registered


class BotForm(ModelForm):
    """Offer the tools there are, with what each does."""

    tools = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, help_text=_("Declared in the code with @unicom.tool.")
    )

    class Meta:
        widgets = {"system_instruction": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "tools" in self.fields:
            found = [(name, f"{name}: {_first_line(tool.description)}") for name, tool in registered().items()]
            self.fields["tools"].choices = found  # type: ignore[attr-defined]


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "–"


@admin.register(Bot)
class BotAdmin(UnicomAdmin):
    """Be the pages of bots."""

    form = BotForm
    list_display = ("name", "is_active", "priority", "model", "shown_runs", "shown_cost")
    list_filter = ("is_active",)
    search_fields = ("name",)
    filter_horizontal = ("channels", "categories")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count runs and costs along, those of the user's channels."""
        rows: QuerySet[Any] = super().get_queryset(request)
        every = BotRun.objects.order_by()
        theirs = access.visible(every, request.user)
        only = None if theirs is every else Q(runs__in=theirs.values("pk"))
        counted: QuerySet[Any] = rows.annotate(
            run_count=Count("runs", filter=only), total_cost=Sum("runs__cost", filter=only)
        )
        return counted

    @admin.display(description=_("runs"))
    def shown_runs(self, bot: Any) -> int:
        """Show how often its model was asked."""
        return int(bot.run_count)

    @admin.display(description=_("cost"))
    def shown_cost(self, bot: Any) -> str:
        """Show what that cost."""
        return f"{bot.total_cost or 0:.4f}"


@admin.register(BotRun)
class BotRunAdmin(RecordAdmin):
    """Be the log of runs."""

    list_display = ("created_at", "bot", "outcome", "model", "tool_calls", "tokens", "cost", "seconds")
    list_filter = ("outcome", "bot")
    list_select_related = ("bot",)

    @admin.display(description=_("tokens"))
    def tokens(self, run: BotRun) -> str:
        """Show what it read and wrote."""
        return f"{run.input_tokens:,} + {run.output_tokens:,}"
