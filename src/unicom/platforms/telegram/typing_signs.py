"""Repeat "typing…" in a chat until somebody stops it, or what was being written has been sent."""

from __future__ import annotations

import logging
import threading
import time

from unicom.errors import DeliveryError
from unicom.platforms.telegram import places
from unicom.platforms.telegram.api import BotApi

logger = logging.getLogger("unicom")

EVERY = 4.0
"""Telegram shows it for five seconds."""
LONGEST = 300.0
"""Whoever forgets to stop is not shown as typing for ever."""

_lock = threading.Lock()
_running: dict[tuple[str, str], _Sign] = {}


class _Sign(threading.Thread):
    """Repeat the sign until told to stop; uses no database."""

    def __init__(self, api: BotApi, chat: str) -> None:
        super().__init__(name=f"unicom-typing-{chat}", daemon=True)
        self.stopping = threading.Event()
        self._api = api
        self._chat = chat

    def run(self) -> None:
        """Show it every few seconds, as long as it can be shown."""
        end = time.monotonic() + LONGEST
        wait = 0.0
        while not self.stopping.wait(wait) and time.monotonic() < end:
            wait = EVERY
            try:
                show(self._api, self._chat)
            except DeliveryError as error:
                if error.retry_after is not None:
                    wait = max(wait, error.retry_after.total_seconds())
                elif not (error.retryable or error.ambiguous):
                    logger.info("Typing is not shown: %s", error.reason)
                    break
        with _lock:
            if _running.get((self._api.bot_id, self._chat)) is self:
                del _running[self._api.bot_id, self._chat]


def show(api: BotApi, chat: str) -> None:
    """Show it once, for five seconds; raises DeliveryError."""
    params = places.place(chat).params()
    params.pop("direct_messages_topic_id", None)
    api.call("sendChatAction", {**params, "action": "typing"})


def start(api: BotApi, chat: str) -> None:
    """Show it until it is stopped, or five minutes are over; starting twice is once."""
    key = (api.bot_id, chat)
    with _lock:
        known = _running.get(key)
        # A thread does not survive a fork, but the note of it does.
        if known is not None and known.is_alive() and not known.stopping.is_set():
            return
        thread = _running[key] = _Sign(api, chat)
        thread.start()


def stop(api: BotApi, chat: str) -> None:
    """Show it no more; nothing where it was not shown."""
    with _lock:
        thread = _running.pop((api.bot_id, chat), None)
    if thread is not None:
        thread.stopping.set()
