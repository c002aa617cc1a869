"""Offer the documented keyboard helpers."""

from __future__ import annotations

from unicom.platforms.telegram.buttons import create_callback_button, create_inline_keyboard, create_url_button

__all__ = ["create_callback_button", "create_inline_keyboard", "create_url_button"]
