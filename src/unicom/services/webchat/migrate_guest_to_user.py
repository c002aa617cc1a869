"""Offer :func:`migrate_guest_to_user` under its documented path."""

from __future__ import annotations

from unicom.platforms.webchat.guests import migrate_guest_to_user

__all__ = ["migrate_guest_to_user"]
