"""Show messages with what became of each part; nothing of their content is ever run."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin

from unicom import access
from unicom.admin import shown_html
from unicom.admin.base import ChannelFilter, RecordAdmin, may_read, may_send, short_id
from unicom.admin.display import badge, excerpt, lines, pre, pretty_json
from unicom.admin.files import private_file
from unicom.admin.rows import TabularInline
from unicom.cleaning import is_clean
from unicom.media import detect
from unicom.models import Account, Attachment, Chat, Delivery, Message
from unicom.quoting import split_quoted


class DirectionFilter(admin.SimpleListFilter):
    """Narrow the list to what came in, what went out, or the system's own."""

    title = gettext_lazy("direction")
    parameter_name = "direction"
    _VALUES = {"in": False, "out": True, "system": None}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the directions."""
        return [("in", _("Incoming")), ("out", _("Outgoing")), ("system", _("System"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Return the messages of the chosen direction."""
        value = self.value()
        return queryset.filter(is_outgoing=self._VALUES[value]) if value in self._VALUES else queryset


class DeliveryInline(TabularInline):
    """Show the parts of an outgoing message."""

    model = Delivery
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    fields = readonly_fields = (
        "act",
        "part",
        "recipient",
        "shown_state",
        "attempts",
        "next_attempt_at",
        "time_sent",
        "error",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Leave out what the page does not show."""
        return super().get_queryset(request).defer("payload", "result")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the outbox alone writes these."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the outbox alone writes these."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those see them who see the message."""
        return may_read(request)

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, delivery: Delivery) -> Any:
        """Show the state."""
        return badge(delivery.state)


@admin.register(Message)
class MessageAdmin(RecordAdmin):
    """Be the pages of messages."""

    list_display = ("shown_id", "shown_text", "shown_sender", "shown_chat", "shown_state", "timestamp")
    list_filter = (DirectionFilter, "status", ChannelFilter, "media_type", "timestamp")
    list_select_related = ("chat",)
    search_fields = ("=id", "=external_id", "=chat__id", "text", "subject", "sender_name")
    search_help_text = gettext_lazy("Message id, chat id, or words of the text, the subject or the sender.")
    ordering = ("-id",)
    list_display_links = ("shown_id", "shown_text")
    channel_path = "channel"
    change_form_template = "admin/unicom/message/change_form.html"
    inlines = (DeliveryInline,)
    readonly_fields = (
        "id", "external_id", "seq", "shown_chat", "channel", "direction", "shown_sender", "shown_answered", "timestamp",
        "edited_at", "deleted_at", "subject", "shown_to", "shown_cc", "shown_bcc", "shown_full_text", "shown_html",
        "shown_files", "media_type", "shown_status", "shown_error", "time_sent", "time_delivered", "time_seen",
        "opened", "time_opened", "link_clicked", "time_link_clicked", "shown_links", "shown_raw",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Fetch the beginning of each text; the page of one message fetches the rest."""
        rows = super().get_queryset(request)
        found: QuerySet[Any] = rows.defer("channel__config", "text", "html", "raw").annotate(
            text_start=Substr("text", 1, 320)
        )
        return found

    def get_fieldsets(self, request: HttpRequest, obj: Message | None = None) -> Any:
        """Leave out what this message does not have."""
        head = ["shown_chat", "channel", "direction", "shown_sender", "timestamp"]
        body = ["shown_full_text"]
        more = ["id", "external_id", "seq", "media_type", "edited_at", "deleted_at", "shown_raw"]
        if obj is None:
            return [(None, {"fields": head})]
        head += ["shown_answered"] if obj.reply_to_message_id else []
        for name in ("to", "cc", "bcc"):
            head += [f"shown_{name}"] if getattr(obj, name) else []
        body = (["subject"] if obj.subject else []) + body + (["shown_html"] if obj.html else []) + ["shown_files"]
        sets: list[Any] = [(None, {"fields": head}), (_("Content"), {"fields": body})]
        if obj.is_outgoing:
            sets.append((_("Delivery"), {"fields": [
                "shown_status", "shown_error", "time_sent", "time_delivered", "time_seen", "time_opened",
                "time_link_clicked", "shown_links",
            ]}))  # fmt: skip
        return [*sets, (_("Technical"), {"fields": more, "classes": ["collapse"]})]

    def get_inlines(self, request: HttpRequest, obj: Message | None) -> Any:
        """Show parts only where there are any to expect."""
        return self.inlines if obj is not None and obj.is_outgoing else ()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a message, with a button to answer it."""
        may_draft = request.user.has_perm("unicom.add_draftmessage")
        context = {"may_reply": may_send(request), "may_draft": may_draft, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[Any]:
        """Add the files."""
        view = self.admin_site.admin_view
        return [
            path("attachment/<int:attachment_id>/", view(self.attachment_view), name="unicom_attachment"),
            path("html/<str:message_id>/", view(xframe_options_sameorigin(self.html_view)), name="unicom_message_html"),
            path("media/<str:message_id>/", view(self.media_view), name="unicom_message_media"),
            *super().get_urls(),
        ]

    def attachment_view(self, request: HttpRequest, attachment_id: int) -> FileResponse:
        """Hand out one file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        item = access.visible(Attachment.objects.filter(pk=attachment_id), request.user).first()
        if item is None:
            raise Http404
        return private_file(item.file, name=item.name, content_type=item.content_type)

    def html_view(self, request: HttpRequest, message_id: str) -> HttpResponse:
        """Show the HTML of one message, for the frame on its page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        message = self.get_queryset(request).filter(pk=message_id).first() if is_clean(message_id) else None
        if message is None:
            raise Http404
        return shown_html.page(message, with_remote="remote_images" in request.GET)

    def media_view(self, request: HttpRequest, message_id: str) -> FileResponse:
        """Hand out the file of a message that has no rows of attachments."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = access.visible(Message.objects.only("media").filter(pk=message_id), request.user)
        message = rows.first() if is_clean(message_id) else None
        if message is None or not message.media:
            raise Http404
        name = message.media.name or ""
        try:
            with message.media.storage.open(name, "rb") as content:
                head = content.read(4096)
        except OSError:
            raise Http404 from None
        return private_file(message.media, name=name, content_type=detect(head, name))

    # Columns and fields

    @admin.display(description=gettext_lazy("message"), ordering="id")
    def shown_id(self, message: Message) -> Any:
        """Show the end of the id, which tells messages apart."""
        return short_id(message.pk)

    @admin.display(description=gettext_lazy("text"))
    def shown_text(self, message: Any) -> str:
        """Show the first words."""
        return excerpt(message.text_start or "") or excerpt(message.subject) or f"({message.media_type})"

    @admin.display(description=gettext_lazy("direction"), ordering="is_outgoing")
    def direction(self, message: Message) -> str:
        """Say where it went."""
        return {True: _("Outgoing"), False: _("Incoming"), None: _("System")}[message.is_outgoing]

    @admin.display(description=gettext_lazy("sender"), ordering="sender_name")
    def shown_sender(self, message: Message) -> Any:
        """Link to who wrote it."""
        name = excerpt(message.sender_name, 40) or "–"
        return self.link(Account, message.sender_id, name) if message.sender_id else name

    @admin.display(description=gettext_lazy("chat"))
    def shown_chat(self, message: Message) -> Any:
        """Link to the conversation."""
        return self.link(Chat, message.chat_id, excerpt(str(message.chat), 40))

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def shown_state(self, message: Message) -> Any:
        """Show how far it has come, or that it came in."""
        return badge(message.status) if message.status else badge("", self.direction(message))

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, message: Message) -> Any:
        """Show how far it has come."""
        return badge(message.status) if message.status else "–"

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, message: Message) -> Any:
        """Show why it failed."""
        return pre(message.error)

    @admin.display(description=gettext_lazy("answers"))
    def shown_answered(self, message: Message) -> Any:
        """Link to what it answers."""
        return self.link(Message, message.reply_to_message_id, message.reply_to_message_id)

    @admin.display(description=gettext_lazy("text"))
    def shown_full_text(self, message: Message) -> Any:
        """Show the whole text."""
        if message.is_outgoing is not False:
            return pre(message.text)
        own, history = split_quoted(message.text)
        if not history:
            return pre(message.text)
        folded = format_html("<details><summary>{}</summary>{}</details>", _("Quoted history"), pre(history))
        return format_html('<div class="unicom-shown">{}{}</div>', pre(own), folded)

    @admin.display(description=gettext_lazy("HTML"))
    def shown_html(self, message: Message) -> Any:
        """Show the HTML as a picture, and its source."""
        return shown_html.framed(message, self.admin_site.name)

    @admin.display(description=gettext_lazy("to"))
    def shown_to(self, message: Message) -> Any:
        """Show the recipients."""
        return lines(message.to)

    @admin.display(description=gettext_lazy("cc"))
    def shown_cc(self, message: Message) -> Any:
        """Show the recipients of copies."""
        return lines(message.cc)

    @admin.display(description=gettext_lazy("bcc"))
    def shown_bcc(self, message: Message) -> Any:
        """Show the recipients of blind copies."""
        return lines(message.bcc)

    @admin.display(description=gettext_lazy("clicked links"))
    def shown_links(self, message: Message) -> Any:
        """Show the links that were clicked, as text."""
        return lines(message.clicked_links)

    @admin.display(description=gettext_lazy("raw"))
    def shown_raw(self, message: Message) -> Any:
        """Show what the platform sent."""
        return pretty_json(message.raw)

    @admin.display(description=gettext_lazy("files"))
    def shown_files(self, message: Message) -> Any:
        """Link to the files, through a view that checks who asks."""
        items = list(message.attachments.all()[:100])
        if not items and message.media:
            url = reverse("admin:unicom_message_media", args=[message.pk], current_app=self.admin_site.name)
            return format_html('<a href="{}">{}</a>', url, (message.media.name or "").rsplit("/", 1)[-1])
        return format_html_join("", "{}<br>", ((self._file(item),) for item in items)) or "–"

    def _file(self, item: Attachment) -> Any:
        name = item.name or f"{item.kind} {item.pk}"
        if not item.file:
            return f"{name}: {item.error or item.get_state_display()}"
        url = reverse("admin:unicom_attachment", args=[item.pk], current_app=self.admin_site.name)
        size = f" ({item.content_type}, {item.size:,} bytes)" if item.size is not None else ""
        return format_html('<a href="{}">{}</a>{}', url, name, size)
