"""Offer :func:`get_or_create_account` under its documented path."""

from __future__ import annotations

from unicom.platforms.webchat.accounts import get_or_create_account

__all__ = ["get_or_create_account"]
