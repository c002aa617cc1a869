"""Carry hints to the sockets of every process, through Channels' layer: from a thread of its own, in few messages.

The layer that lives in memory reaches the sockets of this process only, and only from their own loop: a call from a
thread would not wake it. Any other layer is written to from a loop that this thread keeps, so connections last.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import close_old_connections, transaction

from unicom import live
from unicom.conf import settings
from unicom.ids import digest
from unicom.live import Hint

logger = logging.getLogger("unicom")

BATCH = 200
PATIENCE_S = 5.0


def chat_group(chat_id: str) -> str:
    """Return the name of the group of the sockets that show a chat."""
    return f"webchat_chat_{digest(chat_id)}"


def account_group(account_id: str) -> str:
    """Return the name of the group of the sockets that show an account's list of chats."""
    return f"webchat_account_{digest(account_id)}"


def connect() -> None:
    """Have hints of web chats pushed, and those about who takes part."""
    from django.db.models.signals import m2m_changed, post_save

    from unicom.models import AccountChat, Chat
    from unicom.platforms.webchat import changes

    live.watch("WebChat", push)
    live.keep_changes("WebChat", changes.note)
    post_save.connect(_somebody_joined, sender=AccountChat, dispatch_uid="unicom.webchat.joined")
    m2m_changed.connect(_many_joined, sender=Chat.accounts.through, dispatch_uid="unicom.webchat.many_joined")


def _somebody_joined(sender: Any, instance: Any, *, created: bool, **_: Any) -> None:
    if created:
        _say_later([instance.chat_id])


def _many_joined(sender: Any, instance: Any, action: str, pk_set: set[Any] | None, *, reverse: bool, **_: Any) -> None:
    if action == "post_add" and pk_set:
        _say_later(list(pk_set) if reverse else [instance.pk])


def _say_later(chat_ids: list[str]) -> None:
    """Say that chats have somebody new, without a look at the rows: of another platform's nobody is listening."""
    if can_reach():
        for chat_id in chat_ids:
            transaction.on_commit(partial(push, Hint(kind="chat", chat_id=chat_id)), robust=True)


def push(hint: Hint) -> None:
    """Have a hint carried to whoever shows its chat; at once for the caller, and nothing without a layer."""
    if can_reach():
        _pusher.put(hint)


def can_reach() -> bool:
    """Tell whether there is a layer, and somebody it might reach."""
    backend = settings.channel_layer_backend
    return bool(backend) and (not _is_in_memory(backend) or bool(_loops))


def _is_in_memory(backend: str) -> bool:
    return backend.endswith("InMemoryChannelLayer")


# The loops of this process that have sockets, and how many; a list of chats counts under None as well.
_loops: dict[asyncio.AbstractEventLoop, int] = {}
_lists = 0


def socket_opened(*, is_list: bool) -> None:
    """Note a socket of the running loop."""
    global _lists
    loop = asyncio.get_running_loop()
    _loops[loop] = _loops.get(loop, 0) + 1
    _lists += is_list


def socket_closed(*, is_list: bool) -> None:
    """Take back :func:`socket_opened`."""
    global _lists
    loop = asyncio.get_running_loop()
    _loops[loop] = _loops.get(loop, 0) - 1
    if _loops[loop] <= 0:
        del _loops[loop]
    _lists -= is_list


class Pusher:
    """Gather hints, and send them from a thread; many that were made at once become few."""

    def __init__(self) -> None:
        self._hints: deque[Hint] = deque()
        self._there_are = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, hint: Hint) -> None:
        """Take a hint; never blocks."""
        self._hints.append(hint)
        self._there_are.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="unicom-push", daemon=True)
                    self._thread.start()

    def close(self, timeout: float = PATIENCE_S) -> None:
        """Send what is left, and give back the thread and its connections; the next hint starts anew."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._closing.set()
            self._there_are.set()
            thread.join(timeout)
            self._closing.clear()

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        try:
            while not self._closing.is_set():
                self._there_are.wait()
                self._there_are.clear()
                self._send_all(loop)
        finally:
            loop.close()  # the layer closes its connections with it

    def _send_all(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._hints:
            batch = [self._hints.popleft() for _ in range(min(len(self._hints), BATCH))]
            try:
                loop.run_until_complete(_send(list(addressed(batch))))
            except Exception:
                # A push is a hint: whoever missed it finds the rows at the next heartbeat.
                logger.warning("%s hints could not be pushed to sockets.", len(batch), exc_info=True)
        close_old_connections()


_pusher = Pusher()


def close(timeout: float = PATIENCE_S) -> None:
    """Send what is left, and give back the thread and its connections; the next hint starts anew."""
    _pusher.close(timeout)


def _in_the_child() -> None:
    # Threads do not survive a fork, and the sockets are the parent's.
    global _pusher
    _pusher = Pusher()
    _loops.clear()


os.register_at_fork(after_in_child=_in_the_child)
# A command that writes a message and ends shall be seen at once as well.
atexit.register(close, 2.0)


def addressed(batch: Iterable[Hint]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Give the layer's messages for a batch of hints: of several about the same thing only the last."""
    found: dict[tuple[str, ...], Hint] = {}
    for hint in batch:
        key = (hint.kind, hint.chat_id, *([] if hint.kind == "stored" else [hint.message_id, str(hint.details)]))
        earlier = found.pop(key, None)
        found[key] = hint if earlier is None or earlier.seq <= hint.seq else earlier
    of_chats = {hint.chat_id for hint in found.values() if hint.kind in ("stored", "chat")}
    members = _members(of_chats) if of_chats and (_lists or not _is_in_memory(settings.channel_layer_backend)) else {}
    for hint in found.values():
        message = {
            "type": "hint",
            "kind": hint.kind,
            "chat_id": hint.chat_id,
            "message_id": hint.message_id,
            "seq": hint.seq,
            "details": dict(hint.details),
        }
        yield chat_group(hint.chat_id), message
        if hint.kind in ("stored", "chat"):
            # Of a chat that is gone only the hint knows whose it was.
            for account_id in hint.details.get("accounts") or members.get(hint.chat_id) or ():
                yield account_group(account_id), message


def _members(chat_ids: set[str]) -> dict[str, list[str]]:
    from unicom.models import AccountChat

    found: dict[str, list[str]] = {}
    rows = AccountChat.objects.filter(chat_id__in=chat_ids).order_by("id").values_list("chat_id", "account_id")
    for chat_id, account_id in rows[: 50 * BATCH]:
        found.setdefault(chat_id, []).append(account_id)
    return found


async def _send(messages: list[tuple[str, dict[str, Any]]]) -> None:
    from channels.layers import get_channel_layer

    layer = get_channel_layer()
    if layer is None:
        return
    if _is_in_memory(settings.channel_layer_backend):
        home = next(iter(_loops), None)
        if home is not None:
            sending = asyncio.run_coroutine_threadsafe(_all(layer, messages), home)
            await asyncio.wait_for(asyncio.wrap_future(sending), PATIENCE_S)
        return
    await _all(layer, messages)


async def _all(layer: Any, messages: list[tuple[str, dict[str, Any]]]) -> None:
    for group, message in messages:
        await asyncio.wait_for(layer.group_send(group, message), PATIENCE_S)
