"""Play the user: every act makes the update that Telegram would make of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from unicom.testing.telegram.bots import Click, FakeBot, FakeMessage
from unicom.testing.telegram.errors import Json
from unicom.testing.telegram.media import SAMPLE_OGG, SAMPLE_PNG, media_json
from unicom.testing.telegram.members import set_blocked
from unicom.testing.telegram.methods.context import received_text
from unicom.testing.telegram.world import BotState, Chat, Person, Query, Topic, World

if TYPE_CHECKING:
    from unicom.testing.telegram.groups import FakeGroup


class FakeUser:
    """A person who writes, clicks, edits, reacts and blocks."""

    def __init__(self, world: World, person: Person) -> None:
        self.world = world
        self.person = person

    def __repr__(self) -> str:
        return f"FakeUser({self.id}, {self.person.first_name!r})"

    @property
    def id(self) -> int:
        """The user's id, which is also that of the private chat with any bot."""
        return self.person.id

    # Writing

    def start(self, bot: FakeBot, payload: str = "") -> FakeMessage:
        """Press Start: from now on the bot may write."""
        return self.sends(bot, f"/start {payload}".strip())

    def sends(
        self,
        to: FakeBot | FakeGroup,
        text: str | None = None,
        *,
        reply_to: FakeMessage | None = None,
        topic: int = 0,
        **fields: Any,
    ) -> FakeMessage:
        """Send a message of any content: a text, or ``fields`` of the Bot API's Message."""
        content: Json = {**(received_text(text) if text is not None else {}), **fields}
        if reply_to is not None:
            content["reply_to_message"] = {
                name: value for name, value in reply_to.json.items() if name != "reply_to_message"
            }
        if topic:
            content.update(message_thread_id=topic, is_topic_message=True)
        with self.world.lock:
            chat, bots = self._chat(to)
            message = chat.store({"from": self.person.json(), **content})
            for bot in bots:
                self.world.push(bot, "message", message, key=chat.id)
        return self._seen(to, chat, message)

    def sends_file(
        self,
        to: FakeBot | FakeGroup,
        kind: str,
        data: bytes,
        *,
        name: str = "",
        mime_type: str = "",
        size: int | None = None,
        caption: str = "",
        extra: Json | None = None,
        **fields: Any,
    ) -> FakeMessage:
        """Send a file; ``size`` may claim more than there is, to test the limit of downloads."""
        with self.world.lock:
            _, bots = self._chat(to)
            stored = self.world.files.add(bots[0].id, kind, data, name=name, mime_type=mime_type, size=size)
            for bot in bots[1:]:
                self.world.files.share(stored, bot.id)
        content: Json = {kind: media_json(stored, extra or {})}
        if caption:
            content["caption"] = caption
            entities = received_text(caption).get("entities")
            if entities:
                content["caption_entities"] = entities
        return self.sends(to, **content, **fields)

    def sends_photo(self, to: FakeBot | FakeGroup, data: bytes = SAMPLE_PNG, caption: str = "") -> FakeMessage:
        """Send a photo."""
        return self.sends_file(to, "photo", data, caption=caption)

    def sends_album(self, to: FakeBot | FakeGroup, photos: list[bytes], caption: str = "") -> list[FakeMessage]:
        """Send several photos at once: as many updates with one ``media_group_id``."""
        group_id = str(13_000_000_000_000_000 + self.world.number())
        return [
            self.sends_file(to, "photo", data, caption="" if at else caption, media_group_id=group_id)
            for at, data in enumerate(photos)
        ]

    def sends_voice(self, to: FakeBot | FakeGroup, data: bytes = SAMPLE_OGG, *, duration: int = 1) -> FakeMessage:
        """Send a voice message."""
        return self.sends_file(to, "voice", data, extra={"duration": duration})

    def sends_document(
        self,
        to: FakeBot | FakeGroup,
        data: bytes,
        name: str = "file.bin",
        *,
        mime_type: str = "application/octet-stream",
        caption: str = "",
        size: int | None = None,
    ) -> FakeMessage:
        """Send a file of any kind."""
        return self.sends_file(to, "document", data, name=name, mime_type=mime_type, caption=caption, size=size)

    def sends_location(self, to: FakeBot | FakeGroup, latitude: float = 52.5, longitude: float = 13.4) -> FakeMessage:
        """Send a point on the map."""
        return self.sends(to, location={"latitude": latitude, "longitude": longitude})

    def sends_contact(self, to: FakeBot | FakeGroup, phone_number: str = "+4930123456") -> FakeMessage:
        """Share one's own phone number."""
        contact = {"phone_number": phone_number, "first_name": self.person.first_name, "user_id": self.id}
        return self.sends(to, contact=contact)

    # Reacting to what is there

    def opens_topic(self, bot: FakeBot, name: str) -> int:
        """Open a topic in the private chat with a bot that has topics there; returns its ``message_thread_id``."""
        with self.world.lock:
            chat, bots = self._chat(bot)
            chat.is_forum = True
            thread_id = chat.next_message_id
            chat.topics[thread_id] = Topic(thread_id=thread_id, name=name)
            fields = {"message_thread_id": thread_id, "is_topic_message": True}
            created = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
            message = chat.store({"from": self.person.json(), **fields, **created})
            for state in bots:
                self.world.push(state, "message", message, key=chat.id)
            return thread_id

    def edits(self, message: FakeMessage, text: str | None = None, **fields: Any) -> FakeMessage:
        """Change a message of one's own; without arguments it is an edit that shows no difference."""
        content: Json = {**(received_text(text) if text is not None else {}), **fields}
        with self.world.lock:
            edited = {**message.chat.messages[message.message_id], **content, "edit_date": int(time.time())}
            if text is not None and "entities" not in content:
                edited.pop("entities", None)
            message.chat.messages[message.message_id] = edited
            kind = "edited_business_message" if message.chat.business_id else "edited_message"
            for bot in self._bots_of(message):
                self.world.push(bot, kind, edited, key=message.chat_id)
        return FakeMessage(chat=message.chat, json=edited, bot=message.bot)

    def clicks(self, message: FakeMessage, button: str, *, inaccessible: bool = False) -> Click | None:
        """Press a button of a bot's message by its label.

        Returns the click for one with ``callback_data``; a button of a reply keyboard sends its text; others, such
        as links, never reach the bot. ``inaccessible`` clicks a message that is too old for the bot to see.
        """
        pressed = message.button(button)
        if "reply_markup" not in message.json:
            self._types(message, pressed)
            return None
        if "callback_data" not in pressed:
            return None
        shown: Json = message.json
        if inaccessible:
            shown = {"chat": shown["chat"], "message_id": message.message_id, "date": 0}
        return self.sends_callback(message, pressed["callback_data"], shown=shown)

    def sends_callback(self, message: FakeMessage, data: str, *, shown: Json | None = None) -> Click:
        """Send a click with any data, as a modified client can."""
        with self.world.lock:
            bot = self._author(message)
            query = Query(
                id=str(4_000_000_000_000_000_000 + self.world.number()), user_id=self.id, created=time.monotonic()
            )
            bot.queries[query.id] = query
            payload = {
                "id": query.id, "from": self.person.json(), "message": shown or message.json,
                "chat_instance": str(message.chat_id * 31), "data": data,
            }  # fmt: skip
            self.world.push(bot, "callback_query", payload, key=message.chat_id)
        return Click(id=query.id, query=query)

    def reacts(self, message: FakeMessage, *emoji: str) -> None:
        """Set one's reactions to a message; none takes them back."""
        key = (message.message_id, self.id)
        new = [{"type": "emoji", "emoji": one} for one in emoji]
        with self.world.lock:
            old = message.chat.reactions.get(key, [])
            message.chat.reactions[key] = list(new)
            payload = {
                "chat": message.chat.json(), "message_id": message.message_id, "user": self.person.json(),
                "date": int(time.time()), "old_reaction": old, "new_reaction": new,
            }  # fmt: skip
            for bot in self._bots_of(message):
                # In groups only an administrator is told.
                if message.chat.type == "private" or message.chat.members.get(bot.id) == "administrator":
                    self.world.push(bot, "message_reaction", payload, key=message.chat_id)

    def deletes(self, message: FakeMessage) -> None:
        """Remove a message for everyone; the bot is not told, except by later refusals."""
        with self.world.lock:
            message.chat.messages.pop(message.message_id, None)
            message.chat.deleted.add(message.message_id)

    def blocks(self, bot: FakeBot) -> None:
        """Block a bot: it may not write any more."""
        with self.world.lock:
            set_blocked(self.world, bot.state, self.world.private_chat(bot.state, self.person), blocked=True)

    def unblocks(self, bot: FakeBot) -> None:
        """Let a bot write again."""
        with self.world.lock:
            set_blocked(self.world, bot.state, self.world.private_chat(bot.state, self.person), blocked=False)

    def deactivates(self) -> None:
        """Delete the account: bots get 403 "user is deactivated"."""
        self.person.deactivated = True

    # Reading

    def inbox(self, of: FakeBot | FakeGroup) -> list[FakeMessage]:
        """Return the messages that bots wrote in a chat, as they are now."""
        with self.world.lock:
            chat, bots = self._chat(of, open_it=False)
            ids = {bot.id for bot in bots}
            return [
                self._seen(of, chat, message)
                for message in chat.messages.values()
                if message.get("from", {}).get("id") in ids
            ]

    def last(self, of: FakeBot | FakeGroup) -> FakeMessage:
        """Return the newest message of a bot; raises LookupError where there is none."""
        messages = self.inbox(of)
        if not messages:
            raise LookupError(f"{of!r} has not written to {self!r}")
        return messages[-1]

    def _chat(self, to: FakeBot | FakeGroup, *, open_it: bool = True) -> tuple[Chat, list[BotState]]:
        if not isinstance(to, FakeBot):
            return to.chat, self.world.bots_in(to.chat)
        chat = self.world.private_chat(to.state, self.person)
        if open_it:
            if chat.blocked:
                raise ValueError(f"{self!r} has blocked {to!r}: unblock it first")
            chat.started = True
        return chat, [to.state]

    def _seen(self, to: FakeBot | FakeGroup, chat: Chat, message: Json) -> FakeMessage:
        return FakeMessage(chat=chat, json=message, bot=to.state if isinstance(to, FakeBot) else None)

    def _bots_of(self, message: FakeMessage) -> list[BotState]:
        return [message.bot] if message.bot is not None else self.world.bots_in(message.chat)

    def _author(self, message: FakeMessage) -> BotState:
        author = message.json.get("sender_business_bot") or message.json.get("from", {})
        bot = self.world.bots.get(author.get("id", 0)) or message.bot
        if bot is None:
            raise ValueError(f"{message!r} is not a bot's")
        return bot

    def _types(self, message: FakeMessage, pressed: Json) -> None:
        to: Any = FakeBot(self.world, message.bot) if message.bot is not None else _Place(message.chat)
        if pressed.get("request_contact"):
            self.sends_contact(to)
        elif pressed.get("request_location"):
            self.sends_location(to)
        else:
            self.sends(to, pressed["text"])


class _Place:
    """A group of which only the chat is known."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
