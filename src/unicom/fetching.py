"""Fetch files that came in from the platform that holds them, and turn voices into MP3, in jobs."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from functools import partial
from typing import IO, Any, cast

from unicom import audio, jobs, live, media
from unicom.adapters import adapter_for
from unicom.errors import AudioError, DeliveryError
from unicom.jobs import RetryLater, slow_job
from unicom.models import Attachment, Job, Message


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
        content = cast("IO[bytes]", copy)
        content.seek(0)
        kept = media.store(content, attachment.name or attachment.kind, attachment.content_type)
        sound = _sound(content) if args.get("voice") else ("", "")
    return partial(_keep, attachment, kept, *sound)


@slow_job("voice")
def turn_into_mp3(args: dict[str, Any]) -> Callable[[], None] | None:
    """Make MP3 of a voice that is stored already."""
    attachment = Attachment.objects.filter(pk=args["attachment"], state=Attachment.State.STORED).first()
    if attachment is None:
        return None
    with attachment.file.open("rb") as content:
        return partial(_keep, attachment, None, *_sound(content))


def is_under_way(message: Message) -> bool:
    """Tell whether some file of a message is still being fetched, or turned into MP3."""
    keys = [str(pk) for pk in message.attachments.values_list("pk", flat=True)]
    states = (Job.State.QUEUED, Job.State.RUNNING)
    return bool(keys) and Job.objects.filter(kind__in=("fetch", "voice"), key__in=keys, state__in=states).exists()


def _sound(content: IO[bytes]) -> tuple[str, str]:
    """Return where a voice is stored as MP3, or why it could not be made."""
    content.seek(0)
    try:
        made = audio.to_mp3(content)
    except AudioError as error:
        return "", f"not turned into MP3: {error}"
    return media.store(io.BytesIO(made), "voice.mp3", "audio/mpeg")[0], ""


def _give_up(attachment: Attachment, reason: str) -> None:
    attachment.state, attachment.error = Attachment.State.FAILED, reason
    attachment.save(update_fields=["state", "error"])
    jobs.hurry("message", attachment.message_id)


def _copy(chunks: Any, copy: Any, most: int | None) -> None:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if most is not None and size > most:
            raise DeliveryError(f"the file has more than {most:,} bytes, which is the most that can be fetched")
        copy.write(chunk)


def _keep(attachment: Attachment, kept: tuple[str, int, str, str] | None, sound: str, error: str) -> None:
    """Write what was stored: the file as it came, where it was fetched, and its sound."""
    written = [path for path in (kept[0] if kept else "", sound) if path]
    try:
        if kept is not None:
            attachment.file.name, attachment.size, attachment.sha256, attachment.content_type = kept
        attachment.state, attachment.error = Attachment.State.STORED, error
        attachment.save()
        shown = sound or attachment.file.name
        first = Attachment.objects.filter(message=attachment.message_id).order_by("pk").values_list("pk", flat=True)[0]
        # The first file is the message's own, whichever of them came first.
        guard = {} if first == attachment.pk else {"media": ""}
        Message.objects.filter(pk=attachment.message_id, **guard).update(media=shown)
        live.message_changed(Message.objects.only("platform", "chat_id", "seq").get(pk=attachment.message_id), "media")
    except BaseException:
        media.forget(written)
        raise
    jobs.hurry("message", attachment.message_id)
