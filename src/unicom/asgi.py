"""Let an ASGI server do the work that is due, without a process beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async

Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_worker(application: Application, *, concurrency: int = 4) -> Application:
    """Return ``application`` with a worker in each of the server's processes.

    It starts with the server (or the first request), and finishes what is under way when the server shuts down.
    """

    async def served(scope: Any, receive: Any, send: Any) -> None:
        from unicom.worker import start_in_process

        start_in_process(concurrency=concurrency)
        if scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await application(scope, receive, send)

    return served


async def _live(receive: Any, send: Any) -> None:
    # Django's own application knows no lifespan and would raise.
    from unicom.worker import stop_in_process

    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await sync_to_async(stop_in_process, thread_sensitive=False)()
            await send({"type": "lifespan.shutdown.complete"})
            return
