"""Keep message templates, with what differs by platform, and show what becomes of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom import templating
from unicom.admin.base import Consequence
from unicom.admin.display import html_preview
from unicom.admin.editor import HtmlEditor
from unicom.admin.previews import PreviewAdmin
from unicom.admin.rows import StackedInline
from unicom.admin.typed import ModelForm
from unicom.models import MessageTemplate, TemplateInlineImage, TemplateVariant
from unicom.platforms import names as platform_names


def check_template(form: ModelForm, *names: str) -> None:
    """Say at each field what is wrong with the template in it."""
    for name in names:
        source = form.cleaned_data.get(name) or ""
        problem = templating.check(source, html=name in ("html", "content"))
        if problem:
            form.add_error(name, f"{problem}.")


class TemplateForm(ModelForm):
    """Edit a template."""

    class Meta:
        widgets = {
            "description": forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"}),
            "content": HtmlEditor(),
        }

    def clean(self) -> dict[str, Any]:
        """Refuse what can never be rendered."""
        cleaned = super().clean() or self.cleaned_data
        check_template(self, "content")
        return cleaned


class VariantForm(ModelForm):
    """Edit what a template says on one platform."""

    platform = forms.ChoiceField(label=gettext_lazy("Platform"))

    class Meta:
        widgets = {
            "subject": AdminTextInputWidget(),
            "text": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"}),
            "html": forms.Textarea(attrs={"rows": 8, "class": "vLargeTextField unicom-code"}),
        }
        labels = {"html": gettext_lazy("HTML")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = sorted({*platform_names(), self.instance.platform} - {""})
        self.fields["platform"].choices = [("", "---------"), *((name, name) for name in names)]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse what can never be rendered."""
        cleaned = super().clean() or self.cleaned_data
        check_template(self, "subject", "text", "html")
        return cleaned


class VariantInline(StackedInline):
    """Edit the variants beside their template."""

    model = TemplateVariant
    form = VariantForm
    extra = 0


@admin.register(MessageTemplate)
class MessageTemplateAdmin(PreviewAdmin):
    """Be the pages of message templates."""

    form = TemplateForm
    list_display = ("title", "category", "description", "updated_at")
    list_filter = ("category",)
    search_fields = ("title", "description", "category", "content")
    filter_horizontal = ("channels",)
    fields = ("title", "description", "category", "content", "shown_names", "channels", "created_at", "updated_at")
    readonly_fields = ("shown_names", "created_at", "updated_at")
    inlines = (VariantInline,)
    change_form_template = "admin/unicom/compose.html"
    preview_fields = {"html": "content"}
    knows_variables = False
    consequences = (Consequence(TemplateVariant, "template"), Consequence(TemplateInlineImage, "template"))

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show or save a template."""
        preview = reverse("admin:unicom_messagetemplate_preview", current_app=self.admin_site.name)
        return super().changeform_view(request, object_id, form_url, {"preview_url": preview, **(extra_context or {})})

    def get_fields(self, request: HttpRequest, obj: MessageTemplate | None = None) -> Any:
        """Show to those who may only look a picture, not the source in an editor."""
        fields = super().get_fields(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            return ["shown_content" if name == "content" else name for name in fields]
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: MessageTemplate | None = None) -> Any:
        """Name the picture, too."""
        return (*super().get_readonly_fields(request, obj), "shown_content")

    @admin.display(description=gettext_lazy("content"))
    def shown_content(self, template: MessageTemplate) -> Any:
        """Show what is stored as a picture."""
        return html_preview(template.content)

    @admin.display(description=gettext_lazy("variables"))
    def shown_names(self, template: MessageTemplate) -> Any:
        """Name what has to be given when it is used."""
        names = templating.names_used(template.content, html=True)
        if not names:
            return "-"
        line = _("line %(line)d")
        return format_html_join("", "<code>{}</code> ({})<br>", ((name, line % {"line": at}) for name, at in names))
