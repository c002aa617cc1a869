"""Tell whoever watches a conversation that something happened in it, once that is committed.

These are hints, which may be lost, come late or come twice; the rows are the truth. A watcher reads them, and closes
its gaps by their numbers. Where nobody watches a platform, telling costs one look into a dict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from django.db import transaction

Kind = Literal["stored", "changed", "chat", "typing", "read"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """Say what happened, and where to look."""

    kind: Kind
    chat_id: str
    message_id: str = ""
    seq: int = 0
    """The message's number, where it has one."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What is in no row: who is typing, say."""


Watcher = Callable[[Hint], None]
Keeper = Callable[[str, frozenset[str]], None]
_watchers: dict[str, list[Watcher]] = {}
_keepers: dict[str, Keeper] = {}


def watch(platform: str, watcher: Watcher) -> None:
    """Have ``watcher`` told of what happens on a platform; called where it was committed, so it must not take long."""
    watchers = _watchers.setdefault(platform, [])
    if watcher not in watchers:
        watchers.append(watcher)


def keep_changes(platform: str, keeper: Keeper) -> None:
    """Have ``keeper`` called with the id and the changed columns of a platform's messages, within the transaction."""
    _keepers[platform] = keeper


def message_stored(message: Any, *, seq: int | None = None) -> None:
    """Say that a message has got its place in its chat; ``seq`` where the object does not know its number yet."""
    number = seq if seq is not None else message.seq
    if message.platform in _watchers and number is not None:
        hint = Hint(kind="stored", chat_id=message.chat_id, message_id=message.pk, seq=number)
        _after_commit(message.platform, hint)


def message_changed(message: Any, *fields: str) -> None:
    """Say that a message which has its place was changed: its text, its buttons, its state, or that it was deleted.

    ``fields`` are the columns that were, where the caller knows.
    """
    if message.platform in _watchers and message.seq is not None:
        if message.platform in _keepers:
            _keepers[message.platform](message.pk, frozenset(fields))
        details = {"fields": sorted(fields)} if fields else {}
        hint = Hint(kind="changed", chat_id=message.chat_id, message_id=message.pk, seq=message.seq, details=details)
        _after_commit(message.platform, hint)


def chat_changed(chat: Any, **details: Any) -> None:
    """Say that a chat was opened, renamed, archived or deleted, or that somebody joined it."""
    if chat.platform in _watchers:
        _after_commit(chat.platform, Hint(kind="chat", chat_id=chat.pk, details=details))


def read(chat: Any, *, message_id: str, **details: Any) -> None:
    """Say that somebody has read a chat up to a message."""
    if chat.platform in _watchers:
        _after_commit(chat.platform, Hint(kind="read", chat_id=chat.pk, message_id=message_id, details=details))


def typing(platform: str, chat_id: str, **details: Any) -> None:
    """Say at once that somebody is writing; no row knows."""
    if platform in _watchers:
        _tell(platform, Hint(kind="typing", chat_id=chat_id, details=details))


def _after_commit(platform: str, hint: Hint) -> None:
    transaction.on_commit(partial(_tell, platform, hint), robust=True)


def _tell(platform: str, hint: Hint) -> None:
    for watcher in _watchers[platform]:
        watcher(hint)
