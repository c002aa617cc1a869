"""Groups, supergroups with topics, channels, and accounts that a bot acts for."""

from __future__ import annotations

import time
from typing import Any

from unicom.testing.telegram.bots import FakeBot, FakeMessage
from unicom.testing.telegram.errors import Json
from unicom.testing.telegram.members import announce, notice
from unicom.testing.telegram.methods.context import received_text
from unicom.testing.telegram.users import FakeUser
from unicom.testing.telegram.world import MEMBER, BusinessLink, Chat, Person, Topic, World


class FakeGroup:
    """A group or a supergroup."""

    def __init__(self, world: World, chat: Chat, creator: Person) -> None:
        self.world = world
        self.chat = chat
        self._creator = creator

    def __repr__(self) -> str:
        return f"FakeGroup({self.id}, {self.chat.title!r})"

    @property
    def id(self) -> int:
        """The chat id: another one after ``upgrade``."""
        return self.chat.id

    def add(self, *members: FakeUser | FakeBot, admin: bool = False) -> None:
        """Let people and bots in: a service message, and ``my_chat_member`` for a bot."""
        with self.world.lock:
            for member in members:
                person = _person(member)
                old = self.chat.members.get(person.id, "left")
                self.chat.members[person.id] = "administrator" if admin else "member"
                announce(self.world, self.chat, self._creator, person, old, self.chat.members[person.id])
                if old not in MEMBER:
                    user = person.json()
                    notice(self.world, self.chat, {"from": self._creator.json(), "new_chat_members": [user]})

    def removes(self, member: FakeUser | FakeBot) -> None:
        """Throw somebody out: a bot gets 403 from now on."""
        with self.world.lock:
            person = _person(member)
            old = self.chat.members.get(person.id, "left")
            self.chat.members[person.id] = "kicked"
            announce(self.world, self.chat, self._creator, person, old, "kicked")
            notice(self.world, self.chat, {"from": self._creator.json(), "left_chat_member": person.json()})

    def upgrade(self) -> int:
        """Become a supergroup: a new id, service messages on both sides, errors on the old one. Returns the new id."""
        with self.world.lock:
            old = self.chat
            if old.type != "group":
                raise ValueError(f"{self!r} is a {old.type} already")
            new_id = -1_003_000_000_000 - self.world.number()
            new = Chat(id=new_id, type="supergroup", title=old.title, members=dict(old.members))
            self.world.groups[new_id] = new
            notice(self.world, old, {"from": self._creator.json(), "migrate_to_chat_id": new_id})
            old.migrated_to = new_id
            self.chat = new
            notice(self.world, new, {"sender_chat": new.json(), "migrate_from_chat_id": old.id})
            return new_id

    def topic(self, name: str) -> int:
        """Open a topic and return its ``message_thread_id``; the supergroup becomes a forum."""
        with self.world.lock:
            if self.chat.type != "supergroup":
                raise ValueError(f"{self!r} is no supergroup")
            self.chat.is_forum = True
            thread_id = self.chat.next_message_id
            self.chat.topics[thread_id] = Topic(thread_id=thread_id, name=name)
            created = {"name": name, "icon_color": 7322096}
            notice(
                self.world, self.chat,
                {
                    "from": self._creator.json(), "message_thread_id": thread_id, "is_topic_message": True,
                    "forum_topic_created": created,
                },
            )  # fmt: skip
            return thread_id

    def closes(self, thread_id: int) -> None:
        """Close a topic: sending there is refused."""
        with self.world.lock:
            topic = self.chat.topics[thread_id]
            self.chat.topics[thread_id] = Topic(thread_id=thread_id, name=topic.name, closed=True)
            fields = {"message_thread_id": thread_id, "is_topic_message": True, "forum_topic_closed": {}}
            notice(self.world, self.chat, {"from": self._creator.json(), **fields})

    def asks_to_join(self, user: FakeUser) -> None:
        """Let a person ask to be let in: ``chat_join_request`` for the administrators."""
        payload = {
            "chat": self.chat.json(), "from": user.person.json(), "user_chat_id": user.id, "date": int(time.time()),
        }  # fmt: skip
        for bot in self.world.bots_in(self.chat):
            if self.chat.members.get(bot.id) == "administrator":
                self.world.push(bot, "chat_join_request", payload, key=self.id)


class FakeChannel(FakeGroup):
    """A channel, in which posts have no author but the channel."""

    def __repr__(self) -> str:
        return f"FakeChannel({self.id}, {self.chat.title!r})"

    def posts(self, text: str | None = None, **fields: Any) -> FakeMessage:
        """Publish a post."""
        content: Json = {**(received_text(text) if text is not None else {}), **fields}
        with self.world.lock:
            message = self.chat.store({"sender_chat": self.chat.json(), **content})
            self._tell("channel_post", message)
        return FakeMessage(chat=self.chat, json=message)

    def edits(self, post: FakeMessage, text: str) -> FakeMessage:
        """Change a post."""
        with self.world.lock:
            edited = {**self.chat.messages[post.message_id], "edit_date": int(time.time())}
            edited.pop("entities", None)
            edited.update(received_text(text))
            self.chat.messages[post.message_id] = edited
            self._tell("edited_channel_post", edited)
        return FakeMessage(chat=self.chat, json=edited)

    def counts_reactions(self, post: FakeMessage, **emoji: int) -> None:
        """Tell how often each reaction was given, as Telegram does minutes later: ``**{"👍": 3}``."""
        reactions = [{"type": {"type": "emoji", "emoji": one}, "total_count": n} for one, n in emoji.items()]
        payload = {
            "chat": self.chat.json(), "message_id": post.message_id, "date": int(time.time()), "reactions": reactions,
        }  # fmt: skip
        self._tell("message_reaction_count", payload)

    def _tell(self, kind: str, payload: Json) -> None:
        for bot in self.world.bots_in(self.chat):
            self.world.push(bot, kind, payload, key=self.id)


class FakeBusiness:
    """A person's account that a bot acts for: what customers write there reaches the bot."""

    def __init__(self, world: World, owner: FakeUser, bot: FakeBot) -> None:
        self.world = world
        self.owner = owner
        self.bot = bot
        self.id = f"BUS{world.number():017d}"
        self._set(enabled=True)

    def disconnect(self) -> None:
        """End it: the bot may not write any more."""
        self._set(enabled=False)

    def receives(self, sender: FakeUser, text: str | None = None, **fields: Any) -> FakeMessage:
        """Let a customer write to the owner."""
        content: Json = {**(received_text(text) if text is not None else {}), **fields}
        with self.world.lock:
            key = (self.id, sender.id)
            chat = self.bot.state.business.get(key)
            if chat is None:
                chat = Chat(id=sender.id, type="private", person=sender.person, business_id=self.id)
                self.bot.state.business[key] = chat
            message = chat.store({"business_connection_id": self.id, "from": sender.person.json(), **content})
            self.world.push(self.bot.state, "business_message", message, key=(self.id, chat.id))
        return FakeMessage(chat=chat, json=message, bot=self.bot.state)

    def answers(self, customer: FakeUser, text: str | None = None, **fields: Any) -> FakeMessage:
        """Let the owner write to a customer by their own hand; the bot is told of it."""
        content: Json = {**(received_text(text) if text is not None else {}), **fields}
        with self.world.lock:
            chat = self.bot.state.business[self.id, customer.id]
            message = chat.store({"business_connection_id": self.id, "from": self.owner.person.json(), **content})
            self.world.push(self.bot.state, "business_message", message, key=(self.id, chat.id))
        return FakeMessage(chat=chat, json=message, bot=self.bot.state)

    def deletes(self, *messages: FakeMessage) -> None:
        """Let a customer take messages back."""
        with self.world.lock:
            for message in messages:
                message.chat.messages.pop(message.message_id, None)
            payload = {
                "business_connection_id": self.id, "chat": messages[0].chat.json(),
                "message_ids": [message.message_id for message in messages],
            }  # fmt: skip
            self.world.push(self.bot.state, "deleted_business_messages", payload, key=(self.id, messages[0].chat_id))

    def _set(self, *, enabled: bool) -> None:
        with self.world.lock:
            link = BusinessLink(id=self.id, owner=self.owner.person, enabled=enabled)
            self.bot.state.links[self.id] = link
            self.world.push(self.bot.state, "business_connection", link.json(int(time.time())), key=self.id)


def _person(member: FakeUser | FakeBot) -> Person:
    return member.state.person if isinstance(member, FakeBot) else member.person
