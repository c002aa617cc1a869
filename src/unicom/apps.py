"""Tell Django about the app."""

from __future__ import annotations

from django.apps import AppConfig


class UnicomConfig(AppConfig):
    """Be the app ``unicom``."""

    name = "unicom"
    verbose_name = "Unicom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register checks and our own receivers; under the development server also do what is due."""
        from unicom import checks, leftovers  # noqa: F401  importing the checks registers them
        from unicom.conf import settings
        from unicom.platforms import startup

        leftovers.connect()
        startup.connect()
        if settings.is_development_server and settings.UNICOM_DEV_WORKER:
            from unicom.worker import start_in_process

            start_in_process()
            startup.start_development()
