"""A bot's updates between the event and their delivery."""

from __future__ import annotations

from typing import Any

from unicom.testing.queue import Disorder, WebhookQueue
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


class UpdateQueue(WebhookQueue):
    """Updates in order; taken by getUpdates, by a courier, or by a test."""

    def __init__(self, first_id: int, disorder: Disorder) -> None:
        super().__init__(disorder)
        self._next_id = first_id

    def add(self, kind: str, payload: Json, *, key: Any, allowed: list[str] | None) -> int | None:
        """Append an update; None where its kind was not asked for."""
        if kind not in KINDS:
            raise ValueError(f"kind: {kind!r} is not one of {', '.join(KINDS)}")
        if kind in NOT_BY_DEFAULT if not allowed else kind not in allowed:
            return None
        update_id = self._next_id
        self._next_id += 1
        self.push(update_id, {"update_id": update_id, kind: payload}, key=key)
        return update_id

    def skip_ids(self, count: int) -> None:
        """Leave a gap in the ids, as happens after a week without updates."""
        self._next_id += count

    def read(self, limit: int) -> list[Json]:
        """Return the oldest updates for getUpdates, each once."""
        updates: dict[int, Json] = {}
        for entry in self._entries:
            if len(updates) >= limit and entry.number not in updates:
                break
            updates[entry.number] = entry.payload
        return list(updates.values())

    def confirm(self, offset: int) -> None:
        """Forget what getUpdates' ``offset`` confirms; negative keeps only the last so many."""
        if offset < 0:
            ids = sorted({entry.number for entry in self._entries})
            offset = ids[offset] if len(ids) >= -offset else 0
        for entry in [entry for entry in self._entries if entry.number < offset]:
            del self._entries[entry]
        if not self._entries:
            self.clear()
