"""Offer the scheduler."""

from __future__ import annotations

from unicom.scheduling import process_scheduled_messages

__all__ = ["process_scheduled_messages"]
