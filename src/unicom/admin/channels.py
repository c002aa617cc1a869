"""Show and set up channels: a form made from the platform's Config, checked with the platform after saving."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom import platforms
from unicom.admin import secrets
from unicom.admin.base import Consequence, UnicomAdmin, report
from unicom.admin.channel_forms import PREFIX, RAW, channel_form, config_class
from unicom.admin.display import badge, excerpt, pretty_json
from unicom.errors import EncryptionKeyError
from unicom.models import Channel, Chat, Delivery, DraftMessage, Message, Request, Update
from unicom.platforms.base import AdapterConfig
from unicom.types import QUEUED, SENDING, UNKNOWN

_COMMON = frozenset(AdapterConfig.model_fields)
"""The keys every platform knows, which few have to touch."""


class CountingChangeList(ChangeList):
    """Count the queues of the channels of one page, in two queries however many there are."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, and what waits on each of its channels."""
        super().get_results(request)
        rows = {channel.pk: channel for channel in self.result_list}
        for channel in rows.values():
            channel.counts = {}
        states = Delivery.objects.filter(channel__in=rows, state__in=(QUEUED, SENDING, UNKNOWN))
        for pk, state, count in states.order_by().values_list("channel", "state").annotate(Count("pk")):
            rows[pk].counts[state] = count
        dead = Update.objects.filter(channel__in=rows, state=Update.State.DEAD)
        for pk, count in dead.order_by().values_list("channel").annotate(Count("pk")):
            rows[pk].counts["dead"] = count


@admin.register(Channel)
class ChannelAdmin(UnicomAdmin):
    """Be the pages of channels."""

    list_display = ("name", "platform", "health", "waiting")
    list_filter = ("platform", "active")
    search_fields = ("name", "external_id")
    actions = ("validate_selected", "deactivate_selected")
    change_form_template = "admin/unicom/channel/change_form.html"
    consequences = (
        Consequence(Chat, "channel", asks=True),
        Consequence(Message, "channel", asks=True),
        Consequence(Request, "channel", asks=True),
        Consequence(DraftMessage, "channel", asks=True),
        Consequence(Update, "channel"),
    )
    _STATE: ClassVar = ("health", "external_id", "validated_at", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """Leave the secrets in the database until a form needs them."""
        return super().get_queryset(request).defer("config")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Count the queues."""
        return CountingChangeList

    # What is shown

    @admin.display(description=gettext_lazy("health"), ordering="active")
    def health(self, channel: Channel) -> Any:
        """Say in a word how it is, and why."""
        if channel.down_since is not None:
            since = _("down since %(time)s") % {"time": date_format(localtime(channel.down_since), "DATETIME_FORMAT")}
            word = badge("down", since)
        elif channel.active:
            word = badge("active", _("active"))
        else:
            word = badge("failed" if channel.error else "", _("not active"))
        reason = excerpt(channel.error or channel.note, 300)
        return format_html('{} <span class="unicom-reason">{}</span>', word, reason)

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, channel: Channel) -> Any:
        """Count what waits, what may or may not have arrived, and what could not be read."""
        counts = getattr(channel, "counts", {})
        queued = counts.get(QUEUED, 0) + counts.get(SENDING, 0)
        shown = [
            (self._list("delivery", channel, state__exact=QUEUED), _("queued"), queued),
            (self._list("delivery", channel, state__exact=UNKNOWN), _("unknown"), counts.get(UNKNOWN, 0)),
            (self._list("update", channel, state__exact="dead"), _("dead letters"), counts.get("dead", 0)),
        ]
        found = [(url, f"{count:,} {word}") for url, word, count in shown if count]
        return format_html_join(" ", '<a class="unicom-count" href="{}">{}</a>', found) or "–"

    def _list(self, model: str, channel: Channel, **filters: str) -> str:
        url = reverse(f"admin:unicom_{model}_changelist", current_app=self.admin_site.name)
        return f"{url}?{urlencode({'channel': channel.pk, **filters})}"

    @admin.display(description=gettext_lazy("config"))
    def shown_config(self, channel: Channel) -> Any:
        """Show the config without its secrets, to those who may look and not change."""
        model = config_class(channel.platform)
        return pretty_json(secrets.masked(model, secrets.normal(model, channel.config) if model else channel.config))

    # The form

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> tuple[str, ...]:
        """Leave name and config to be edited; the platform is chosen once."""
        return ("platform", *self._STATE, "shown_config")

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """Arrange name, config, raw JSON and state."""
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": ("name", "platform", "teams", "shown_config", *self._STATE)})]
        platform = obj.platform if obj is not None else request.GET.get("platform", "")
        model = config_class(platform)
        sets: list[Any] = [(None, {"fields": ("name", "platform", "teams") if obj else ("name", "teams")})]
        if model is not None:
            basic = [key for key in model.model_fields if key not in _COMMON]
            common = [key for key in model.model_fields if key in _COMMON]
            if basic:
                sets.append((_("Configuration"), {"fields": [f"{PREFIX}{key}" for key in basic]}))
            if common:
                sets.append((_("Advanced"), {"fields": [f"{PREFIX}{key}" for key in common], "classes": ["collapse"]}))
            sets.append(
                (
                    _("Raw JSON"),
                    {
                        "fields": [RAW],
                        "classes": ["collapse"],
                        "description": _(
                            "The whole configuration as it is stored. Change either the fields above or this."
                        ),
                    },
                )
            )
        elif obj is not None:
            sets.append(
                (
                    _("Configuration"),
                    {
                        "fields": ["shown_config"],
                        "description": _("The platform is not installed, so its configuration cannot be edited here."),
                    },
                )
            )
        if obj is not None:
            sets.append((_("State"), {"fields": self._STATE}))
        return sets

    def get_form(self, request: HttpRequest, obj: Channel | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002  Django's signature
        """Make the form from the platform's Config."""
        if obj is None or self.has_change_permission(request, obj):
            kwargs["form"] = channel_form(obj.platform if obj is not None else request.GET.get("platform", ""), obj)
        return super().get_form(request, obj, change, **kwargs)

    # Saving

    @transaction.non_atomic_requests
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for the platform first, then for its config."""
        platform = request.GET.get("platform", "")
        if platform not in platforms.names():
            return self._choose_platform(request, platform)
        if config_class(platform) is None:
            text = _("%(platform)s cannot be used here: what it needs is not installed.") % {"platform": platform}
            self.message_user(request, text, messages.ERROR)
            return self._choose_platform(request, "")
        return super().add_view(request, form_url, {"subtitle": platform, **(extra_context or {})})

    def _choose_platform(self, request: HttpRequest, asked: str) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        kept = request.GET.copy()
        choices = []
        for name in platforms.names():
            kept["platform"] = name
            choices.append((name, f"?{kept.urlencode()}"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Add channel"),
            "subtitle": _("Choose a platform"),
            "opts": self.opts,
            "choices": choices,
            "asked": asked,
        }
        return TemplateResponse(request, "admin/unicom/channel/choose_platform.html", context)

    @transaction.non_atomic_requests
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show or save one channel."""
        try:
            return super().change_view(request, object_id, form_url, extra_context)
        except EncryptionKeyError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:unicom_channel_changelist", current_app=self.admin_site.name))

    @transaction.non_atomic_requests
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, or run an action."""
        return super().changelist_view(request, extra_context)

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Save, and note that the platform has to be asked once that is committed."""
        super().save_model(request, obj, form, change)
        request.unicom_saved = obj.pk  # type: ignore[attr-defined]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Save in a transaction; ask the platform after it, so that nothing waits on the network with locks held."""
        response = super().changeform_view(request, object_id, form_url, extra_context)
        saved = getattr(request, "unicom_saved", None)
        if saved is not None:
            channel = Channel.objects.filter(pk=saved).first()
            if channel is not None:
                self._validate(request, channel)
        return response

    def _validate(self, request: HttpRequest, channel: Channel) -> None:
        names = {"name": channel.name}
        if channel.validate():
            self.message_user(request, _("“%(name)s” is validated and active.") % names, messages.SUCCESS)
        else:
            text = _("“%(name)s” is saved, but not active: %(error)s") % {**names, "error": channel.error}
            self.message_user(request, text, messages.ERROR)

    @admin.action(description=gettext_lazy("Validate selected channels"), permissions=["change"])
    def validate_selected(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Ask the platform of each channel, one after the other."""
        for pk in queryset.values_list("pk", flat=True):
            try:
                self._validate(request, Channel.objects.get(pk=pk))
            except EncryptionKeyError as error:
                self.message_user(request, str(error), messages.ERROR)

    @admin.action(description=gettext_lazy("Deactivate selected channels"), permissions=["change"])
    def deactivate_selected(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Take and send nothing until they are validated again."""
        total = queryset.count()
        done = queryset.filter(active=True).update(active=False)
        report(
            self, request, done, total, ("%(count)d channel was deactivated.", "%(count)d channels were deactivated.")
        )
