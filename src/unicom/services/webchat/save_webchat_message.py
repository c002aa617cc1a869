"""Offer :func:`save_webchat_message` under its documented path."""

from __future__ import annotations

from unicom.platforms.webchat.receiving import save_webchat_message

__all__ = ["save_webchat_message"]
