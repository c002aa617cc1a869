"""What the fake knows: people, bots, chats and their messages."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unicom.testing.telegram.errors import ApiError, Json, bad_request, forbidden
from unicom.testing.telegram.media import FileStore
from unicom.testing.telegram.queue import UpdateQueue

MEMBER = ("creator", "administrator", "member", "restricted")


@dataclass(kw_only=True, slots=True)
class Person:
    """A user or a bot."""

    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language: str = ""
    is_bot: bool = False
    deactivated: bool = False

    def json(self) -> Json:
        """Return the Bot API's User."""
        user: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        for name, value in (("last_name", self.last_name), ("username", self.username)):
            if value:
                user[name] = value
        if self.language:
            user["language_code"] = self.language
        return user


@dataclass(kw_only=True, slots=True)
class Chat:
    """A conversation as one bot sees it (private, business) or as all do (group, supergroup, channel)."""

    id: int
    type: str
    person: Person | None = None
    title: str = ""
    username: str = ""
    is_forum: bool = False
    business_id: str = ""
    started: bool = True
    blocked: bool = False
    migrated_to: int | None = None
    next_message_id: int = 1
    messages: dict[int, Json] = field(default_factory=dict)
    keyboards: dict[int, Json] = field(default_factory=dict)
    """Reply keyboards, which a message does not show."""
    deleted: set[int] = field(default_factory=set)
    members: dict[int, str] = field(default_factory=dict)
    """The status of each user and bot by id."""
    topics: dict[int, Topic] = field(default_factory=dict)
    reactions: dict[tuple[int, int], list[Json]] = field(default_factory=dict)
    """By message and by who reacted."""

    def json(self) -> Json:
        """Return the Bot API's Chat."""
        chat: Json = {"id": self.id, "type": self.type}
        if self.person is not None:
            user = self.person.json()
            chat.update({name: user[name] for name in ("first_name", "last_name", "username") if name in user})
            return chat
        chat["title"] = self.title
        if self.username:
            chat["username"] = self.username
        if self.is_forum:
            chat["is_forum"] = True
        return chat

    def store(self, message: Json) -> Json:
        """Give ``message`` the next id of this chat, the chat itself and the time, and keep it."""
        message_id = self.next_message_id
        self.next_message_id += 1
        stored = {"message_id": message_id, "date": int(time.time()), "chat": self.json(), **message}
        self.messages[message_id] = stored
        return stored


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """A topic of a forum."""

    thread_id: int
    name: str
    closed: bool = False


@dataclass(kw_only=True, slots=True)
class Query:
    """A click that waits for answerCallbackQuery."""

    id: str
    user_id: int
    created: float
    answers: list[Json] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class BusinessLink:
    """A person's account that a bot may act for."""

    id: str
    owner: Person
    enabled: bool = True

    def json(self, date: int) -> Json:
        """Return the Bot API's BusinessConnection."""
        rights = {"can_reply": True, "can_read_messages": True, "can_delete_sent_messages": True}
        return {
            "id": self.id, "user": self.owner.json(), "user_chat_id": self.owner.id, "date": date,
            "is_enabled": self.enabled, "rights": rights,
        }  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Webhook:
    """Where a bot's updates go."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    ip_address: str = ""
    has_custom_certificate: bool = False
    last_error_date: int = 0
    last_error_message: str = ""


@dataclass(kw_only=True, slots=True)
class BotState:
    """A bot as the servers know it."""

    person: Person
    token: str = field(repr=False)
    queue: UpdateQueue = field(repr=False)
    webhook: Webhook = field(default_factory=Webhook, repr=False)
    revoked: bool = False
    allowed_updates: list[str] | None = None
    """None is the default set."""
    private: dict[int, Chat] = field(default_factory=dict, repr=False)
    business: dict[tuple[str, int], Chat] = field(default_factory=dict, repr=False)
    links: dict[str, BusinessLink] = field(default_factory=dict, repr=False)
    queries: dict[str, Query] = field(default_factory=dict, repr=False)
    commands: list[Json] = field(default_factory=list, repr=False)
    drafts: dict[tuple[int, int], list[str]] = field(default_factory=dict, repr=False)
    """What each draft showed, by chat and draft id."""
    actions: list[tuple[int, str]] = field(default_factory=list, repr=False)

    @property
    def id(self) -> int:
        """The person's id, the same for every bot."""
        return self.person.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """Something the real server lets pass, which a careful client does not do."""

    bot_id: int
    method: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.method}: {self.sentence}"


class World:
    """The state behind one fake; every access is under ``lock``."""

    def __init__(self, *, time_scale: float) -> None:
        self.lock = threading.RLock()
        self.time_scale = time_scale
        self.bots: dict[int, BotState] = {}
        self.tokens: dict[str, BotState] = {}
        self.people: dict[int, Person] = {}
        self.groups: dict[int, Chat] = {}
        self.files = FileStore()
        self.violations: list[Violation] = []
        self.on_update: Callable[[BotState], None] = lambda bot: None
        """Called when an update has been queued."""
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """Return a number that no other caller gets."""
        return next(self._numbers)

    def complain(self, bot_id: int, method: str, sentence: str) -> None:
        """Record a violation."""
        self.violations.append(Violation(bot_id=bot_id, method=method, sentence=sentence))

    def push(self, bot: BotState, kind: str, payload: Json, *, key: Any = None) -> int | None:
        """Queue an update for a bot unless it did not ask for its kind; returns the update's id."""
        with self.lock:
            update_id = bot.queue.add(kind, payload, key=key, allowed=bot.allowed_updates)
        if update_id is not None:
            self.on_update(bot)
        return update_id

    def private_chat(self, bot: BotState, person: Person) -> Chat:
        """Return the chat of a bot and a person, opened if need be."""
        chat = bot.private.get(person.id)
        if chat is None:
            chat = bot.private[person.id] = Chat(id=person.id, type="private", person=person, started=False)
        return chat

    def find_chat(self, bot: BotState, value: Any, business_id: str = "") -> Chat:
        """Return the chat that a call names, as far as the bot may write to it; raises Telegram's refusal."""
        if value is None or value == "":
            raise bad_request("chat_id is empty")
        chat_id = self._chat_id(value)
        if business_id:
            return self._business_chat(bot, business_id, chat_id)
        if chat_id >= 0:
            return self._private_chat(bot, chat_id)
        chat = self.groups.get(chat_id)
        if chat is None:
            raise bad_request("chat not found")
        if chat.migrated_to is not None:
            raise bad_request("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat.migrated_to)
        status = chat.members.get(bot.id)
        if status is None:
            # A group that the bot never was in is as unknown to it as one that does not exist.
            raise bad_request("chat not found")
        if status not in MEMBER:
            if status == "kicked":
                raise forbidden(f"bot was kicked from the {chat.type} chat")
            raise forbidden(f"bot is not a member of the {chat.type} chat")
        return chat

    def _chat_id(self, value: Any) -> int:
        if isinstance(value, str) and value.startswith("@"):
            for chat in self.groups.values():
                if chat.username.lower() == value[1:].lower():
                    return chat.id
            raise bad_request("chat not found")
        try:
            return int(value)
        except (TypeError, ValueError):
            raise bad_request("chat not found") from None

    def _private_chat(self, bot: BotState, chat_id: int) -> Chat:
        chat = bot.private.get(chat_id)
        if chat_id in self.bots:
            raise forbidden("bots can't send messages to bots")
        if chat is None or not chat.started:
            if any(chat_id in group.members and bot.id in group.members for group in self.groups.values()):
                raise forbidden("bot can't initiate conversation with a user")
            raise bad_request("chat not found")
        if chat.person is not None and chat.person.deactivated:
            raise forbidden("user is deactivated")
        if chat.blocked:
            raise forbidden("bot was blocked by the user")
        return chat

    def _business_chat(self, bot: BotState, business_id: str, chat_id: int) -> Chat:
        link = bot.links.get(business_id)
        if link is None or not link.enabled:
            raise ApiError(400, "Bad Request: BUSINESS_CONNECTION_INVALID")
        chat = bot.business.get((business_id, chat_id))
        if chat is None:
            raise bad_request("BUSINESS_PEER_INVALID")
        return chat

    def bots_in(self, chat: Chat) -> list[BotState]:
        """Return the bots that see what happens in a group."""
        return [bot for bot in self.bots.values() if chat.members.get(bot.id) in MEMBER]
