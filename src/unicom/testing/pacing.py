"""A platform's pace, for every fake: enforced as calls come, or looked up afterwards."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol


class Rules(Protocol):
    """Say how many messages fit in which windows."""

    @property
    def slack(self) -> float:
        """Return by how many seconds a window is shorter here, since two messages never travel equally fast."""
        ...

    def windows(self, bot_id: int, chat_id: Hashable) -> list[tuple[Scope, int, float]]:
        """Return what one message counts against: the scope, how many fit, and the window in seconds."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a limit is counted for."""

    kind: str
    """Of what, in the platform's words."""
    bot_id: int
    chat_id: Hashable


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenLimit:
    """A window that held more than it may."""

    scope: Scope
    started: float
    count: int
    allowed: int
    window: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending:
    """One accepted call, as far as the limits are concerned."""

    time: float
    bot_id: int
    chat_id: Hashable
    weight: int
    """An album counts as its messages."""


class Pace:
    """Enforces the limits: says how long to wait, and makes it longer for those who do not."""

    def __init__(self, limits: Rules, time_scale: float) -> None:
        self.limits = limits
        self._scale = time_scale
        self._sent: dict[Scope, deque[tuple[float, int]]] = defaultdict(deque)
        self._until: dict[tuple[int, Hashable], float] = {}

    def check(self, now: float, bot_id: int, chat_id: Hashable, weight: int) -> tuple[int, str] | None:
        """Return ``retry_after`` and what was done wrong, or None and count the call."""
        for key in ((bot_id, None), (bot_id, chat_id)):
            until = self._until.get(key, 0.0)
            if now < until - self.limits.slack * self._scale:
                left = math.ceil((until - now) / self._scale)
                # Whoever asks again too early waits longer still.
                self._until[key] = now + (left + 1) * self._scale
                return left + 1, f"sent {left} s before retry_after had elapsed"
        windows = self.limits.windows(bot_id, chat_id)
        for scope, allowed, seconds in windows:
            wait = self._wait(scope, now, allowed, seconds, weight)
            if wait > 0:
                retry_after = max(1, math.ceil(wait / self._scale))
                self._until[bot_id, scope.chat_id] = now + retry_after * self._scale
                return retry_after, f"more than {allowed} in {seconds:g} s for one {scope.kind}"
        for scope, _, _ in windows:
            self._sent[scope].append((now, weight))
        return None

    def hold(self, now: float, bot_id: int, chat_id: Hashable, retry_after: int) -> None:
        """Refuse a chat (or a bot) until then: a 429 that was injected is meant as seriously as any."""
        self._until[bot_id, chat_id] = now + retry_after * self._scale

    def _wait(self, scope: Scope, now: float, allowed: int, seconds: float, weight: int) -> float:
        sent = self._sent[scope]
        length = (seconds - self.limits.slack) * self._scale
        while sent and sent[0][0] <= now - length:
            sent.popleft()
        total = sum(count for _, count in sent)
        if not sent or total + weight <= allowed:
            return 0.0
        for time, count in sent:
            total -= count
            if total + weight <= allowed or total == 0:
                return time + length - now
        return 0.0


def broken_limits(sendings: Iterable[Sending], limits: Rules, *, time_scale: float = 1.0) -> list[BrokenLimit]:
    """Return every sliding window that held too many, one after another (not overlapping)."""
    by_scope: dict[Scope, list[tuple[float, int]]] = defaultdict(list)
    rules: dict[Scope, tuple[int, float]] = {}
    for sending in sendings:
        for scope, allowed, seconds in limits.windows(sending.bot_id, sending.chat_id):
            by_scope[scope].append((sending.time, sending.weight))
            rules[scope] = (allowed, seconds)
    broken: list[BrokenLimit] = []
    for scope, times in by_scope.items():
        allowed, seconds = rules[scope]
        length = (seconds - limits.slack) * time_scale
        window: deque[tuple[float, int]] = deque()
        count = 0
        for time, weight in sorted(times):
            window.append((time, weight))
            count += weight
            while window[0][0] <= time - length:
                count -= window.popleft()[1]
            # One album may be larger than the window: alone in it, it breaks nothing.
            if count > allowed and len(window) > 1:
                broken.append(
                    BrokenLimit(scope=scope, started=window[0][0], count=count, allowed=allowed, window=seconds)
                )
                window.clear()
                count = 0
    return broken
