"""Offer :func:`generate_chat_title` under its documented path."""

from __future__ import annotations

from unicom.platforms.webchat.titles import generate_chat_title

__all__ = ["generate_chat_title"]
