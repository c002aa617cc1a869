"""Offer the web chat's views under their documented path."""

from __future__ import annotations

from unicom.platforms.webchat.identifying import token
from unicom.platforms.webchat.marking import read, stop, typing
from unicom.platforms.webchat.searching import search
from unicom.platforms.webchat.views import (
    button_click,
    chats,
    delete,
    demo,
    media_file,
    messages,
    send,
    update_chat,
)

__all__ = [
    "button_click",
    "chats",
    "delete",
    "demo",
    "media_file",
    "messages",
    "read",
    "search",
    "send",
    "stop",
    "token",
    "typing",
    "update_chat",
]
