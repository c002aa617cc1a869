"""Mark mail as seen in the mailbox once its request is completed, where the channel wants that."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save

from unicom import jobs
from unicom.adapters import StoredState
from unicom.errors import DeliveryError, InvalidConfig
from unicom.models import Message, Request
from unicom.platforms.email.config import EmailConfig

KIND = "mark_seen"


def connect() -> None:
    """Notice requests that are completed; those completed in bulk are noticed when the mailbox is looked at next."""
    post_save.connect(_noticed, sender=Request, dispatch_uid="unicom.email.seen_marks")


def _noticed(sender: Any, instance: Request, **kwargs: Any) -> None:
    of_a_mailbox = (instance.chat_id or "").startswith("email_")
    if instance.status == Request.Status.COMPLETED and of_a_mailbox and instance.message_id:
        jobs.enqueue(KIND, str(instance.message_id), {"message": instance.message_id})


@jobs.slow_job(KIND)
def mark_seen(args: dict[str, Any]) -> None:
    """Set the flag on the server; a mailbox that is numbered anew keeps its mail as it is."""
    message = Message.objects.select_related("channel").filter(pk=args["message"]).first()
    kept = message.raw.get("email", {}) if message is not None else {}
    if message is None or message.imap_uid is None or not kept.get("folder"):
        return
    try:
        config = EmailConfig.read(message.channel.config)
    except InvalidConfig:
        return
    if config.MARK_SEEN_WHEN != "on_request_completed" or config.IMAP is None:
        return
    from imapclient import SEEN

    from unicom.platforms.email import imap

    try:
        with imap.opened(config, StoredState(message.channel)) as client:
            status = client.select_folder(kept["folder"])
            if int(status.get(b"UIDVALIDITY") or 0) == kept.get("uidvalidity"):
                client.add_flags([message.imap_uid], [SEEN], silent=True)
    except DeliveryError as error:
        if error.retryable or error.channel_down:
            raise
