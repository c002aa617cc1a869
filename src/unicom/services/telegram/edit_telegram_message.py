"""Offer the documented function for editing."""

from __future__ import annotations

from unicom.platforms.telegram.editing import edit_telegram_message

__all__ = ["edit_telegram_message"]
