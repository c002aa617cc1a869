"""Show deliveries: what waits, what went wrong, what nobody knows, and let a person decide."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from unicom import decisions
from unicom.admin.base import ChannelFilter, RecordAdmin, apply_each, report, short_id
from unicom.admin.display import badge, excerpt, pre, pretty_json
from unicom.models import Chat, Delivery, Message
from unicom.types import QUEUED


@admin.register(Delivery)
class DeliveryAdmin(RecordAdmin):
    """Be the pages of deliveries."""

    list_display = (
        "shown_id",
        "shown_state",
        "shown_what",
        "shown_chat",
        "shown_reason",
        "attempts",
        "next_attempt_at",
    )
    list_display_links = ("shown_id",)
    list_filter = ("state", ChannelFilter, "act", "created_at")
    list_select_related = ("chat",)
    search_fields = ("=message__id", "=chat__id", "=external_id", "=recipient")
    search_help_text = gettext_lazy("Message id, chat id, platform id or recipient.")
    ordering = ("-id",)
    actions = ("resend", "dismiss", "cancel")
    channel_path = "channel"
    fields = (
        "shown_state", "shown_error", "error_code", "shown_what", "shown_chat", "channel", "recipient", "external_id",
        "attempts", "crashes", "next_attempt_at", "lease_until", "created_at", "first_attempt_at", "time_sent",
        "finished_at", "shown_payload", "shown_result",
    )  # fmt: skip
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Leave the payloads in the database until a page shows one."""
        return super().get_queryset(request).defer("channel__config", "payload", "result")

    @admin.display(description=gettext_lazy("delivery"), ordering="id")
    def shown_id(self, delivery: Delivery) -> str:
        """Show the number."""
        return f"{delivery.pk}"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, delivery: Delivery) -> Any:
        """Show the state."""
        return badge(delivery.state)

    @admin.display(description=gettext_lazy("what"))
    def shown_what(self, delivery: Delivery) -> Any:
        """Link to the message, with what is done to it."""
        part = f", part {delivery.part + 1}" if delivery.part else ""
        return self.link(
            Message, delivery.message_id, format_html("{} {}{}", delivery.act, short_id(delivery.message_id), part)
        )

    @admin.display(description=gettext_lazy("chat"))
    def shown_chat(self, delivery: Delivery) -> Any:
        """Link to the chat."""
        return self.link(Chat, delivery.chat_id, excerpt(str(delivery.chat), 40))

    @admin.display(description=gettext_lazy("error"))
    def shown_reason(self, delivery: Delivery) -> str:
        """Show why, shortly."""
        return excerpt(delivery.error, 100) or "–"

    @admin.display(description=gettext_lazy("error"))
    def shown_error(self, delivery: Delivery) -> Any:
        """Show why."""
        return pre(delivery.error)

    @admin.display(description=gettext_lazy("payload"))
    def shown_payload(self, delivery: Delivery) -> Any:
        """Show what is sent, without the signed tokens of its buttons."""
        payload = dict(delivery.payload) if isinstance(delivery.payload, dict) else delivery.payload
        if isinstance(payload, dict) and payload.get("buttons"):
            payload["buttons"] = [[_without_token(button) for button in row] for row in payload["buttons"]]
        return pretty_json(payload)

    @admin.display(description=gettext_lazy("answer of the platform"))
    def shown_result(self, delivery: Delivery) -> Any:
        """Show what the platform said."""
        return pretty_json(delivery.result)

    def _chosen(self, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return Delivery.objects.filter(pk__in=queryset.values("pk")).order_by("id")

    @admin.action(description=gettext_lazy("Send again (failed or unknown)"), permissions=["operate"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Queue again what failed or may not have arrived."""
        done, total = apply_each(self._chosen(queryset), decisions.resend)
        report(
            self, request, done, total, ("%(count)d delivery is sent again.", "%(count)d deliveries are sent again.")
        )

    @admin.action(description=gettext_lazy("Dismiss (unknown)"), permissions=["operate"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Give up what may or may not have arrived."""
        done, total = apply_each(self._chosen(queryset), decisions.dismiss)
        report(
            self, request, done, total, ("%(count)d delivery was dismissed.", "%(count)d deliveries were dismissed.")
        )

    @admin.action(description=gettext_lazy("Cancel (queued; the whole message)"), permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Cancel what of the messages is not under way yet."""
        chosen = self._chosen(queryset)
        total = chosen.count()
        waiting = list(chosen.filter(state=QUEUED).values_list("pk", "message_id"))
        cancelled = {
            message.pk
            for message in Message.objects.filter(pk__in={message for _pk, message in waiting})
            if decisions.cancel(message)
        }
        done = sum(message in cancelled for _pk, message in waiting)
        report(
            self, request, done, total, ("%(count)d delivery was cancelled.", "%(count)d deliveries were cancelled.")
        )


def _without_token(button: Any) -> Any:
    return {**button, "token": "***"} if isinstance(button, dict) and button.get("token") else button
