"""A bot's updates between the event and their delivery."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from unicom.testing.telegram.errors import Json

KINDS = (
    "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
    "edited_business_message", "deleted_business_messages", "guest_message", "message_reaction",
    "message_reaction_count", "inline_query", "chosen_inline_result", "callback_query", "shipping_query",
    "pre_checkout_query", "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member",
    "chat_join_request", "chat_boost", "removed_chat_boost", "managed_bot", "subscription",
    "stopped_message_generation",
)  # fmt: skip
NOT_BY_DEFAULT = ("chat_member", "message_reaction", "message_reaction_count")


@dataclass(frozen=True, kw_only=True, slots=True)
class Disorder:
    """What the network may do to webhooks: repeat them and let them overtake each other."""

    copies: int = 1
    """How often each update is delivered successfully."""
    shuffle_seconds: float = 0.0
    """Each delivery waits at random up to so long, so that later ones may come first; real seconds."""
    seed: int = 0


@dataclass(kw_only=True, slots=True, eq=False)
class Entry:
    """One delivery that is to be made."""

    update_id: int
    update: Json = field(repr=False)
    key: Hashable
    """Entries of one key are delivered one after another."""
    delay: float = 0.0
    attempts: int = 0


class UpdateQueue:
    """Updates in order; taken by getUpdates, by a courier, or by a test."""

    def __init__(self, first_id: int, disorder: Disorder) -> None:
        self._next_id = first_id
        self._disorder = disorder
        self._random = random.Random(disorder.seed)  # noqa: S311 - repeatable on purpose, nothing secret
        self._entries: dict[Entry, None] = {}
        self._by_key: dict[Hashable, deque[Entry]] = defaultdict(deque)
        self._ready: deque[Hashable] = deque()

    def __len__(self) -> int:
        return len({entry.update_id for entry in self._entries}) if self._disorder.copies > 1 else len(self._entries)

    @property
    def entries(self) -> list[Entry]:
        """Return what is to be delivered; shuffled where disorder is asked for."""
        entries = list(self._entries)
        if self._disorder.shuffle_seconds:
            self._random.shuffle(entries)
        return entries

    def add(self, kind: str, payload: Json, *, key: Any, allowed: list[str] | None) -> int | None:
        """Append an update; None where its kind was not asked for."""
        if kind not in KINDS:
            raise ValueError(f"kind: {kind!r} is not one of {', '.join(KINDS)}")
        if kind in NOT_BY_DEFAULT if not allowed else kind not in allowed:
            return None
        update_id = self._next_id
        self._next_id += 1
        update = {"update_id": update_id, kind: payload}
        disorder = self._disorder
        for _ in range(disorder.copies):
            entry = Entry(update_id=update_id, update=update, key=key)
            if disorder.shuffle_seconds:
                entry.delay = self._random.uniform(0, disorder.shuffle_seconds)
                entry.key = entry
            self._append(entry)
        return update_id

    def skip_ids(self, count: int) -> None:
        """Leave a gap in the ids, as happens after a week without updates."""
        self._next_id += count

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

    def read(self, limit: int) -> list[Json]:
        """Return the oldest updates for getUpdates, each once."""
        updates: dict[int, Json] = {}
        for entry in self._entries:
            if len(updates) >= limit and entry.update_id not in updates:
                break
            updates[entry.update_id] = entry.update
        return list(updates.values())

    def confirm(self, offset: int) -> None:
        """Forget what getUpdates' ``offset`` confirms; negative keeps only the last so many."""
        if offset < 0:
            ids = sorted({entry.update_id for entry in self._entries})
            offset = ids[offset] if len(ids) >= -offset else 0
        for entry in [entry for entry in self._entries if entry.update_id < offset]:
            del self._entries[entry]
        if not self._entries:
            self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._by_key.clear()
        self._ready.clear()
