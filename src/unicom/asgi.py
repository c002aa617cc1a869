"""Let an ASGI server do the work that is due, without a process beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def with_worker(application: Application, *, concurrency: int = 4) -> Application:
    """Return ``application`` with a worker that starts with its first request (or lifespan) in each process."""

    async def served(
        scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        from unicom.worker import start_in_process

        start_in_process(concurrency=concurrency)
        await application(scope, receive, send)

    return served
