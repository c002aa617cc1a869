"""Offer the consumer of the web chat's sockets under its documented path; needs Channels, which is optional."""

from __future__ import annotations

from unicom.platforms.webchat.consumer import WebChatConsumer

__all__ = ["WebChatConsumer"]
