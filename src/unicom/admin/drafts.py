"""Prepare, approve and schedule messages; approving one is sending, and needs the permission to."""

from __future__ import annotations

import contextlib
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom import access, scheduling
from unicom.admin.base import ChannelFilter, apply_each, may_read, may_send, report
from unicom.admin.config_fields import LinesField
from unicom.admin.display import badge, excerpt, html_preview, pre
from unicom.admin.editor import HtmlEditor
from unicom.admin.previews import PreviewAdmin
from unicom.admin.rows import TabularInline
from unicom.admin.templates import check_template
from unicom.admin.typed import ModelForm
from unicom.cleaning import is_clean
from unicom.models import Chat, DraftAttachment, DraftMessage, Message

# What of a send belongs to which field of the form; what is said of the channel may be mended before its time.
_FIELDS = {"reply_to": "to", "attachments": None}
_LATER = ("channel", "platform", "template")


class DraftForm(ModelForm):
    """Check a draft as far as can be told before it is sent."""

    to = LinesField(label=gettext_lazy("To"), required=False, help_text=gettext_lazy("One address a line."))
    cc = LinesField(label=gettext_lazy("Cc"), required=False)
    bcc = LinesField(label=gettext_lazy("Bcc"), required=False)

    class Meta:
        widgets = {
            "subject": AdminTextInputWidget(),
            "html": HtmlEditor(),
            "buttons": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField unicom-code"}),
            "render_variables": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField unicom-code"}),
        }
        labels = {"chat_id": gettext_lazy("Chat"), "html": gettext_lazy("HTML")}
        help_texts = {
            "chat_id": gettext_lazy("Our id of the chat, or the platform's."),
            "buttons": gettext_lazy('Rows of buttons, as in [[{"text": "Yes", "callback_data": "yes"}]].'),
            "quiet_until": gettext_lazy("By the clock of the recipient."),
        }

    def clean(self) -> dict[str, Any]:
        """Ask for somebody to send it to, and for something to send; what is approved has to be fit to be sent."""
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
        if not isinstance(cleaned.get("render_variables", {}), dict):
            self.add_error("render_variables", _('A JSON object is needed, as in {"name": "Ann"}.'))
        if cleaned.get("render_template"):
            check_template(self, "subject", "text", "html")
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors and self.instance.is_approved and self.instance.channel is not None:
            for key, sentence in scheduling.problems_of(self.instance, user=self.user).items():
                name = _FIELDS.get(key, key.partition("[")[0])
                if key not in _LATER:
                    self.add_error(name if name in self.fields else None, f"{key}: {sentence}.")

    user: Any = None


def _elsewhere(chat_id: str, channel_id: int) -> bool:
    found = Chat.objects.filter(pk=chat_id).values_list("channel_id", flat=True).first()
    return found is not None and found != channel_id


class AttachmentInline(TabularInline):
    """Take the files that go along."""

    model = DraftAttachment
    extra = 1
    fields = ("file", "name")
    readonly_fields = ("name",)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Take files without a link to what is stored: those are not for everybody."""
        kwargs.setdefault("widgets", {"file": forms.FileInput()})
        return super().get_formset(request, obj, **kwargs)


@admin.register(DraftMessage)
class DraftMessageAdmin(PreviewAdmin):
    """Be the pages of drafts."""

    form = DraftForm
    list_display = ("shown_title", "channel", "shown_to", "shown_status", "is_approved", "send_at", "created_by")
    list_filter = ("status", "is_approved", ChannelFilter)
    list_select_related = ("created_by",)
    search_fields = ("subject", "text", "chat_id")
    date_hierarchy = "send_at"
    actions = ("approve", "cancel_drafts")
    channel_path = "channel"
    inlines = (AttachmentInline,)
    change_form_template = "admin/unicom/compose.html"
    preview_fields = {"subject": "subject", "text": "text", "html": "html"}
    _STATE = (
        "shown_outlook", "shown_error", "shown_message", "created_by", "created_at", "postponed_from", "sent_at",
        "late_by",
    )  # fmt: skip
    fieldsets = (
        (gettext_lazy("Recipient"), {"fields": ("channel", "chat_id", ("to", "cc", "bcc"), "reply_to_message_id")}),
        (gettext_lazy("Content"), {"fields": ("subject", "text", "html")}),
        (gettext_lazy("Sending"), {
            "fields": ("send_at", ("quiet_from", "quiet_until"), "cancel_on_reply", "is_approved"),
            "description": gettext_lazy("An approved draft with a time is scheduled as soon as it is saved."),
        }),
        (gettext_lazy("Template and buttons"), {
            "fields": ("render_template", "render_variables", "buttons"), "classes": ["collapse"],
        }),
        (gettext_lazy("State"), {"fields": _STATE}),
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: DraftMessage | None = None) -> tuple[str, ...]:
        """Leave approving to those who may send."""
        return self._STATE if may_send(request) else (*self._STATE, "is_approved")

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
        obj.status, obj.error = DraftMessage.Status.DRAFT, ""  # saving it schedules what is approved and has a time
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

    @admin.display(description=gettext_lazy("status"))
    def shown_outlook(self, draft: DraftMessage) -> Any:
        """Show how far it has come, and whether a reply has overtaken it already."""
        waits = draft.status == DraftMessage.Status.SCHEDULED and draft.cancel_on_reply
        if waits and scheduling.is_overtaken(draft):
            note = _("The recipient has written since: it will be cancelled.")
            return format_html('{} <span class="unicom-reason">{}</span>', badge(draft.status), note)
        return badge(draft.status)

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, draft: DraftMessage) -> Any:
        """Show why it was not sent."""
        return pre(draft.error)

    @admin.display(description=gettext_lazy("message"))
    def shown_message(self, draft: DraftMessage) -> Any:
        """Link to what it became."""
        return self.link(Message, draft.message_id, draft.message_id)

    @admin.display(description=gettext_lazy("HTML"))
    def shown_html(self, draft: DraftMessage) -> Any:
        """Show what is stored as a picture."""
        return html_preview(draft.html)

    def get_fieldsets(self, request: HttpRequest, obj: DraftMessage | None = None) -> Any:
        """Show to those who may only look a picture, not the source in an editor."""
        sets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return sets
        shown = ("subject", "text", "shown_html")
        return [(name, {**of, "fields": shown} if "html" in of["fields"] else of) for name, of in sets]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show or save a draft."""
        preview = reverse("admin:unicom_draftmessage_preview", current_app=self.admin_site.name)
        further: dict[str, Any] = {"preview_url": preview}
        if request.user.has_perm("unicom.view_messagetemplate"):
            with contextlib.suppress(NoReverseMatch):  # a project that has not included our urls
                further["templates_url"] = reverse("message_templates")
        return super().changeform_view(request, object_id, form_url, {**further, **(extra_context or {})})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """Check what is approved as if its author sent it now."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.user = (obj.created_by if obj is not None else None) or request.user
        return form

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin an answer to a message: in its chat, quoting it, and so not as a template."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        pk = str(initial.get("reply_to_message_id", ""))[:64]
        rows = access.visible(Message.objects.filter(pk=pk), request.user)
        answered = rows.first() if pk and is_clean(pk) and may_read(request) else None
        if answered is not None:
            quoted = "".join(f"> {line}\n" for line in answered.text[:2000].splitlines())
            initial |= {"channel": answered.channel_id, "chat_id": answered.chat_id, "render_template": False}
            initial |= {"text": f"{quoted}\n" if quoted else ""}
        return initial

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may approve."""
        return may_send(request) and super().has_change_permission(request)

    @admin.action(description=gettext_lazy("Approve selected drafts"), permissions=["send"])
    def approve(self, request: HttpRequest, queryset: QuerySet[DraftMessage]) -> None:
        """Let them be sent at their time."""
        done, total = apply_each(queryset, scheduling.approve)
        report(self, request, done, total, ("%(count)d draft was approved.", "%(count)d drafts were approved."))

    @admin.action(description=gettext_lazy("Cancel selected drafts"), permissions=["change"])
    def cancel_drafts(self, request: HttpRequest, queryset: QuerySet[DraftMessage]) -> None:
        """See to it that they are not sent."""
        done, total = apply_each(queryset, scheduling.cancel)
        report(self, request, done, total, ("%(count)d draft was cancelled.", "%(count)d drafts were cancelled."))
