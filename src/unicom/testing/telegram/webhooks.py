"""Deliver updates to webhooks: parallel between chats, in order within one, retried until answered 2xx."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

from unicom.testing.http import REASONS
from unicom.testing.posting import Poster
from unicom.testing.telegram.log import Delivery, Log
from unicom.testing.telegram.queue import Entry
from unicom.testing.telegram.world import BotState, World


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookPolicy:
    """How patient the servers are."""

    attempts: int = 50
    """After so many the update is given up (real: for up to a day)."""
    first_delay: float = 1.0
    """Seconds before the second attempt; doubled each time. Shortened by ``time_scale``."""
    longest_delay: float = 60.0
    timeout: float = 60.0
    """How long an answer may take, in real seconds."""


def webhook_headers(bot: BotState) -> dict[str, str]:
    """Return the headers that Telegram sends with an update."""
    headers = {"Content-Type": "application/json"}
    if bot.webhook.secret_token:
        headers["X-Telegram-Bot-Api-Secret-Token"] = bot.webhook.secret_token
    return headers


class Courier:
    """Delivers the updates of one bot; all of it runs on the event loop."""

    def __init__(self, world: World, bot: BotState, log: Log, policy: WebhookPolicy) -> None:
        self._world = world
        self._bot = bot
        self._log = log
        self._policy = policy
        self._active = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._poster = Poster()

    def wake(self) -> None:
        """Start as many deliveries as there are chats waiting and connections allowed."""
        with self._world.lock:
            webhook = self._bot.webhook
            while webhook.url and self._active < webhook.max_connections:
                entry = self._bot.queue.take_ready()
                if entry is None:
                    return
                self._active += 1
                task = asyncio.get_running_loop().create_task(self._deliver(entry))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._poster.close()

    async def _deliver(self, entry: Entry) -> None:
        if entry.delay:
            # Waiting takes no connection: others go first meanwhile.
            delay, entry.delay = entry.delay, 0.0
            self._later(delay, entry)
            return
        entry.attempts += 1
        status, error = 0, ""
        try:
            with self._world.lock:
                url, headers = self._bot.webhook.url, webhook_headers(self._bot)
            body = json.dumps(entry.update).encode()
            status = await asyncio.wait_for(self._poster.post(url, headers, body), self._policy.timeout)
        except TimeoutError:
            error = "Read timeout expired"
        except ConnectionRefusedError:
            error = "Connection refused"
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
            error = f"Connection reset: {type(problem).__name__}"
        if not error and not 200 <= status < 300:
            error = f"Wrong response from the webhook: {status} {REASONS.get(status, '')}".rstrip()
        self._finish(entry, status, error)

    def _finish(self, entry: Entry, status: int, error: str) -> None:
        with self._world.lock:
            if not error:
                self._bot.queue.done(entry)
            else:
                self._bot.webhook.last_error_date = int(time.time())
                self._bot.webhook.last_error_message = error
        self._log.add_delivery(
            Delivery(
                time=time.monotonic(), bot_id=self._bot.id, update_id=entry.update_id, attempt=entry.attempts,
                status=status, error=error,
            )
        )  # fmt: skip
        if error and entry.attempts >= self._policy.attempts:
            with self._world.lock:
                self._bot.queue.done(entry)
                self._world.complain(self._bot.id, "webhook", f"update {entry.update_id} was given up: {error}")
        elif error:
            delay = min(self._policy.first_delay * 2 ** (entry.attempts - 1), self._policy.longest_delay)
            self._later(delay * self._world.time_scale, entry)
            return
        self._active -= 1
        self.wake()

    def _later(self, delay: float, entry: Entry) -> None:
        self._active -= 1
        asyncio.get_running_loop().call_later(delay, self._again, entry)
        self.wake()

    def _again(self, entry: Entry) -> None:
        with self._world.lock:
            self._bot.queue.again(entry)
        self.wake()
