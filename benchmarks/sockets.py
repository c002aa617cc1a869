"""Hold 2,000 sockets, one chat each, and push 200 messages a second; beside it a bare consumer with the same load.

What is measured is the time from "write it" until a client has it, the message's own commit included for ours. One
process, the layer in memory, a real server and real connections.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import threading
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from benchmarks.database import fresh_database
from benchmarks.results import Result, at_most

SOCKETS = int(os.environ.get("BENCHMARK_SOCKETS", "2000"))
RATE, SECONDS = 200, 5
AT_ONCE = 50


def measure() -> list[Result]:
    """Measure ours and the bare one in turn."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with fresh_database() as name:
        from django.test import override_settings

        layers = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1000}}}
        with override_settings(CHANNEL_LAYERS=layers, UNICOM_EXECUTOR="worker", ALLOWED_HOSTS=["*"]):
            people = _people()
            with _Server() as server:
                bare = asyncio.run(_load(server, "bare", people))
                ours = asyncio.run(_load(server, "ws/unicom/webchat", people))
    ratio = median(ours) / median(bare)
    tail = quantiles(ours, n=100)[94]
    note = f"{median(ours) * 1000:.1f} ms to {median(bare) * 1000:.1f} ms; 95 of 100 within {tail * 1000:.0f} ms"
    return [
        # Ours has a commit in it, a look at the session and one at the rows: no goal, a number to watch.
        Result(what=f"a push among {SOCKETS:,} sockets, of a bare one ({name})", value=f"{ratio:.1f}×", note=note),
        at_most(f"messages lost among {SOCKETS:,} sockets ({name})", RATE * SECONDS - len(ours), 0),
    ]


def _people() -> list[tuple[str, str, Any]]:
    """Make the visitors; returns of each the session's cookie, the chat's id and their part in it."""
    from importlib import import_module

    from django.conf import settings

    from unicom.models import Account, AccountChat, Channel, Chat
    from unicom.platforms.webchat.visitors import SESSION_KEY, guest_external_id

    channel = Channel.objects.create(name="Website", platform="WebChat")
    store = import_module(settings.SESSION_ENGINE).SessionStore
    accounts, chats, cookies = [], [], []
    for number in range(SOCKETS):
        session = store()
        session[SESSION_KEY] = f"secret {number}"
        session.save()
        cookies.append(f"{settings.SESSION_COOKIE_NAME}={session.session_key}")
        external_id = guest_external_id(f"secret {number}")
        accounts.append(Account(id=f"webchat_{external_id}", platform="WebChat", external_id=external_id, name="Guest"))
        chats.append(Chat(id=f"webchat_{number}", channel=channel, platform="WebChat"))
    Account.objects.bulk_create(accounts)
    Chat.objects.bulk_create(chats)
    parts = [AccountChat(account=account, chat=chat) for account, chat in zip(accounts, chats, strict=True)]
    AccountChat.objects.bulk_create(parts)
    return [(cookie, part.chat_id, part) for cookie, part in zip(cookies, parts, strict=True)]


class _Server:
    """Be uvicorn, in a thread, with both consumers."""

    def __enter__(self) -> _Server:
        import uvicorn
        from channels.auth import AuthMiddlewareStack
        from channels.generic.websocket import AsyncWebsocketConsumer
        from channels.routing import ProtocolTypeRouter, URLRouter
        from django.urls import path

        from unicom.consumers import WebChatConsumer

        class Bare(AsyncWebsocketConsumer):
            """Send on what its group is sent."""

            async def connect(self) -> None:
                self.group = self.scope["url_route"]["kwargs"]["chat_id"]
                await self.channel_layer.group_add(self.group, self.channel_name)
                await self.accept()
                await self.send(text_data='{"type": "ready"}')

            async def hint(self, message: dict[str, Any]) -> None:
                await self.send(text_data=message["text"])

            async def disconnect(self, code: int) -> None:
                await self.channel_layer.group_discard(self.group, self.channel_name)

        sockets = [
            path("bare/<str:chat_id>/", Bare.as_asgi()),
            path("ws/unicom/webchat/<str:chat_id>/", WebChatConsumer.as_asgi()),
        ]
        application = ProtocolTypeRouter({"websocket": AuthMiddlewareStack(URLRouter(sockets))})
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=SOCKETS)
        self.port = self._listening.getsockname()[1]
        config = uvicorn.Config(application, log_level="error", lifespan="off", ws_ping_interval=None)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def _run(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._server.serve(sockets=[self._listening]))

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)


async def _load(server: _Server, where: str, people: list[tuple[str, str, Any]]) -> list[float]:
    from websockets.asyncio.client import connect

    begun: dict[str, float] = {}
    took: list[float] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def follow(cookie: str, chat_id: str, ready: Callable[[], None]) -> None:
        async with gate:
            pipe = await connect(
                f"ws://127.0.0.1:{server.port}/{where}/{chat_id}/",
                additional_headers={"Cookie": cookie},
                ping_interval=None,
            )
            assert json.loads(await pipe.recv())["type"] == "ready"
        ready()
        async for text in pipe:
            frame = json.loads(text)
            if frame["type"] == "new_message":
                took.append(time.perf_counter() - begun[frame["message"]["text"]])

    waiting = len(people)
    everybody = asyncio.Event()

    def ready() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            everybody.set()

    readers = [asyncio.create_task(follow(cookie, chat_id, ready)) for cookie, chat_id, _ in people]
    await asyncio.wait_for(everybody.wait(), 300)
    write = _ours if where != "bare" else _bare
    await asyncio.to_thread(_write, write, server, people, begun)
    for _ in range(100):
        if len(took) >= RATE * SECONDS:
            break
        await asyncio.sleep(0.1)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    return took


def _write(
    write: Callable[..., None], server: _Server, people: list[tuple[str, str, Any]], begun: dict[str, float]
) -> None:
    from django.db import connections

    start = time.perf_counter()
    for number in range(RATE * SECONDS):
        time.sleep(max(start + number / RATE - time.perf_counter(), 0))
        begun[str(number)] = time.perf_counter()
        write(server, people[number % len(people)], str(number))
    connections.close_all()


def _ours(server: _Server, person: tuple[str, str, Any], text: str) -> None:
    from unicom.inbound import ingest
    from unicom.types import Conversation, MessageReceived, Person

    part = person[2]
    part.has_categories = False
    who = Person(external_id=part.account.external_id, name="Guest")
    event = MessageReceived(conversation=Conversation(chat_id=part.chat_id), sender=who, text=text)
    ingest(part.chat.channel, [event], known=part)


def _bare(server: _Server, person: tuple[str, str, Any], text: str) -> None:
    from channels.layers import get_channel_layer

    frame = json.dumps({"type": "new_message", "message": {"text": text}})
    message = {"type": "hint", "text": frame}
    layer: Any = get_channel_layer()
    asyncio.run_coroutine_threadsafe(layer.group_send(person[1], message), server.loop)
