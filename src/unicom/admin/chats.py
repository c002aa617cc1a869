"""Show chats as conversations, and let staff answer in them."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Substr
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom.admin import conversation, live
from unicom.admin.base import ChannelFilter, Consequence, NothingShown, UnicomAdmin, may_read, may_send
from unicom.admin.display import badge, excerpt, pretty_json
from unicom.admin.replies import ReplyForm
from unicom.cleaning import is_clean
from unicom.models import Account, AccountChat, Chat, Message, Request
from unicom.platforms import adapter_class


@admin.register(Chat)
class ChatAdmin(UnicomAdmin):
    """Be the pages of chats: the conversation on top, its few own fields below."""

    list_display = ("shown_name", "shown_person", "last_words", "last_message_at", "channel")
    list_filter = (ChannelFilter, "platform", "is_archived", "is_group", "last_message_at")
    search_fields = ("=id", "=external_id", "name", "accounts__name", "accounts__username")
    search_help_text = gettext_lazy("Chat id, name of the chat, or name of who takes part.")
    channel_path = "channel"
    change_form_template = "admin/unicom/chat/change_form.html"
    fields = (
        "name", "is_archived", "channel", "shown_people", "is_group", "id", "external_id", "created_at",
        "last_message_at", "deleted_at", "shown_window", "shown_metadata",
    )  # fmt: skip
    readonly_fields = tuple(name for name in fields if name not in ("name", "is_archived"))
    consequences = (Consequence(Message, "chat", asks=True), Consequence(Request, "chat", asks=True))

    class Media:
        css = {"all": ["unicom/admin/conversation.css"]}
        js = ["unicom/admin/live.js"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a chat is opened by its first message."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chat]:
        """Fetch the last words and one participant with each chat."""
        person = AccountChat.objects.filter(chat=OuterRef("pk")).order_by("id")
        found: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                last_text=Substr("last_message__text", 1, 320),
                person_name=Subquery(person.values("account__name")[:1]),
                person_id=Subquery(person.values("account_id")[:1]),
            )
        )
        return found

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave the words of messages to those who may read them."""
        columns = super().get_list_display(request)
        return columns if may_read(request) else [name for name in columns if name != "last_words"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Take the name on one line."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "name" and field is not None:
            field.widget = AdminTextInputWidget()
        return field

    # Columns and fields

    @admin.display(description=gettext_lazy("chat"), ordering="name")
    def shown_name(self, chat: Chat) -> str:
        """Show the name, or the end of the id where there is none."""
        return excerpt(chat.name, 60) or (chat.pk if len(chat.pk) <= 24 else f"…{chat.pk[-12:]}")

    @admin.display(description=gettext_lazy("with"))
    def shown_person(self, chat: Any) -> Any:
        """Link to who takes part, the first one."""
        return self.link(Account, chat.person_id, excerpt(chat.person_name or chat.person_id or "", 40))

    @admin.display(description=gettext_lazy("last message"))
    def last_words(self, chat: Any) -> str:
        """Show how the last message begins."""
        return excerpt(chat.last_text or "", 60) or "–"

    @admin.display(description=gettext_lazy("participants"))
    def shown_people(self, chat: Chat) -> Any:
        """Link to who takes part."""
        people = chat.accounts.only("id", "name").order_by("account_chats__id")[:51]
        links = [(self.link(Account, person.pk, excerpt(str(person), 60)),) for person in people]
        if len(links) > 50:
            links[50:] = [("…",)]
        return format_html_join(", ", "{}", links) or "–"

    @admin.display(description=gettext_lazy("may be written to"))
    def shown_window(self, chat: Chat) -> Any:
        """Say until when the person may be written to freely, where the platform has such a rule."""
        try:
            window = adapter_class(chat.platform).window
        except LookupError:
            window = None
        if window is None or chat.is_group:
            return _("at any time")
        if chat.open_until is None:
            return badge("", _("only with a template: they have not written yet"))
        moment = date_format(localtime(chat.open_until), "DATETIME_FORMAT")
        if timezone.now() < chat.open_until:
            return badge("active", _("freely until %(time)s") % {"time": moment})
        return badge("failed", _("only with a template since %(time)s") % {"time": moment})

    @admin.display(description=gettext_lazy("metadata"))
    def shown_metadata(self, chat: Chat) -> Any:
        """Show what was noted."""
        return pretty_json(chat.metadata)

    # The conversation

    def get_urls(self) -> list[Any]:
        """Add the address the reply box posts to."""
        guarded = self.admin_site.admin_view
        return [
            path("<path:object_id>/reply/", guarded(self.reply_view), name="unicom_chat_reply"),
            path("<path:object_id>/live/", guarded(self.live_view), name="unicom_chat_live"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the conversation and the chat's own fields."""
        chat = self.get_object(request, unquote(object_id))
        context = dict(extra_context or {})
        if chat is not None and self.has_view_or_change_permission(request, chat):
            context.update(self._conversation(request, chat, context.get("reply_form")))
        return super().change_view(request, object_id, form_url, context)

    def _conversation(self, request: HttpRequest, chat: Chat, form: ReplyForm | None) -> dict[str, Any]:
        readable = may_read(request)
        before = request.GET.get("before", "")
        number = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        context: dict[str, Any] = {
            "title": _("Conversation"),
            "chat": chat,
            "may_read": readable,
            "page": conversation.load(chat, number) if readable else None,
            "live_url": live.address(chat, self.admin_site.name),
        }
        if may_send(request):
            if form is None:
                initial = {"reply_to": request.GET.get("reply_to", "")[:64]}
                form = ReplyForm(initial=initial, chat=chat, user=request.user)
            context["reply_form"] = form
            context["answered"] = form.answered() if readable else None
            context["reply_url"] = reverse(
                "admin:unicom_chat_reply", args=[quote(chat.pk)], current_app=self.admin_site.name
            )
        return context

    def live_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the newest messages for the page that shows them; a POST says that somebody looks, or writes."""
        pk = unquote(object_id)
        chat = self.get_object(request, pk) if is_clean(pk) else None
        if chat is None:
            raise Http404
        if not (self.has_view_or_change_permission(request, chat) and may_read(request)):
            raise PermissionDenied
        if request.method == "POST":
            if request.POST.get("writing") and may_send(request):
                live.writing(chat)
            live.seen(chat, request.user)
        return live.newest(request, chat, may_reply=may_send(request))

    def reply_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a reply; what is wrong with it is shown on the chat's page."""
        request.exception_reporter_filter = NothingShown()
        pk = unquote(object_id)
        chat = self.get_object(request, pk) if is_clean(pk) else None
        if chat is None:
            raise Http404
        if not (self.has_view_or_change_permission(request, chat) and may_send(request)):
            raise PermissionDenied
        page_url = reverse("admin:unicom_chat_change", args=[quote(chat.pk)], current_app=self.admin_site.name)
        if request.method != "POST":
            return HttpResponseRedirect(page_url)
        fresh = Chat.objects.select_related("channel").get(pk=chat.pk)
        form = ReplyForm(request.POST, request.FILES, chat=fresh, user=request.user)
        if form.send() and form.sent is not None:
            self.log_change(request, chat, _("Replied with message %(id)s.") % {"id": form.sent.pk})
            self._tell(request, form.sent)
            return HttpResponseRedirect(f"{page_url}#reply")
        page = copy.copy(request)
        page.method, page.POST = "GET", QueryDict()
        return self.change_view(page, object_id, page_url, {"reply_form": form})

    def _tell(self, request: HttpRequest, message: Message) -> None:
        if message.status in ("failed", "bounced", "unknown"):
            text = _("The reply is %(status)s: %(error)s") % {"status": message.status, "error": message.error}
            self.message_user(request, text, messages.WARNING)
        elif message.status in ("queued", "sending"):
            self.message_user(request, _("The reply is queued."), messages.SUCCESS)
        else:
            self.message_user(request, _("The reply was sent."), messages.SUCCESS)
