"""Keep reusable message templates and their images."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from unicom.ids import unguessable
from unicom.media import chat_storage, upload_path


class MessageTemplate(models.Model):
    """Be a text to start from."""

    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    content = models.TextField(blank=True, default="")
    category = models.CharField(max_length=255, blank=True, default="")
    channels = models.ManyToManyField("unicom.Channel", blank=True, related_name="message_templates")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("category", "title")

    def __str__(self) -> str:
        return self.title


class TemplateInlineImage(models.Model):
    """Be an image shown within a template, under an id nobody can guess."""

    id = models.CharField(primary_key=True, max_length=32, default=unguessable, editable=False)
    template = models.ForeignKey(
        MessageTemplate, null=True, blank=True, on_delete=models.CASCADE, related_name="inline_images"
    )
    file = models.FileField(max_length=500, upload_to=upload_path, storage=chat_storage)
    content_type = models.CharField(max_length=100, default="image/png")
    content_id = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.id
