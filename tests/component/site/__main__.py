"""Run the site: ``python -m tests.component.site PORT``; it prints its port once it listens."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.component.site.settings"

import django

django.setup()

import uvicorn  # noqa: E402  Django is ready only now
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.urls import path  # noqa: E402

from tests.component.site.settings import HAS_SOCKETS  # noqa: E402


def application() -> Any:
    """Return the site, with the documented routing where it has sockets."""
    http = ASGIStaticFilesHandler(get_asgi_application())
    if not HAS_SOCKETS:
        return http
    from channels.auth import AuthMiddlewareStack
    from channels.routing import ProtocolTypeRouter, URLRouter

    from unicom.consumers import WebChatConsumer

    sockets = [
        path("ws/unicom/webchat/<str:chat_id>/", WebChatConsumer.as_asgi()),
        path("ws/unicom/webchat/<str:chat_id>", WebChatConsumer.as_asgi()),
    ]
    return ProtocolTypeRouter({"http": http, "websocket": AuthMiddlewareStack(URLRouter(sockets))})


class Announced(uvicorn.Server):
    """Be a server that says when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say on which port."""
        await super().startup(sockets=sockets)
        assert sockets
        print(f"listening {sockets[0].getsockname()[1]}", flush=True)  # noqa: T201  the port, for who started it


def main() -> None:
    """Serve until the end."""
    from unicom.models import Channel

    call_command("migrate", verbosity=0)
    Channel.objects.get_or_create(name="Shop", platform="WebChat")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    config = uvicorn.Config(application(), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    Announced(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
