"""Fetch Telegram's updates for a site that Telegram cannot reach."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from unicom.errors import UnicomError
from unicom.models import Channel
from unicom.platforms.telegram.polling import poll


class Command(BaseCommand):
    """Poll, one thread a bot. Stopping at any moment loses nothing: what was not committed is fetched again."""

    help = "Fetch Telegram's updates for a site without a public https address, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the channels, and whether to stop when nothing waits."""
        parser.add_argument("channel", nargs="*", type=int, help="Ids of Telegram channels (default: all active ones).")
        parser.add_argument("--run-once", action="store_true", help="Take in what waits, then exit.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        channels = self._channels(options["channel"])
        if options["run_once"]:
            for channel in channels:
                try:
                    self.stdout.write(f"{channel.name}: {poll(channel, once=True)} taken in; nothing else waits.")
                except UnicomError as error:
                    raise CommandError(f"{channel.name}: {error}") from None
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        threads = [threading.Thread(target=self._poll, args=(channel, stop), daemon=True) for channel in channels]
        for thread in threads:
            thread.start()
        self.stdout.write(f"Polling for {', '.join(channel.name for channel in channels)}. Stop with Ctrl-C.")
        while not stop.wait(0.5) and any(thread.is_alive() for thread in threads):
            pass
        stop.set()
        for thread in threads:
            thread.join(timeout=2)

    def _channels(self, ids: list[int]) -> list[Channel]:
        known = Channel.objects.filter(platform="Telegram")
        found = list(known.filter(pk__in=ids) if ids else known.filter(active=True))
        missing = set(ids) - {channel.pk for channel in found}
        if missing:
            raise CommandError(f"channel: {', '.join(map(str, sorted(missing)))} is not the id of a Telegram channel.")
        if not found:
            raise CommandError("There is no active Telegram channel; make one and call validate() on it.")
        return found

    def _poll(self, channel: Channel, stop: threading.Event) -> None:
        try:
            poll(channel, stop=stop)
        except UnicomError as error:
            self.stderr.write(f"{channel.name}: {error}")
        finally:
            connections.close_all()
