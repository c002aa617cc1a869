"""Offer what is WhatsApp's alone."""

from __future__ import annotations

from unicom.platforms.whatsapp.presence import mark_as_read, start_typing_in_whatsapp

__all__ = ["mark_as_read", "start_typing_in_whatsapp"]
