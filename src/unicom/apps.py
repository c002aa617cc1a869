"""Tell Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class UnicomConfig(AppConfig):
    """Be the app ``unicom``."""

    name = "unicom"
    verbose_name = "Unicom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register checks and our own receivers."""
        from unicom import checks  # noqa: F401
