"""Keep message templates."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy

from unicom.admin.base import UnicomAdmin
from unicom.admin.display import html_preview
from unicom.admin.typed import ModelForm
from unicom.models import MessageTemplate


class TemplateForm(ModelForm):
    """Edit a template."""

    class Meta:
        widgets = {
            "description": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
            "content": forms.Textarea(attrs={"rows": 16, "class": "vLargeTextField unicom-code"}),
        }


@admin.register(MessageTemplate)
class MessageTemplateAdmin(UnicomAdmin):
    """Be the pages of message templates."""

    form = TemplateForm
    list_display = ("title", "category", "description", "updated_at")
    list_filter = ("category",)
    search_fields = ("title", "description", "category", "content")
    filter_horizontal = ("channels",)
    fields = ("title", "description", "category", "content", "shown_content", "channels", "created_at", "updated_at")
    readonly_fields = ("shown_content", "created_at", "updated_at")

    @admin.display(description=gettext_lazy("preview"))
    def shown_content(self, template: MessageTemplate) -> Any:
        """Show what is stored as a picture."""
        return html_preview(template.content)
