"""Keep the templates a platform has approved for a channel, as it describes them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from unicom.types import TemplateDefinition


class PlatformTemplate(models.Model):
    """Be one template in one language, read from the platform; sends are checked against it."""

    channel = models.ForeignKey("unicom.Channel", on_delete=models.CASCADE, related_name="platform_templates")
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=20)
    category = models.CharField(max_length=30, blank=True, default="")
    status = models.CharField(max_length=30, blank=True, default="")
    quality = models.CharField(max_length=30, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    """Why it was rejected, paused or disabled, in the platform's words."""
    external_id = models.CharField(max_length=255, blank=True, default="")
    parameter_format = models.CharField(max_length=20, default="positional")
    components = models.JSONField(default=list, blank=True)
    synced_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name", "language")
        constraints = [
            models.UniqueConstraint(fields=["channel", "name", "language"], name="unicom_platformtemplate_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @property
    def definition(self) -> TemplateDefinition:
        """Return it as adapters know it."""
        return TemplateDefinition(
            name=self.name,
            language=self.language,
            category=self.category,
            status=self.status,
            quality=self.quality,
            external_id=self.external_id,
            parameter_format="named" if self.parameter_format == "named" else "positional",
            components=tuple(self.components),
        )
