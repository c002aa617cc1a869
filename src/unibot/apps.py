"""Tell Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class UnibotConfig(AppConfig):
    """Be the app ``unibot``."""

    name = "unibot"
    verbose_name = "Unibot"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have requests picked up, and their ends noted."""
        from unibot import answering

        answering.connect()
