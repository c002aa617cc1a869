"""Be a socket's two ends: the client, and the channel layer, whose troubles cost hints and never the socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.utils import await_many_dispatch

logger = logging.getLogger("unicom")
Result = TypeVar("Result")

NOBODY, NOT_YOURS = 4401, 4403
FAILED, TROUBLE = 1011, 1013
REJOIN_S = 3600.0
"""How often a socket says again that it is in its groups; a layer forgets those that never do, after a day."""


class Connection(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Receive frames and hints one after the other; what goes wrong ends in a close code."""

    leave: Callable[[], None] | None = None
    """What undoes the opening of the socket."""
    _is_closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run it, as Channels does, but for a layer that fails."""
        self.scope = scope

        async def pass_on(message: dict[str, Any]) -> None:
            try:
                await send(message)
            except OSError:
                # The server's word for a browser that has gone meanwhile; its disconnect is on the way.
                logger.debug("A socket was gone before a frame.", exc_info=True)

        self.base_send = pass_on
        self._groups: list[str] = []
        self._joined_at = time.monotonic()
        self.channel_layer = get_channel_layer(self.channel_layer_alias)
        sources = [receive]
        if self.channel_layer is not None:
            self.channel_name = await self.channel_layer.new_channel()
            sources.append(self._next_hint)
        with contextlib.suppress(StopConsumer):
            await await_many_dispatch(sources, self.dispatch)

    async def _next_hint(self) -> dict[str, Any]:
        pause = 0.0
        while True:
            try:
                return await self.channel_layer.receive(self.channel_name)  # type: ignore[no-any-return]
            except Exception:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise asyncio.CancelledError from None  # the socket is gone, and the layer took it for its own
                # A layer gives up waiting after some seconds, or is gone for a while: hints are lost, rows are not.
                logger.debug("A socket could not listen to the channel layer.", exc_info=True)
                await asyncio.sleep(pause)
                pause = min(pause + 0.5, 5.0)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Do what a message asks for; trouble ends the socket with a code that says whether to come again."""
        from django.db import InterfaceError, OperationalError

        from unicom.platforms.webchat.watching import AccountBlocked, Nobody, NotAccessible

        handler = getattr(self, message["type"].replace(".", "_"))
        try:
            await handler(message)
        except StopConsumer:
            raise
        except Nobody:
            await self.close(NOBODY)
        except (AccountBlocked, NotAccessible):
            await self.close(NOT_YOURS)
        except (OperationalError, InterfaceError):
            logger.exception("The database is in trouble; a socket is asked to come again.")
            await self.close(TROUBLE)
        except Exception:
            logger.exception("A web chat socket failed.")
            await self.close(FAILED)

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close it, once; what it showed is shown no more, whatever still comes in."""
        if not self._is_closed:
            self._is_closed = True
            self.forget()
            await super().close(code, reason)

    def forget(self) -> None:
        """Show nothing any more."""
        raise NotImplementedError

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        leave, self.leave = self.leave, None
        if leave is not None:
            leave()
        groups, self._groups = self._groups, []
        for group in groups:
            try:
                await self.channel_layer.group_discard(group, self.channel_name)
            except Exception:
                logger.debug("A socket could not leave its group.", exc_info=True)

    async def join(self, groups: list[str]) -> None:
        """Hear of what the groups are told."""
        self._groups = groups if self.channel_layer is not None else []
        await self._join_all()

    async def stay(self) -> None:
        """Say again that it is here, where that was long ago."""
        if time.monotonic() - self._joined_at > REJOIN_S:
            await self._join_all()

    async def _join_all(self) -> None:
        self._joined_at = time.monotonic()
        for group in self._groups:
            try:
                await self.channel_layer.group_add(group, self.channel_name)
            except Exception:
                logger.warning("A socket hears of nothing new but at its heartbeats: no channel layer.", exc_info=True)

    async def ask(self, question: Callable[[], Result]) -> Result:
        """Return what a question to the database gives."""
        from unicom.platforms.webchat.threads import in_thread

        return await in_thread(question)

    async def tell(self, **frame: Any) -> None:
        """Send a frame."""
        if not self._is_closed:
            await self.send(text_data=json.dumps(frame))
