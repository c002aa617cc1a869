"""Fetch updates instead of being called: for developers whose site cannot be reached from outside."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

from django.db import Error, close_old_connections, connections, transaction

from unicom import health
from unicom.adapters import adapter_for, webhook_url
from unicom.errors import ConfigurationError, DeliveryError, UnicomError
from unicom.inbound import TROUBLE, take_in
from unicom.models import Channel
from unicom.platforms import http
from unicom.platforms.telegram import webhook
from unicom.platforms.telegram.adapter import TelegramAdapter
from unicom.platforms.telegram.parsing import ALLOWED_UPDATES

logger = logging.getLogger("unicom")

LONG_POLL = 25
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
CONFLICT = (
    "Telegram gives a bot's updates to one taker only: another process polls this bot, or a webhook is set. "
    "Stop the other one, or give each its own bot."
)


def poll(channel: Channel, *, once: bool = False, stop: threading.Event | None = None) -> int:
    """Take updates in until ``stop``, or with ``once`` until none is left; returns how many were taken.

    An update is confirmed to Telegram after its effect is committed, so none is lost; one that comes again is known by
    its receipt. Removes the bot's webhook first. With ``once`` raises DeliveryError for what Telegram refuses; without,
    waits and goes on, and returns only where the token is not accepted any more.
    """
    adapter = adapter_for(channel)
    if not isinstance(adapter, TelegramAdapter):
        raise ConfigurationError(f"Channel {channel.name!r} is a {channel.platform} channel, not Telegram.")
    stopping = stop or threading.Event()
    session = _Session(channel, adapter, seconds=0 if once else LONG_POLL)
    wait = FIRST_WAIT
    while not stopping.is_set():
        try:
            found = session.turn(stopping)
        except DeliveryError as error:
            if once:
                raise
            if error.channel_down:
                health.channel_down(channel.pk, error.reason)
                break
            reason = CONFLICT if error.code == "409" else adapter.redact(error.reason)
            wait = _pause(channel, reason, error, wait, stopping)
        except TROUBLE as trouble:
            if once:
                raise
            # Nothing was confirmed: the update is fetched again once the database is back.
            wait = _pause(channel, f"the database is in trouble ({trouble})", None, wait, stopping)
        else:
            wait = FIRST_WAIT
            if once and not found:
                break
    return session.taken


def _pause(channel: Channel, reason: str, error: DeliveryError | None, wait: float, stopping: threading.Event) -> float:
    if error is not None and error.retry_after is not None:
        wait = error.retry_after.total_seconds()
    logger.warning("Polling for channel %s waits %g seconds: %s", channel.pk, wait, reason)
    stopping.wait(wait)
    return min(wait * 2, LONGEST_WAIT)


class _Session:
    """Be one poller's turn-taking with Telegram."""

    def __init__(self, channel: Channel, adapter: TelegramAdapter, *, seconds: int) -> None:
        self.taken = 0
        self._channel = channel
        self._adapter = adapter
        self._seconds = seconds
        self._began = False
        self._confirm: int | None = None
        """What the next call confirms. Said once and not kept: after a quiet week Telegram numbers updates anew."""

    def turn(self, stopping: threading.Event) -> int:
        """Fetch once and take in what came; returns how many."""
        if not transaction.get_connection().in_atomic_block:
            # What a restart of the database left behind must not be used for ever.
            close_old_connections()
        if not self._began:
            if webhook.remove(self._adapter.api):
                logger.info("The webhook of channel %s was removed, so that it can be polled.", self._channel.pk)
            self._began = True
        # While something is to be confirmed the answer need not be waited for.
        seconds = 0 if self._confirm is not None else self._seconds
        updates = self._fetch(seconds)
        self._confirm = None
        for update in updates:
            if stopping.is_set():
                break
            take_in(self._channel, self._adapter, json.dumps(update).encode())
            self.taken += 1
            update_id = update.get("update_id") if isinstance(update, dict) else None
            if isinstance(update_id, int):
                self._confirm = update_id + 1
        if stopping.is_set() and self._confirm is not None:
            self._fetch(0, limit=1)
        return len(updates)

    def _fetch(self, seconds: int, limit: int | None = None) -> list[Any]:
        params = {
            "offset": self._confirm,
            "limit": limit,
            "timeout": seconds or None,
            "allowed_updates": list(ALLOWED_UPDATES),
        }
        patience = http.Timeouts(read=seconds + http.TIMEOUTS.read)
        updates = self._adapter.api.call("getUpdates", params, timeouts=patience)
        return updates if isinstance(updates, list) else []


# Under the development server, by itself

LOOK_EVERY = 3.0


def start_in_process() -> threading.Event:
    """Poll, in threads of this process, every bot whose webhook could not reach it; returns what stops them.

    A bot that has a webhook is left alone: it may well be the live site's, whose messages are not ours to take. The
    command ``unicom_poll_telegram`` takes them when told to, and so does ``validate()``.
    """
    stop = threading.Event()
    threading.Thread(target=_watch, args=(stop,), name="unicom-telegram", daemon=True).start()
    return stop


def _watch(stop: threading.Event) -> None:
    running: dict[int, threading.Thread] = {}
    while not stop.is_set():
        try:
            for channel in Channel.objects.filter(platform="Telegram", active=True, down_since=None):
                known = running.get(channel.pk)
                if (known is None or not known.is_alive()) and not webhook.is_reachable(webhook_url(channel)):
                    running[channel.pk] = threading.Thread(
                        target=_poll_unless_taken,
                        args=(channel, stop),
                        name=f"unicom-telegram-{channel.pk}",
                        daemon=True,
                    )
                    running[channel.pk].start()
        except Error:
            logger.debug("The database cannot be read yet; looking again.", exc_info=True)
        finally:
            connections.close_all()
        stop.wait(LOOK_EVERY)


def _poll_unless_taken(channel: Channel, stop: threading.Event) -> None:
    try:
        adapter = adapter_for(channel)
        taken = webhook.address(adapter.api) if isinstance(adapter, TelegramAdapter) else ""
        if taken:
            logger.warning("Channel %s is not polled: its bot has the webhook %s.", channel.pk, taken)
            stop.wait(60)
            return
        poll(channel, stop=stop)
    except UnicomError as error:
        logger.warning("Channel %s cannot be polled: %s", channel.pk, error)
        stop.wait(LONGEST_WAIT)
    finally:
        connections.close_all()
