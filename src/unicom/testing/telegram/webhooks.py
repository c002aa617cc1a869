"""Deliver updates to bots' webhooks."""

from __future__ import annotations

import time

from unicom.testing.couriers import QueueCourier, WebhookPolicy
from unicom.testing.queue import Entry
from unicom.testing.telegram.log import Delivery, Log
from unicom.testing.telegram.world import BotState, World


def webhook_headers(bot: BotState) -> dict[str, str]:
    """Return the headers that Telegram sends with an update."""
    headers = {"Content-Type": "application/json"}
    if bot.webhook.secret_token:
        headers["X-Telegram-Bot-Api-Secret-Token"] = bot.webhook.secret_token
    return headers


class Courier(QueueCourier):
    """Delivers the updates of one bot; all of it runs on the event loop."""

    def __init__(self, world: World, bot: BotState, log: Log, policy: WebhookPolicy) -> None:
        super().__init__(bot.queue, world.lock, policy, time_scale=world.time_scale)
        self._world = world
        self._bot = bot
        self._log = log

    @property
    def address(self) -> str:
        """The bot's webhook."""
        return self._bot.webhook.url

    @property
    def at_once(self) -> int:
        """What the bot allowed."""
        return self._bot.webhook.max_connections

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of any update."""
        return webhook_headers(self._bot)

    def note(self, entry: Entry, status: int, error: str, *, given_up: bool) -> None:
        """Log the attempt; getWebhookInfo tells of one that failed."""
        if error:
            self._bot.webhook.last_error_date = int(time.time())
            self._bot.webhook.last_error_message = error
        self._log.add_delivery(
            Delivery(
                time=time.monotonic(), bot_id=self._bot.id, update_id=entry.number, attempt=entry.attempts,
                status=status, error=error,
            )
        )  # fmt: skip
        if given_up:
            self._world.complain(self._bot.id, "webhook", f"update {entry.number} was given up: {error}")
