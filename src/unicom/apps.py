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
        from django.contrib.auth.signals import user_logged_in

        from unicom import checks, leftovers  # noqa: F401  importing the checks registers them
        from unicom.conf import settings
        from unicom.platforms.webchat.guests import migrate_on_login

        leftovers.connect()
        user_logged_in.connect(migrate_on_login, dispatch_uid="unicom.webchat.migrate_on_login")
        if settings.is_development_server and settings.UNICOM_DEV_WORKER:
            from unicom.worker import start_in_process

            start_in_process()
