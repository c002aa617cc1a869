"""Put the same bot on Telegram: a real one where ``TELEGRAM_TOKEN`` is set, else one on a fake server of this machine.

Updates are fetched, for Telegram cannot reach a developer's machine; a site with a public https origin is called.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.db import connections

from unicom.adapters import adapter_for
from unicom.errors import UnicomError
from unicom.models import Channel
from unicom.platforms.telegram.polling import poll
from unicom.testing.telegram import FakeTelegram

REAL, FAKE = "Telegram", "Telegram (fake)"


class Telegram:
    """The bot's presence on Telegram while the demo runs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stopping = threading.Event()
        self._poller: threading.Thread | None = None
        self._fake: FakeTelegram | None = None

    def start(self) -> str:
        """Bring the bot up and return where to find it; nothing where it could not be."""
        token = os.environ.get("TELEGRAM_TOKEN", "").strip()
        # Nobody answers at the address the fake had the last time.
        Channel.objects.filter(name=FAKE, platform="Telegram").update(active=False, error="The fake is not running.")
        return self._real(token) if token else self._pretended()

    def stop(self) -> None:
        """Stop polling; what was not taken in is fetched the next time."""
        self._stopping.set()
        # The question under way is cut off now, which is no news.
        logging.getLogger("unicom").setLevel(logging.ERROR)
        if self._fake is not None:
            self._fake.stop()
        if self._poller is not None:
            self._poller.join(timeout=2)

    def _real(self, token: str) -> str:
        channel = _channel(REAL, {"API_TOKEN": token})
        if not channel.validate():
            self._say(f"Telegram does not work: {channel.error}")
            return ""
        if settings.DJANGO_PUBLIC_ORIGIN.startswith("https://"):
            return f"{_address(channel)}  (Telegram calls {settings.DJANGO_PUBLIC_ORIGIN})"
        self._poll(channel)
        return f"{_address(channel)}  (asked for news, as it cannot reach this machine)"

    def _pretended(self) -> str:
        self._fake = FakeTelegram().start()
        known = Channel.objects.filter(name=FAKE, platform="Telegram").first()
        bot = self._fake.add_bot("demo_bot", token=str(known.config["API_TOKEN"]) if known else "")
        # The fake forgets, our database does not: a new person each time, and no number used twice.
        now = int(time.time())
        bot.skip_update_ids(now)
        self._fake.user("Ann", id=now)
        channel = _channel(FAKE, {"API_TOKEN": bot.token, "API_URL": self._fake.url})
        if not channel.validate():
            self._say(f"The fake Telegram does not work: {channel.error}")
            return ""
        self._poll(channel)
        return f"{self._fake.url}/  (a fake on this machine; TELEGRAM_TOKEN=… puts the bot on the real one)"

    def _poll(self, channel: Channel) -> None:
        self._poller = threading.Thread(target=self._run, args=(channel,), name="demo-telegram", daemon=True)
        self._poller.start()

    def _run(self, channel: Channel) -> None:
        try:
            poll(channel, stop=self._stopping)
        except UnicomError as error:
            self._say(f"Telegram stopped: {error}")
        finally:
            connections.close_all()


def _channel(name: str, config: dict[str, str]) -> Channel:
    channel = Channel.objects.filter(name=name, platform="Telegram").first()
    if channel is None:
        return Channel.objects.create(name=name, platform="Telegram", config=config)
    channel.config = {**channel.config, **config}
    channel.save()
    return channel


def _address(channel: Channel) -> str:
    name = ""
    with suppress(UnicomError):
        name = adapter_for(channel).api.call("getMe").get("username", "")  # type: ignore[attr-defined]
    return f"https://t.me/{name}" if name else f"bot {channel.external_id}"
