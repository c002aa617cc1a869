"""Show "typing…" for as long as something is being worked out."""

from __future__ import annotations

import logging
import threading
import time

from unicom.adapters import adapter_for
from unicom.errors import DeliveryError, InvalidMessage
from unicom.models import Channel, Chat
from unicom.platforms.base import Adapter

logger = logging.getLogger("unicom")

EVERY = 4.0
"""Telegram shows it for five seconds."""
LONGEST = 300.0
"""Whoever forgets to stop is not shown as typing for ever."""

_lock = threading.Lock()
_running: dict[tuple[int, str], _Typing] = {}


class _Typing(threading.Thread):
    """Repeat the sign until told to stop; uses no database."""

    def __init__(self, adapter: Adapter, key: tuple[int, str]) -> None:
        super().__init__(name=f"unicom-typing-{key[1]}", daemon=True)
        self.stopping = threading.Event()
        self._adapter = adapter
        self._key = key

    def run(self) -> None:
        """Show it every few seconds, as long as it can be shown."""
        end = time.monotonic() + LONGEST
        wait = 0.0
        while not self.stopping.wait(wait) and time.monotonic() < end:
            wait = EVERY
            try:
                self._adapter.typing(self._key[1])
            except DeliveryError as error:
                if error.retry_after is not None:
                    wait = max(wait, error.retry_after.total_seconds())
                elif not (error.retryable or error.ambiguous):
                    logger.info("Typing is not shown: %s", self._adapter.redact(error.reason))
                    break
        with _lock:
            if _running.get(self._key) is self:
                del _running[self._key]


def start_typing_in_telegram(channel: Channel, chat_id: str | int) -> None:
    """Show "typing…" in a chat (our id or Telegram's) until it is stopped, at most five minutes.

    Returns at once; starting twice is once. Raises InvalidMessage where the channel is not Telegram's; what Telegram
    refuses is only logged.
    """
    key = _key(channel, chat_id)
    with _lock:
        known = _running.get(key)
        # A thread does not survive a fork, but the note of it does.
        if known is not None and known.is_alive() and not known.stopping.is_set():
            return
        thread = _running[key] = _Typing(adapter_for(channel), key)
        thread.start()


def stop_typing_in_telegram(channel: Channel, chat_id: str | int) -> None:
    """Show it no more; nothing where it was not shown."""
    with _lock:
        thread = _running.pop(_key(channel, chat_id), None)
    if thread is not None:
        thread.stopping.set()


def _key(channel: Channel, chat_id: str | int) -> tuple[int, str]:
    if channel.platform != "Telegram":
        raise InvalidMessage({"channel": f"{channel.name!r} is a {channel.platform} channel, not Telegram"})
    known = Chat.objects.filter(pk=str(chat_id), channel=channel).values_list("external_id", flat=True).first()
    return channel.pk, known or str(chat_id)
