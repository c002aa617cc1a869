"""A bot as a test sees it, and the messages in its chats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from unicom.testing.telegram.errors import Json
from unicom.testing.telegram.world import BotState, Chat, Query, Webhook, World


class WebhookRequest(NamedTuple):
    """An update as it would be posted to the webhook."""

    headers: dict[str, str]
    body: bytes


class FakeBot:
    """A bot: what a test needs to configure the code under test, and to look at the bot's side."""

    def __init__(self, world: World, state: BotState) -> None:
        self.world = world
        self.state = state

    def __repr__(self) -> str:
        return f"FakeBot({self.id}, @{self.username})"

    @property
    def id(self) -> int:
        """The bot's id, which is also the first part of its token."""
        return self.state.id

    @property
    def token(self) -> str:
        """What BotFather would have handed out."""
        return self.state.token

    @property
    def username(self) -> str:
        """Its name, without the @."""
        return self.state.person.username

    @property
    def webhook(self) -> Webhook:
        """Where the updates go, as set by setWebhook."""
        return self.state.webhook

    @property
    def pending_count(self) -> int:
        """How many updates have not been delivered."""
        with self.world.lock:
            return len(self.state.queue)

    @property
    def commands(self) -> list[Json]:
        """The list set by setMyCommands."""
        return self.state.commands

    @property
    def actions(self) -> list[tuple[int, str]]:
        """The chat actions shown so far: chat id and action."""
        return self.state.actions

    def drafts(self, chat_id: int, draft_id: int) -> list[str]:
        """Return what a streamed draft showed, step by step."""
        return self.state.drafts.get((chat_id, draft_id), [])

    def push(self, kind: str, payload: Json, *, key: Any = None) -> int | None:
        """Send the bot any update, in the wire format; None where its kind is not among ``allowed_updates``."""
        return self.world.push(self.state, kind, payload, key=key)

    def skip_update_ids(self, count: int) -> None:
        """Leave a gap before the next update."""
        with self.world.lock:
            self.state.queue.skip_ids(count)

    def revoke(self) -> None:
        """Make the token invalid: every call is answered 401 from now on."""
        self.state.revoked = True

    def restore(self) -> None:
        """Make the token valid again."""
        self.state.revoked = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeMessage:
    """A message as it is in its chat now; look again for later edits."""

    chat: Chat = field(repr=False)
    json: Json
    bot: BotState | None = None
    """Whose private chat it is in."""

    @property
    def message_id(self) -> int:
        """Its number within the chat."""
        return int(self.json["message_id"])

    @property
    def chat_id(self) -> int:
        """The chat it is in."""
        return self.chat.id

    @property
    def text(self) -> str:
        """The text or the caption."""
        return str(self.json.get("text") or self.json.get("caption") or "")

    @property
    def buttons(self) -> list[list[str]]:
        """The labels of the keyboard, row by row."""
        keyboard = self.json.get("reply_markup", {}).get("inline_keyboard")
        if keyboard is None:
            keyboard = self.chat.keyboards.get(self.message_id, {}).get("keyboard", [])
        return [[button if isinstance(button, str) else button["text"] for button in row] for row in keyboard]

    def button(self, text: str) -> Json:
        """Return a button by its label; raises LookupError that names those there are."""
        keyboard = self.json.get("reply_markup", {}).get("inline_keyboard")
        if keyboard is None:
            keyboard = self.chat.keyboards.get(self.message_id, {}).get("keyboard", [])
        for row in keyboard:
            for button in row:
                found = {"text": button} if isinstance(button, str) else button
                if found["text"] == text:
                    return dict(found)
        raise LookupError(f"button: {text!r} is not one of {[label for row in self.buttons for label in row]}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """A click that has been sent to the bot."""

    id: str
    query: Query = field(repr=False)

    @property
    def answered(self) -> bool:
        """Whether the bot called answerCallbackQuery, without which the button spins."""
        return bool(self.query.answers)

    @property
    def answers(self) -> list[Json]:
        """What the bot answered."""
        return self.query.answers
