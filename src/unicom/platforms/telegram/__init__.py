"""Talk to Telegram's Bot API."""

from __future__ import annotations
