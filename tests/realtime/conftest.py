"""Give the tests sockets: the documented routing, served in the test's own loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, cast
from urllib.parse import unquote

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.auth import AuthMiddlewareStack
from channels.layers import channel_layers
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from tests.pipeline.conftest import connect, drain, later, memory_platform, stored_files, wire  # noqa: F401
from tests.webchat.conftest import Visitor, chat, guest, new_user, shop, stranger, user, visitor, web  # noqa: F401
from tests.webchat.embedding import Embedded
from unicom.consumers import WebChatConsumer
from unicom.platforms.webchat import pushing

OURS = "http://testserver"
QUIET_S = 0.15
"""After this long without a frame there is none; the tests that expect one wait as long as it takes."""


def application() -> Any:
    """Return the documented routing."""
    sockets = [
        path("ws/unicom/webchat/<str:chat_id>/", WebChatConsumer.as_asgi()),
        path("ws/unicom/webchat/<str:chat_id>", WebChatConsumer.as_asgi()),
    ]
    return ProtocolTypeRouter({"websocket": AuthMiddlewareStack(URLRouter(sockets))})


class Socket:
    """Be a browser's socket, with the browser's cookies, or the token of a page of another site in the first frame."""

    def __init__(self, browser: Visitor, where: str, *, origin: str | None = OURS, host: str = "") -> None:
        self.token = browser.token if isinstance(browser, Embedded) else None
        origin = browser.origin if isinstance(browser, Embedded) and origin == OURS else origin
        cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.client.cookies.items())
        headers = [(b"host", (host or "testserver").encode()), (b"cookie", cookies.encode())]
        headers += [(b"origin", origin.encode())] if origin is not None else []
        address, _, query = where.partition("?")
        scope = {
            "type": "websocket",
            "path": unquote(f"/ws/unicom/webchat/{address}"),
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": [],
        }
        self._pipe: Any = cast("Any", ApplicationCommunicator)(application(), scope)

    async def begin(self) -> None:
        """Connect, and say who it is where a cookie does not; without reading what comes of it."""
        assert not await self.is_refused()
        if self.token is not None:
            await self.send(action="authenticate", token=self.token)

    async def open(self) -> dict[str, Any]:
        """Connect; returns the first frame, which is ``ready`` or the code it was closed with."""
        await self.begin()
        return await self.next()

    async def is_refused(self) -> bool:
        """Connect; whether that was refused at the handshake."""
        await self._pipe.send_input({"type": "websocket.connect"})
        answer = await self._pipe.receive_output(timeout=10)
        assert answer["type"] in ("websocket.accept", "websocket.close")
        return bool(answer["type"] == "websocket.close")

    async def next(self, kind: str = "") -> dict[str, Any]:
        """Return the next frame, ``{"closed": code}`` at the end; with ``kind`` it has to be of that type."""
        message = await self._pipe.receive_output(timeout=10)
        frame = {"closed": message["code"]} if message["type"] == "websocket.close" else json.loads(message["text"])
        assert not kind or frame.get("type") == kind, frame
        return frame

    async def send(self, **frame: Any) -> None:
        """Send a frame."""
        await self.send_raw(json.dumps(frame))

    async def send_raw(self, text: str | None = None, data: bytes | None = None) -> None:
        """Send what may be no frame."""
        await self._pipe.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def is_quiet(self) -> bool:
        """Tell whether nothing comes for a moment."""
        return bool(await self._pipe.receive_nothing(timeout=QUIET_S, interval=0.02))

    async def close(self) -> None:
        """Go away."""
        await self._pipe.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._pipe.wait(timeout=10)


@pytest.fixture(params=["memory"])
def layer(request: pytest.FixtureRequest, settings: Any) -> Any:
    """Have a channel layer, fresh for the test."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    channel_layers.backends.clear()
    yield
    pushing.close()
    channel_layers.backends.clear()


@pytest.fixture
async def socket(layer: Any) -> AsyncIterator[Callable[..., Any]]:
    """Return a function that makes a visitor's socket; all are closed at the end."""
    made: list[Socket] = []

    def make(browser: Visitor, where: str, **more: Any) -> Socket:
        made.append(Socket(browser, where, **more))
        return made[-1]

    yield make
    for item in made:
        await item.close()


def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Do in a thread, as the site's views are, and return what comes of it; to be awaited."""
    return sync_to_async(function, thread_sensitive=True)(*args, **kwargs)


async def until(condition: Callable[[], bool], patience_s: float = 10.0) -> None:
    """Wait until something holds."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
