"""Telegram's pace: how much may be sent, enforced or looked up afterwards."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from unicom.testing.pacing import BrokenLimit, Pace, Scope, Sending, broken_limits

__all__ = ["BrokenLimit", "Limits", "Pace", "Scope", "Sending", "broken_limits"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How many messages fit in any window; seconds are Telegram's, a fake's ``time_scale`` makes them shorter."""

    per_bot: int = 30
    """Messages in any second."""
    chat_burst: int = 1
    """Messages to one chat in any ``chat_burst`` seconds: one a second on average, this many at once."""
    per_group: int = 20
    """Messages to one group in any minute."""
    slack: float = 0.02
    """Seconds by which a window is shorter here, since two messages never travel equally fast."""

    def windows(self, bot_id: int, chat_id: Hashable) -> list[tuple[Scope, int, float]]:
        """Return what one message counts against: the scope, how many fit, and the window in seconds."""
        found = [(Scope(kind="bot", bot_id=bot_id, chat_id=None), self.per_bot, 1.0)]
        if chat_id is not None:
            found.append((Scope(kind="chat", bot_id=bot_id, chat_id=chat_id), self.chat_burst, float(self.chat_burst)))
            if isinstance(chat_id, int) and chat_id < 0:
                found.append((Scope(kind="group", bot_id=bot_id, chat_id=chat_id), self.per_group, 60.0))
        return found
