"""Keep reusable message templates, what of them differs by platform, and their images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone

from unicom.ids import unguessable
from unicom.media import chat_storage, upload_path

if TYPE_CHECKING:
    from unicom.models.channel import Channel


class MessageTemplate(models.Model):
    """Be a text to start from; images within it are stored once, and named in it by their address."""

    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    content = models.TextField(blank=True, default="")
    category = models.CharField(max_length=255, blank=True, default="")
    channels = models.ManyToManyField(
        "unicom.Channel", blank=True, related_name="message_templates", help_text="Without any: all of them."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("category", "title")

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; images that are in the content as data are stored beside it."""
        from unicom.template_images import keep

        with transaction.atomic():
            super().save(*args, **kwargs)
            keep(self, self, "content")

    def content_for(self, channel: Channel) -> dict[str, str]:
        """Return the keys of a send on a channel: the content, or what its platform's variant says instead."""
        from unicom.template_images import content_for

        return content_for(self, channel)

    @property
    def html_with_base64_images(self) -> str:
        """Return the content with its images in it, as data URIs."""
        from unicom.template_images import embedded

        return embedded(self.content)

    def populate(self, html_prompt: str, model: str | None = None, **options: Any) -> str:
        """Return the content as a language model has filled it in by ``html_prompt``; raises ModelError."""
        from unicom.llm.populating import populate

        return populate(self, html_prompt, model=model, **options)


class TemplateVariant(models.Model):
    """Be what a template says on one platform instead; what is empty stays as it is."""

    template = models.ForeignKey(MessageTemplate, on_delete=models.CASCADE, related_name="variants")
    platform = models.CharField(max_length=50)
    subject = models.TextField(blank=True, default="")
    text = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("template", "platform")
        constraints = [
            models.UniqueConstraint(
                fields=["template", "platform"],
                name="unicom_variant_once",
                violation_error_message="There is a variant for this platform already.",
            )
        ]

    def __str__(self) -> str:
        return self.platform

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; images that are in the HTML as data are stored beside it."""
        from unicom.template_images import keep

        with transaction.atomic():
            super().save(*args, **kwargs)
            keep(self, self.template, "html")


class TemplateInlineImage(models.Model):
    """Be an image shown within a template, under an id nobody can guess."""

    id = models.CharField(primary_key=True, max_length=32, default=unguessable, editable=False)
    template = models.ForeignKey(
        MessageTemplate, null=True, blank=True, on_delete=models.CASCADE, related_name="inline_images"
    )
    file = models.FileField(max_length=500, upload_to=upload_path, storage=chat_storage)
    content_type = models.CharField(max_length=100, default="image/png")
    content_id = models.CharField(max_length=255, blank=True, default="")
    """The digest of what is in it: the same image is stored once a template."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.id
