"""Tell Django about the bot."""

from __future__ import annotations

from django.apps import AppConfig


class BotConfig(AppConfig):
    """Be the app ``bot``."""

    name = "example.bot"
    verbose_name = "Demo bot"

    def ready(self) -> None:
        """Connect the receivers: importing them does."""
        from example.bot import receivers  # noqa: F401
