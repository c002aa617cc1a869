"""``getUpdates``: answer at once or wait for the next update; one poller a bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unicom.testing.http import Exchange, HttpServer
from unicom.testing.telegram.errors import OTHER_POLLER, WEBHOOK_ACTIVE, ApiError, conflict
from unicom.testing.telegram.methods.context import Context
from unicom.testing.telegram.methods.updates import polling_request
from unicom.testing.telegram.world import BotState, World

Respond = Callable[[Any], None]
"""Takes the result, or the ApiError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A poll that is held."""

    exchange: Exchange
    respond: Respond
    limit: int
    timer: asyncio.TimerHandle


class Polling:
    """The held polls; runs on the event loop, under the world's lock."""

    def __init__(self, world: World, server: HttpServer) -> None:
        self._world = world
        self._server = server
        self._waiting: dict[int, Waiting] = {}

    def begin(self, context: Context, exchange: Exchange, respond: Respond) -> None:
        """Answer a call of getUpdates now or later."""
        bot = context.bot
        try:
            if bot.webhook.url:
                raise conflict(WEBHOOK_ACTIVE)
            limit, offset, timeout = polling_request(context)
        except ApiError as error:
            respond(error)
            return
        self._end_other(bot)
        if offset:
            bot.queue.confirm(offset)
        updates = bot.queue.read(limit)
        if updates or not timeout:
            respond(updates)
            return
        timer = self._server.loop.call_later(timeout * self._world.time_scale, self._expire, bot)
        self._waiting[bot.id] = Waiting(exchange=exchange, respond=respond, limit=limit, timer=timer)

    def wake(self, bot: BotState) -> None:
        """Answer the held poll, if there is one and something to tell."""
        with self._world.lock:
            waiting = self._waiting.get(bot.id)
            if waiting is None or waiting.exchange.closed:
                return
            updates = bot.queue.read(waiting.limit)
            if updates:
                self._pop(bot).respond(updates)

    def end(self, bot: BotState) -> None:
        """End a held poll since a webhook has been set."""
        if bot.id in self._waiting:
            self._pop(bot).respond(conflict(WEBHOOK_ACTIVE))

    def _end_other(self, bot: BotState) -> None:
        if bot.id in self._waiting:
            other = self._pop(bot)
            if not other.exchange.closed:
                other.respond(conflict(OTHER_POLLER))

    def _expire(self, bot: BotState) -> None:
        with self._world.lock:
            if bot.id in self._waiting:
                self._pop(bot).respond([])

    def _pop(self, bot: BotState) -> Waiting:
        waiting = self._waiting.pop(bot.id)
        waiting.timer.cancel()
        return waiting
