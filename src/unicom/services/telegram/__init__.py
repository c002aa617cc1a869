"""Offer the documented typing functions."""

from __future__ import annotations

from unicom.services.telegram.typing_indicator import start_typing_in_telegram, stop_typing_in_telegram

__all__ = ["start_typing_in_telegram", "stop_typing_in_telegram"]
