"""Delete files from storage once the rows that named them are gone."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete

from unicom import media
from unicom.models import Attachment, Message, MessageInlineImage, TemplateInlineImage


def _forget_file(sender: Any, instance: Any, **_: Any) -> None:
    name = (instance.media if isinstance(instance, Message) else instance.file).name
    if name:
        # Only after the commit: a rollback brings the row back, and it wants its file.
        transaction.on_commit(lambda: media.forget([name, media.prepared_path(name)]), robust=True)


def connect() -> None:
    """Watch the rows that own files."""
    for model in (Attachment, Message, MessageInlineImage, TemplateInlineImage):
        post_delete.connect(_forget_file, sender=model, dispatch_uid=f"unicom.leftovers.{model.__name__}")
