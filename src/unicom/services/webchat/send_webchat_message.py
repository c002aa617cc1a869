"""Offer :func:`send_webchat_message` under its documented path."""

from __future__ import annotations

from unicom.outbound import send as send_webchat_message

__all__ = ["send_webchat_message"]
