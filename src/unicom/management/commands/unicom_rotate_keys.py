"""Write every secret anew with the current key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from unicom.crypto import is_current
from unicom.errors import EncryptionKeyError
from unicom.models import Channel, ChannelState


class Command(BaseCommand):
    """Re-encrypt channels' configs and states; safe to repeat, and safe while the site runs."""

    help = "Re-encrypt all stored secrets with the first of UNICOM_ENCRYPTION_KEYS (or with SECRET_KEY)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do so, row by row; the first that no key opens ends it, with those before it done."""
        written = 0
        for model, field in ((Channel, "config"), (ChannelState, "value")):
            for pk in model._default_manager.values_list("pk", flat=True).order_by("pk").iterator():
                try:
                    written += self._rotate(model, field, pk)
                except EncryptionKeyError as error:
                    raise CommandError(f"{model._meta.verbose_name} {pk}: {error}") from None
        self.stdout.write(f"{written} secrets were written with the current key; all others already were.")

    def _rotate(self, model: Any, field: str, pk: Any) -> int:
        with transaction.atomic():
            # Without the row lock a config saved meanwhile would be overwritten with the former one.
            row = model._default_manager.select_for_update().filter(pk=pk).first()
            if row is None:
                return 0
            from django.db.models import CharField
            from django.db.models.functions import Cast

            stored = (
                model._default_manager.filter(pk=pk)
                .annotate(_raw=Cast(field, CharField()))
                .values_list("_raw", flat=True)
            )
            if is_current(stored.get()):
                return 0
            model._default_manager.filter(pk=pk).update(**{field: getattr(row, field)})
            return 1
