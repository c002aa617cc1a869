"""Fetch files that came in from the platform that holds them, in a job."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from functools import partial
from typing import IO, Any, cast

from unicom import media
from unicom.adapters import adapter_for
from unicom.errors import DeliveryError
from unicom.jobs import RetryLater, slow_job
from unicom.models import Attachment, Message


@slow_job("fetch")
def fetch(args: dict[str, Any]) -> Callable[[], None] | None:
    """Store a file that waits on the platform; one that cannot be had for good says so on its row."""
    attachment = (
        Attachment.objects.select_related("message__channel")
        .filter(pk=args["attachment"], state=Attachment.State.PENDING)
        .first()
    )
    if attachment is None:
        return None
    adapter = adapter_for(attachment.message.channel)
    with contextlib.closing(adapter), tempfile.TemporaryFile() as copy:
        try:
            with adapter.fetch(attachment.reference) as chunks:
                _copy(chunks, copy, adapter.limits.download_bytes)
        except DeliveryError as error:
            if error.retry_after is not None:
                raise RetryLater(error.retry_after) from None
            if error.retryable or error.ambiguous or error.channel_down:
                raise DeliveryError(adapter.redact(error.reason), retryable=True) from None
            return partial(_give_up, attachment, adapter.redact(error.reason))
        copy.seek(0)
        stored = media.store(cast("IO[bytes]", copy), attachment.name or attachment.kind, attachment.content_type)
    return partial(_keep, attachment, *stored)


def _give_up(attachment: Attachment, reason: str) -> None:
    attachment.state, attachment.error = Attachment.State.FAILED, reason
    attachment.save(update_fields=["state", "error"])


def _copy(chunks: Any, copy: Any, most: int | None) -> None:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if most is not None and size > most:
            raise DeliveryError(f"the file has more than {most:,} bytes, which is the most that can be fetched")
        copy.write(chunk)


def _keep(attachment: Attachment, path: str, size: int, sha256: str, content_type: str) -> None:
    try:
        attachment.file.name = path
        attachment.size, attachment.sha256, attachment.content_type = size, sha256, content_type
        attachment.state = Attachment.State.STORED
        attachment.save()
        Message.objects.filter(pk=attachment.message_id, media="").update(media=path)
    except BaseException:
        media.forget([path])
        raise
