"""Fetch files that came in from the platform that holds them, in a job."""

from __future__ import annotations

import contextlib
import tempfile
from typing import IO, Any, cast

from unicom import media
from unicom.adapters import adapter_for
from unicom.errors import DeliveryError
from unicom.jobs import RetryLater, job
from unicom.models import Attachment, Message


@job("fetch")
def fetch(args: dict[str, Any]) -> None:
    """Store a file that waits on the platform; one that cannot be had for good says so on its row."""
    attachment = (
        Attachment.objects.select_related("message__channel")
        .filter(pk=args["attachment"], state=Attachment.State.PENDING)
        .first()
    )
    if attachment is None:
        return
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
            attachment.state, attachment.error = Attachment.State.FAILED, adapter.redact(error.reason)
            attachment.save(update_fields=["state", "error"])
            return
        copy.seek(0)
        _keep(attachment, cast("IO[bytes]", copy))


def _copy(chunks: Any, copy: Any, most: int | None) -> None:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if most is not None and size > most:
            raise DeliveryError(f"the file has more than {most:,} bytes, which is the most that can be fetched")
        copy.write(chunk)


def _keep(attachment: Attachment, content: IO[bytes]) -> None:
    path, size, sha256, content_type = media.store(content, attachment.name or attachment.kind, attachment.content_type)
    try:
        attachment.file.name = path
        attachment.size, attachment.sha256, attachment.content_type = size, sha256, content_type
        attachment.state = Attachment.State.STORED
        attachment.save()
        Message.objects.filter(pk=attachment.message_id, media="").update(media=path)
    except BaseException:
        media.forget([path])
        raise
