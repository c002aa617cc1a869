"""Read dead letters again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from unicom import dead_letters
from unicom.models import Update


class Command(BaseCommand):
    """Replay payloads that could not be stored; those that still cannot stay, with the reason."""

    help = "Replay dead letters, oldest first: all of them, those of one channel, or those named by id."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take ids and a channel."""
        parser.add_argument("ids", nargs="*", type=int, help="Dead letters to replay; without any, all.")
        parser.add_argument("--channel", type=int, help="Only those of this channel.")
        parser.add_argument(
            "--kept", action="store_true", help="Also payloads that were kept because nothing used them."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay each and say what became of it."""
        states = [Update.State.DEAD] + ([Update.State.KEPT] if options["kept"] else [])
        updates = Update.objects.select_related("channel").filter(state__in=states).order_by("pk")
        if options["ids"]:
            updates = updates.filter(pk__in=options["ids"])
        if options["channel"]:
            updates = updates.filter(channel_id=options["channel"])
        done = failed = 0
        for update in updates:
            if dead_letters.replay(update):
                done += 1
            else:
                failed += 1
                update.refresh_from_db()
                self.stderr.write(f"Dead letter {update.pk}: {update.error}")
        self.stdout.write(f"{done} replayed, {failed} still cannot be stored.")
