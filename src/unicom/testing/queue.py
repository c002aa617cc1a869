"""Webhooks between the event and their delivery, for every fake: in order within a key, repeated, shuffled."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Disorder:
    """What the network may do to webhooks: repeat them and let them overtake each other."""

    copies: int = 1
    """How often each webhook is delivered successfully."""
    shuffle_seconds: float = 0.0
    """Each delivery waits at random up to so long, so that later ones may come first; real seconds."""
    seed: int = 0


@dataclass(kw_only=True, slots=True, eq=False)
class Entry:
    """One delivery that is to be made."""

    number: int
    payload: Json = field(repr=False)
    key: Hashable
    """Entries of one key are delivered one after another."""
    delay: float = 0.0
    attempts: int = 0


class WebhookQueue:
    """Webhooks in order; taken by a courier, or by a test."""

    def __init__(self, disorder: Disorder) -> None:
        self._disorder = disorder
        self._random = random.Random(disorder.seed)  # noqa: S311 - repeatable on purpose, nothing secret
        self._entries: dict[Entry, None] = {}
        self._by_key: dict[Hashable, deque[Entry]] = defaultdict(deque)
        self._ready: deque[Hashable] = deque()

    def __len__(self) -> int:
        return len({entry.number for entry in list(self._entries)}) if self._disorder.copies > 1 else len(self._entries)

    @property
    def entries(self) -> list[Entry]:
        """Return what is to be delivered; shuffled where disorder is asked for."""
        entries = list(self._entries)
        if self._disorder.shuffle_seconds:
            self._random.shuffle(entries)
        return entries

    def push(self, number: int, payload: Json, *, key: Hashable) -> None:
        """Append a webhook, as often as disorder wants it."""
        disorder = self._disorder
        for _ in range(disorder.copies):
            entry = Entry(number=number, payload=payload, key=key)
            if disorder.shuffle_seconds:
                entry.delay = self._random.uniform(0, disorder.shuffle_seconds)
                entry.key = entry
            self._append(entry)

    def _append(self, entry: Entry) -> None:
        self._entries[entry] = None
        line = self._by_key[entry.key]
        line.append(entry)
        if len(line) == 1:
            self._ready.append(entry.key)

    def again(self, entry: Entry) -> None:
        """Make an entry's key available for the next attempt."""
        self._ready.append(entry.key)

    def take_ready(self) -> Entry | None:
        """Return the first entry of a key that nobody is delivering; ``done`` or ``again`` must follow."""
        while self._ready:
            key = self._ready.popleft()
            line = self._by_key.get(key)
            while line and line[0] not in self._entries:
                line.popleft()
            if line:
                return line[0]
            self._by_key.pop(key, None)
        return None

    def done(self, entry: Entry) -> None:
        """Forget a delivered entry; the next of its key becomes available."""
        self._entries.pop(entry, None)
        if not self._entries:
            self.clear()
            return
        line = self._by_key.get(entry.key)
        if line and line[0] is entry:
            line.popleft()
        if line:
            self._ready.append(entry.key)
        else:
            self._by_key.pop(entry.key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._by_key.clear()
        self._ready.clear()
