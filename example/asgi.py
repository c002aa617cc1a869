"""Serve the site, its static files and, where Channels is installed, its sockets; a worker runs beside them."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
http_application = get_asgi_application()

from django.conf import settings  # noqa: E402  Django is ready only now
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler  # noqa: E402

from unicom.asgi import with_worker  # noqa: E402

if settings.DEBUG:
    http_application = ASGIStaticFilesHandler(http_application)

try:
    from channels.auth import AuthMiddlewareStack
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.urls import path

    from unicom.consumers import WebChatConsumer
except ImportError:
    # Without sockets the page polls; nothing else changes.
    application = with_worker(http_application)
else:
    sockets = [
        path("ws/unicom/webchat/<str:chat_id>/", WebChatConsumer.as_asgi()),
        path("ws/unicom/webchat/<str:chat_id>", WebChatConsumer.as_asgi()),
    ]
    application = with_worker(
        ProtocolTypeRouter({"http": http_application, "websocket": AuthMiddlewareStack(URLRouter(sockets))})
    )
