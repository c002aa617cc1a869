"""Serve the sockets of the web chat: one chat each, or under ``_me`` the list of all of a visitor's chats.

A push says only that there is something; what goes out is read from the rows, by number, together with a fresh look at
who is asking. So a hint that was lost delays a message until the next heartbeat, and loses nothing. Nothing here needs
Django to be set up when it is imported: a project's asgi.py does that first of all.
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from unicom.platforms.webchat.entrance import MOST_BYTES, NO_CHAT, TOO_LARGE, Entrance, Wish

if TYPE_CHECKING:
    from datetime import datetime

    from unicom.platforms.webchat.watching import Changed, ChatWatch, Holder, ListWatch

ME = "_me"
TOO_MUCH, BAD_DATA = 4429, 1003
MOST_SYNCED = 5000
"""How many missed messages one sync sends; who missed more reads pages instead."""
GRACE_S = 0.5
"""For how long a new socket's pushes wait for its first frame, so that a sync comes before what is newer."""
PAGE = 200
FRAMES, WINDOW_S = 60, 10.0


class WebChatConsumer(Entrance):
    """Be one socket; see the page on the web chat for its frames and close codes."""

    watch: ChatWatch | None = None
    chats: ListWatch | None = None
    _looked_at: datetime | None = None
    """Since when changes are looked for at the next heartbeat: the hint of one may have been lost."""

    # Coming and going

    async def enter(self, visit: Holder, wish: Wish) -> None:
        """Show somebody a chat or their list, as far as it is theirs."""
        from unicom.platforms.webchat import pushing
        from unicom.platforms.webchat.watching import ChatWatch, ListWatch

        chat_id = wish.chat_id
        self._frames: list[float] = []
        self._held = True
        self._pushed = False
        self._low = self._high = 0
        groups: list[str]
        if chat_id == ME:
            self.chats = ListWatch(visit=visit, channel_id=wish.channel_id)
            self.account_id = await self.ask(self.chats.account_id)
            if wish.filters and not await self._filter(wish.filters):
                await self.close(NO_CHAT)  # the error has said which key
                return
            groups = [pushing.account_group(self.account_id)]
        else:
            self.watch = ChatWatch(visit=visit, chat_id=chat_id, channel_id=wish.channel_id)
            groups = [pushing.chat_group(chat_id)]
            self._low = self._high = await self.ask(self.watch.newest)
        is_list = self.chats is not None
        pushing.socket_opened(is_list=is_list)
        self.leave = lambda: pushing.socket_closed(is_list=is_list)
        await self.join(groups)
        if self.watch is not None:
            # Only now: whatever is stored from here on is heard of, and what was stored before is counted.
            self._low = self._high = await self.ask(self.watch.newest)
        await self.tell(type="ready", chat_id=chat_id)
        self._grace = asyncio.get_running_loop().create_task(self._release_later())

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        grace: asyncio.Task[None] | None = getattr(self, "_grace", None)
        if grace is not None:
            grace.cancel()
        await super().disconnect(code)

    def forget(self) -> None:
        """Show nothing any more."""
        self.watch = self.chats = None

    # Hints

    async def hint(self, message: dict[str, Any]) -> None:
        """Send what a hint is about, read anew."""
        kind = message["kind"]
        if self.chats is not None:
            await self._chat_line(message["chat_id"])
        elif self.watch is None:
            return
        elif kind == "stored":
            if message["seq"] > self._high:
                await self._catch_up()
        elif kind == "changed":
            await self._changed(message)
        elif kind == "chat":
            line = await self.ask(self.watch.chat)
            if line is not None:
                await self.tell(type="chat_update", chat=line)
        else:
            await self._mark(kind, message)

    async def _mark(self, kind: str, message: dict[str, Any]) -> None:
        """Tell of somebody else's reading or writing; a visitor's other tabs need not know of their own."""
        assert self.watch is not None  # noqa: S101  asked before
        part = await self.ask(self.watch.part)
        details = dict(message["details"])
        if details.pop("account_id", "") == part.account_id:
            return
        about = {"message_id": message["message_id"]} if message["message_id"] else {}
        await self.tell(type=kind, chat_id=message["chat_id"], **about, **details)

    async def release(self, message: dict[str, Any]) -> None:
        """Stop waiting for a first frame."""
        await self._release()

    async def _release_later(self) -> None:
        await asyncio.sleep(GRACE_S)
        if self._held:
            self._held = False
            if self._pushed and self.channel_layer is not None:
                await self.channel_layer.send(self.channel_name, {"type": "release"})

    async def _release(self) -> None:
        self._held = False
        if self._pushed:
            self._pushed = False
            await self._catch_up()

    async def _catch_up(self, since: datetime | None = None) -> None:
        """Send every message newer than what was sent, in order, and what of those sent was changed since a moment.

        The gap below is for a sync to ask for.
        """
        if self._held:
            self._pushed = True
            return
        assert self.watch is not None  # noqa: S101  a list has no messages
        while True:
            changed, found = await self.ask(partial(self.watch.news, self._high, since))
            since = None
            await self._tell_changes(changed)
            for seq, message in found:
                await self.tell(type="new_message", chat_id=self.watch.chat_id, message=message)
                self._high = seq
            if not found:
                return

    async def _changed(self, message: dict[str, Any]) -> None:
        from unicom.platforms.webchat import changes

        assert self.watch is not None  # noqa: S101  asked before
        fields = frozenset(message["details"].get("fields") or ())
        if message["seq"] > self._high or not changes.shows(fields):
            return  # it comes as new; or nobody could see the difference
        found = await self.ask(lambda: self.watch.message(message["message_id"]))  # type: ignore[union-attr]
        await self._updated(message["message_id"], found)

    async def _tell_changes(self, changed: list[Changed]) -> None:
        for message_id, message in changed:
            await self._updated(message_id, message)

    async def _updated(self, message_id: str, message: dict[str, Any] | None) -> None:
        """Tell how a message is now, or that it is gone."""
        assert self.watch is not None  # noqa: S101  asked before
        if message is not None:
            await self.tell(type="message_updated", chat_id=self.watch.chat_id, message=message)
        else:
            await self.tell(type="message_deleted", chat_id=self.watch.chat_id, message_id=message_id)

    async def _chat_line(self, chat_id: str) -> None:
        assert self.chats is not None  # noqa: S101  asked before
        line = await self.ask(lambda: self.chats.chat(chat_id))  # type: ignore[union-attr]
        if line is not None:
            await self.tell(type="chat_update", chat=line)
        else:
            await self.tell(type="chat_removed", chat_id=chat_id)

    # Frames of the client

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Do what a frame asks for; one that cannot be read is answered with a sentence."""
        if self.wish is not None:
            await self.authenticate(text_data)
            return
        if self.watch is None and self.chats is None:
            return  # on its way out
        if text_data is None:
            await self.close(BAD_DATA)
        elif len(text_data) > MOST_BYTES:
            await self.close(TOO_LARGE)
        elif self._too_many():
            await self.close(TOO_MUCH)
        else:
            await self._frame(text_data)

    def _too_many(self) -> bool:
        now = time.monotonic()
        self._frames = [moment for moment in self._frames if moment > now - WINDOW_S]
        self._frames.append(now)
        return len(self._frames) > FRAMES

    async def _frame(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            await self.tell(type="error", error="The frame is not JSON.")
            return
        action = frame.get("action") if isinstance(frame, dict) else None
        actions = {"ping": self._ping, "filters": self._set_filters} if self.chats is not None else self._of_chat()
        if not isinstance(action, str) or action not in actions:
            await self.tell(type="error", error=f"action: {action!r} is not one of {', '.join(sorted(actions))}.")
            return
        await actions[action](frame)
        if self.watch is not None and self._held:
            await self._release()

    def _of_chat(self) -> dict[str, Any]:
        return {"ping": self._ping, "typing": self._typing, "read": self._read, "sync": self._sync}

    async def _ping(self, frame: dict[str, Any]) -> None:
        from unicom.platforms.webchat import changes

        await self.stay()
        at = changes.moment()
        if self.chats is not None:
            await self.ask(self.chats.account_id)
        else:
            self._held = False
            await self._catch_up(self._looked_at)  # looks at the access as well, and heals a hint that was lost
            self._looked_at = at
        await self.tell(type="pong", at=at.isoformat())

    async def _typing(self, frame: dict[str, Any]) -> None:
        assert self.watch is not None  # noqa: S101  an action of chats
        await self.ask(self.watch.typing)

    async def _read(self, frame: dict[str, Any]) -> None:
        from unicom.platforms.webchat.watching import NotAccessible

        message_id = frame.get("message_id")
        if not isinstance(message_id, str) or not message_id:
            await self.tell(type="error", error="message_id: the id of a message is needed.")
            return
        assert self.watch is not None  # noqa: S101  an action of chats
        await self.ask(self.watch.part)
        try:
            await self.ask(lambda: self.watch.read(message_id))  # type: ignore[union-attr]
        except NotAccessible as error:
            await self.tell(type="error", error=str(error))

    async def _sync(self, frame: dict[str, Any]) -> None:
        """Send what came after a message: first what is older than this socket, then what it has not sent yet.

        With ``since``, as a sync or a pong has told it, also what of the older messages was changed or deleted.
        """
        from unicom.platforms.webchat import changes
        from unicom.platforms.webchat.parameters import read_time
        from unicom.platforms.webchat.watching import NotAccessible

        assert self.watch is not None  # noqa: S101  an action of chats
        watch = self.watch
        after = frame.get("after") or ""
        if not isinstance(after, str):
            await self.tell(type="error", error="after: the id of a message is needed.")
            return
        at, since = changes.moment(), read_time(frame.get("since"))
        if frame.get("since") and since is None:
            await self.tell(type="error", error="since: what an earlier frame told as at is needed.")
            return
        begin = max(self._low - PAGE, 0)  # without a message to begin after: the newest page
        if after:
            await self.ask(watch.part)
            try:
                begin = await self.ask(lambda: watch.seq_of(after))
            except NotAccessible as error:
                await self.tell(type="error", error=str(error))
                return
            if begin <= self._high and since is None:
                # It may have been edited, or have grown, since.
                await self._changed({"seq": begin, "message_id": after, "details": {}})
        has_more = False
        if since is not None:
            changed, has_more = await self.ask(partial(watch.changed_since, since, min(begin, self._high)))
            await self._tell_changes(changed)
        has_more = await self._fill(begin) or has_more
        self._held, self._looked_at = False, at
        await self._catch_up()
        await self.tell(type="synced", chat_id=watch.chat_id, has_more=has_more, at=at.isoformat())

    async def _fill(self, begin: int) -> bool:
        """Send what lies between a number and what this socket began with; True where that is too much."""
        assert self.watch is not None  # noqa: S101  asked before
        watch, at, sent = self.watch, begin, 0
        while at < self._low:
            if sent >= MOST_SYNCED:
                return True
            found = await self.ask(partial(watch.after, at, self._low))
            for seq, message in found:
                await self.tell(type="new_message", chat_id=watch.chat_id, message=message)
                at, sent = seq, sent + 1
            if not found:
                break
        self._low = min(self._low, begin)
        return False

    async def _set_filters(self, frame: dict[str, Any]) -> None:
        given = frame.get("filters")
        if not isinstance(given, dict):
            await self.tell(type="error", error="filters: an object is needed.")
            return
        plain = {
            str(key): value if isinstance(value, str) else json.dumps(value)
            for key, value in given.items()
            if value is not None
        }
        if await self._filter(plain):
            await self.tell(type="ready", chat_id=ME)

    async def _filter(self, filters: dict[str, str]) -> bool:
        from unicom.errors import InvalidMessage

        assert self.chats is not None  # noqa: S101  asked before
        try:
            await self.ask(lambda: self.chats.set_filters(filters))  # type: ignore[union-attr]
        except InvalidMessage as error:
            await self.tell(type="error", error=str(error))
            return False
        return True
