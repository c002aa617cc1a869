"""Do the jobs that came of an event: run the receivers, sort the request, answer the click."""

from __future__ import annotations

import contextlib
import logging
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from unicom import categories, fetching, health, receipts, signals, statuses, suppressions
from unicom.adapters import adapter_for, look_after, recheck
from unicom.errors import DeliveryError, EncryptionKeyError
from unicom.jobs import RetryLater, job, slow_job
from unicom.models import Account, CallbackExecution, Channel, Delivery, Message, Request
from unicom.types import Part

logger = logging.getLogger("unicom")

PATIENCE = timedelta(seconds=60)
"""For how long receivers wait for a message's files, and with them what else comes in the same chat."""


@job("message")
def run_message_receivers(args: dict[str, Any]) -> None:
    """Tell receivers of a message that came in; sort its request first, where there are categories."""
    message = Message.objects.select_related("channel", "chat", "sender__member").filter(pk=args["message"]).first()
    if message is None:
        return  # deleted meanwhile: nobody is left to answer
    if args.get("files") and timezone.now() < message.created_at + PATIENCE and fetching.is_under_way(message):
        raise RetryLater(timedelta(seconds=1))
    request = (
        Request.objects.select_related("channel", "chat", "account", "member").filter(pk=args["request"]).first()
        if args.get("request")
        else None
    )
    if request is not None:
        request.message = message
        if request.status == Request.Status.PENDING:
            categories.sort(request)
    signals.message_received.send(sender=Message, message=message, request=request)
    if request is not None:
        signals.request_queued.send(sender=Request, request=request)


@job("request")
def run_request_receivers(args: dict[str, Any]) -> None:
    """Tell receivers of a request that follows from another."""
    request = Request.objects.select_related("channel", "chat", "account", "member").filter(pk=args["request"]).first()
    if request is not None and request.status == Request.Status.QUEUED:
        signals.request_queued.send(sender=Request, request=request)


@job("edited")
def run_edit_receivers(args: dict[str, Any]) -> None:
    """Tell receivers of an edit."""
    message = Message.objects.select_related("channel", "chat", "sender").filter(pk=args["message"]).first()
    if message is not None:
        signals.message_edited.send(sender=Message, message=message, previous=args["previous"])


@job("deleted")
def run_deletion_receivers(args: dict[str, Any]) -> None:
    """Tell receivers that a message was taken back."""
    message = Message.objects.select_related("channel", "chat", "sender").filter(pk=args["message"]).first()
    if message is not None:
        signals.message_deleted.send(sender=Message, message=message)


@job("service")
def run_service_receivers(args: dict[str, Any]) -> None:
    """Tell receivers what the platform tells of a chat."""
    message = Message.objects.select_related("channel", "chat", "sender__member").filter(pk=args["message"]).first()
    if message is not None:
        signals.service_message_received.send(sender=Message, message=message)


@job("reaction")
def run_reaction_receivers(args: dict[str, Any]) -> None:
    """Tell receivers that somebody reacts to a message otherwise than before."""
    message = Message.objects.select_related("channel", "chat", "sender").filter(pk=args["message"]).first()
    account = Account.objects.select_related("member__user").filter(pk=args["account"]).first()
    if message is not None:
        signals.reaction_changed.send(
            sender=Message, message=message, account=account, added=args["added"], removed=args["removed"]
        )


@job("status")
def run_status_receivers(args: dict[str, Any]) -> None:
    """Tell receivers that a message has come further."""
    message = Message.objects.select_related("channel", "chat").filter(pk=args["message"]).first()
    delivery = Delivery.objects.filter(pk=args["delivery"]).first() if args.get("delivery") else None
    if message is not None:
        signals.message_status_changed.send(
            sender=Message, message=message, delivery=delivery, previous=args["previous"]
        )


@job("click")
def run_click_receivers(args: dict[str, Any]) -> None:
    """Tell receivers of a click, once; again only if one of them raised."""
    execution = (
        CallbackExecution.objects.select_related("message__channel", "message__chat", "tool_call")
        .filter(pk=args["execution"])
        .first()
    )
    account = Account.objects.select_related("member__user").filter(pk=args["account"]).first()
    if execution is None or account is None:
        return
    signals.button_clicked.send(
        sender=CallbackExecution,
        callback_execution=execution,
        clicking_account=account,
        original_message=execution.message,
        tool_call=execution.tool_call,
    )


@slow_job("answer_click")
def answer_click(args: dict[str, Any]) -> None:
    """Stop the platform's waiting sign after a click; too late is not worth a second try."""
    channel = Channel.objects.filter(pk=args["channel"]).first()
    if channel is None:
        return
    adapter = adapter_for(channel)
    with contextlib.closing(adapter):
        try:
            adapter.answer_click(args["click_id"], args.get("text", ""))
        except DeliveryError as error:
            if error.retryable:
                raise
            logger.info("A click on channel %s was not answered: %s", channel.pk, adapter.redact(error.reason))


@slow_job("typing")
def show_typing(args: dict[str, Any]) -> None:
    """Show that a message was read and an answer is being written; a courtesy, so a failure is only noted."""
    message = Message.objects.select_related("channel", "chat").filter(pk=args["message"]).first()
    if message is None:
        return
    adapter = adapter_for(message.channel)
    with contextlib.closing(adapter):
        try:
            adapter.typing(message.chat.external_id or message.chat_id, message.external_id or "")
        except DeliveryError as error:
            logger.info("Typing is not shown on channel %s: %s", message.channel_id, adapter.redact(error.reason))


@job("receipt")
def apply_early_receipt(args: dict[str, Any]) -> None:
    """Apply a receipt that came before the send it is about was written; one of nothing we sent is noted."""
    delivery = receipts.find(args["channel"], args["external_id"], args.get("delivery_id", ""))
    if delivery is not None:
        at = datetime.fromisoformat(args["at"]) if args["at"] else None
        statuses.receipt(
            delivery, args["status"], at=at, error=args["error"], code=args["code"], details=args.get("details")
        )
        reason, scope = args.get("suppress") or ("", "")
        if reason:
            suppressions.suppress(delivery, reason, scope)
    elif timezone.now() < datetime.fromisoformat(args["until"]):
        raise RetryLater(timedelta(seconds=5))
    else:
        logger.warning("Channel %s: a receipt for %r, which was never sent.", args["channel"], args["external_id"])


@slow_job("follow_up")
def follow_up(args: dict[str, Any]) -> None:
    """Do what shall follow a delivery, such as a copy in a folder; tried again by itself, never by sending again."""
    delivery = Delivery.objects.select_related("channel", "chat").filter(pk=args["delivery"]).first()
    if delivery is None:
        return
    adapter = adapter_for(delivery.channel)
    with contextlib.closing(adapter):
        try:
            adapter.follow_up(
                Part.from_json(delivery.payload).at(
                    delivery_id=str(delivery.pk), chat=delivery.chat_id, target=delivery.external_id or ""
                )
            )
        except DeliveryError as error:
            if error.retryable or error.ambiguous or error.channel_down:
                raise DeliveryError(adapter.redact(error.reason), retryable=True) from None
            logger.warning("After delivery %s: %s", delivery.pk, adapter.redact(error.reason))


@slow_job("validate")
def validate_channel(args: dict[str, Any]) -> None:
    """Set a channel up that was saved in the admin; the outcome is on the row."""
    channel = Channel.objects.filter(pk=args["channel"]).first()
    if channel is not None:
        channel.validate()


@slow_job("health")
def look_after_channel(args: dict[str, Any]) -> None:
    """Ask a platform how its channel is; one that cannot be asked now is asked the next time."""
    channel = Channel.objects.filter(pk=args["channel"], active=True, down_since=None).first()
    if channel is not None:
        try:
            look_after(channel)
        except DeliveryError as error:
            logger.info("Channel %s could not be asked how it is: %s", channel.pk, error.reason)


@slow_job("recheck")
def recheck_channel(args: dict[str, Any]) -> None:
    """Try a channel that is down, again and again until it works, somebody sets it up or switches it off."""
    since = datetime.fromisoformat(args["since"])
    try:
        channel = Channel.objects.filter(pk=args["channel"], active=True, down_since=since).first()
        works = channel is None or recheck(channel)
    except EncryptionKeyError:
        works = False  # the key may be put back, today or tomorrow
    if not works:
        raise RetryLater(health.next_try(timezone.now() - since))
