"""Prepare, approve and schedule messages; approving one is sending, and needs the permission to."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom.admin.base import ChannelFilter, UnicomAdmin, may_send, report
from unicom.admin.config_fields import LinesField
from unicom.admin.display import badge, excerpt, html_preview, pre
from unicom.admin.typed import ModelForm
from unicom.models import Chat, DraftMessage, Message

OPEN = (DraftMessage.Status.DRAFT, DraftMessage.Status.SCHEDULED, DraftMessage.Status.FAILED)


class DraftForm(ModelForm):
    """Check a draft as far as can be told before it is sent."""

    to = LinesField(label=gettext_lazy("To"), required=False, help_text=gettext_lazy("One address a line."))
    cc = LinesField(label=gettext_lazy("Cc"), required=False)
    bcc = LinesField(label=gettext_lazy("Bcc"), required=False)

    class Meta:
        widgets = {
            "subject": AdminTextInputWidget(),
            "html": forms.Textarea(attrs={"rows": 12, "class": "vLargeTextField unicom-code"}),
        }

    def clean(self) -> dict[str, Any]:
        """Ask for somebody to send it to, and for something to send."""
        cleaned = super().clean() or self.cleaned_data
        channel, chat_id = cleaned.get("channel"), cleaned.get("chat_id", "")
        if (
            "chat_id" in self.fields
            and not chat_id
            and not cleaned.get("to")
            and not cleaned.get("reply_to_message_id")
        ):
            self.add_error("chat_id", _("Say where to send it: a chat, or addresses."))
        if chat_id and channel is not None and _elsewhere(chat_id, channel.pk):
            self.add_error("chat_id", _("This chat belongs to another channel."))
        if (
            "text" in self.fields
            and not (cleaned.get("text") or "").strip()
            and not (cleaned.get("html") or "").strip()
        ):
            self.add_error("text", _("Write something: a text or HTML."))
        return cleaned


def _elsewhere(chat_id: str, channel_id: int) -> bool:
    found = Chat.objects.filter(pk=chat_id).values_list("channel_id", flat=True).first()
    return found is not None and found != channel_id


@admin.register(DraftMessage)
class DraftMessageAdmin(UnicomAdmin):
    """Be the pages of drafts."""

    form = DraftForm
    list_display = ("shown_title", "channel", "shown_to", "shown_status", "is_approved", "send_at", "created_by")
    list_filter = ("status", "is_approved", ChannelFilter)
    list_select_related = ("created_by",)
    search_fields = ("subject", "text", "chat_id")
    date_hierarchy = "send_at"
    actions = ("approve", "cancel_drafts")
    channel_path = "channel"
    _STATE = ("shown_status", "shown_error", "shown_message", "created_by", "created_at", "sent_at")
    fieldsets = (
        (gettext_lazy("Recipient"), {"fields": ("channel", "chat_id", ("to", "cc", "bcc"), "reply_to_message_id")}),
        (gettext_lazy("Content"), {"fields": ("subject", "text", "html", "shown_html")}),
        (gettext_lazy("Sending"), {
            "fields": ("send_at", "is_approved", "cancel_on_reply"),
            "description": gettext_lazy("An approved draft with a time is scheduled as soon as it is saved."),
        }),
        (gettext_lazy("Advanced"), {
            "fields": ("buttons", "render_template", "render_variables"), "classes": ["collapse"],
        }),
        (gettext_lazy("State"), {"fields": _STATE}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: DraftMessage | None = None) -> tuple[str, ...]:
        """Leave approving to those who may send."""
        return (*self._STATE, "shown_html") if may_send(request) else (*self._STATE, "shown_html", "is_approved")

    def has_change_permission(self, request: HttpRequest, obj: DraftMessage | None = None) -> bool:
        """Refuse what was handed over already, and what was approved by somebody who may send."""
        over = obj is not None and obj.status == DraftMessage.Status.SENT
        if obj is not None and (over or (obj.is_approved and not may_send(request))):
            return False
        return super().has_change_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: DraftMessage | None = None) -> bool:
        """Let those see it who may change others."""
        return super().has_view_permission(request, obj) or super().has_change_permission(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> DraftMessage | None:
        """Lock a draft that is about to be saved, so that it cannot be sent meanwhile and then become a draft again."""
        draft: DraftMessage | None = super().get_object(request, object_id, from_field)
        if draft is not None and request.method == "POST" and transaction.get_connection().in_atomic_block:
            now = DraftMessage.objects.select_for_update().filter(pk=draft.pk).values_list("status", "is_approved")
            for draft.status, draft.is_approved in now:
                pass
        return draft

    def save_model(self, request: HttpRequest, obj: DraftMessage, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Schedule what is approved and has a time; note who wrote it."""
        if not change:
            obj.created_by = cast("Any", request.user)
        obj.status, obj.error = _status(obj), ""
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("draft"), ordering="subject")
    def shown_title(self, draft: DraftMessage) -> str:
        """Show the subject, or how it begins."""
        return excerpt(draft.subject) or excerpt(draft.text) or f"{draft.pk}"

    @admin.display(description=gettext_lazy("to"))
    def shown_to(self, draft: DraftMessage) -> str:
        """Show where it goes."""
        to = draft.to if isinstance(draft.to, list) else [draft.to]
        return excerpt(draft.chat_id or ", ".join(map(str, to)), 40) or "–"

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, draft: DraftMessage) -> Any:
        """Show how far it has come."""
        return badge(draft.status)

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, draft: DraftMessage) -> Any:
        """Show why it was not sent."""
        return pre(draft.error)

    @admin.display(description=gettext_lazy("message"))
    def shown_message(self, draft: DraftMessage) -> Any:
        """Link to what it became."""
        return self.link(Message, draft.message_id, draft.message_id)

    @admin.display(description=gettext_lazy("preview"))
    def shown_html(self, draft: DraftMessage) -> Any:
        """Show what is stored as a picture."""
        return html_preview(draft.html)

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may approve."""
        return may_send(request) and super().has_change_permission(request)

    @admin.action(description=gettext_lazy("Approve selected drafts"), permissions=["send"])
    def approve(self, request: HttpRequest, queryset: QuerySet[DraftMessage]) -> None:
        """Let them be sent at their time."""
        chosen = list(queryset)
        done = 0
        for draft in chosen:
            draft.is_approved = True
            values = {"is_approved": True, "status": _status(draft)}
            waiting = DraftMessage.objects.filter(pk=draft.pk, status__in=OPEN, is_approved=False)
            done += waiting.update(**values)
        report(self, request, done, len(chosen), ("%(count)d draft was approved.", "%(count)d drafts were approved."))

    @admin.action(description=gettext_lazy("Cancel selected drafts"), permissions=["change"])
    def cancel_drafts(self, request: HttpRequest, queryset: QuerySet[DraftMessage]) -> None:
        """See to it that they are not sent."""
        chosen = DraftMessage.objects.filter(pk__in=queryset.values("pk"))
        total = chosen.count()
        done = chosen.filter(status__in=OPEN).update(status=DraftMessage.Status.CANCELLED)
        report(self, request, done, total, ("%(count)d draft was cancelled.", "%(count)d drafts were cancelled."))


def _status(draft: DraftMessage) -> str:
    return DraftMessage.Status.SCHEDULED if draft.is_approved and draft.send_at else DraftMessage.Status.DRAFT
