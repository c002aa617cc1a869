"""Answer what people write and what they click: an ordinary pair of receivers, the same for every platform."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from example.bot import llm, replies
from unicom.errors import InvalidMessage
from unicom.models import Account, CallbackExecution, Message, Request, ToolCall
from unicom.signals import button_clicked, message_received


@receiver(message_received)
def answer(sender: type[Message], message: Message, request: Request | None, **kwargs: Any) -> None:
    """Answer a message and complete its request.

    This runs from a durable job: the answer and "done" are committed together, and if anything here raises, it is tried
    again. A blocked person has no request; a chat with ``{"bot": False}`` in its metadata belongs to a human.
    """
    if request is None or message.chat.metadata.get("bot") is False:
        return
    if llm.takes(message):
        llm.answer(message)  # a turn of its own after the commit, which completes the request
        return
    reply = replies.to_message(message)
    try:
        message.reply_with(reply)
    except InvalidMessage as error:
        if "buttons" not in error.problems:
            raise
        message.reply_with({"text": f"{reply['text']}\n\n(There would be buttons here, but this platform has none.)"})
    request.status = Request.Status.COMPLETED
    request.completed_at = timezone.now()
    request.save(update_fields=["status", "completed_at"])


@receiver(button_clicked)
def react(
    sender: type[CallbackExecution],
    callback_execution: CallbackExecution,
    clicking_account: Account,
    original_message: Message,
    tool_call: ToolCall | None = None,
    **kwargs: Any,
) -> None:
    """Do what a button says; other apps' buttons carry other data and are left to them."""
    if llm.confirmed(callback_execution, tool_call, original_message):
        return
    data = callback_execution.callback_data
    if not isinstance(data, dict) or data.get("type") != "demo":
        return
    if data.get("action") == "count":
        original_message.edit_original_message(replies.counter(int(data["to"])))
    elif data.get("action") == "finish":
        original_message.edit_original_message(replies.finished(int(data["at"])))
    else:
        original_message.reply_with(replies.to_button(str(data.get("action"))))
