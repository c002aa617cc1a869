"""What one call of the Bot API works with, and what it leaves behind for the log."""

from __future__ import annotations

from typing import Any

from unicom.testing.telegram.entities import KINDS, MAX_ENTITIES, detect, normalise, read_entities, utf16_len
from unicom.testing.telegram.errors import Json, bad_request
from unicom.testing.telegram.html_markup import parse_html
from unicom.testing.telegram.keyboards import check_markup
from unicom.testing.telegram.markdown_markup import parse_markdown, parse_markdown_v2
from unicom.testing.telegram.params import Params
from unicom.testing.telegram.world import BotState, Chat, World

MAX_TEXT = 4096
MAX_CAPTION = 1024
PARSERS = {"html": parse_html, "markdownv2": parse_markdown_v2, "markdown": parse_markdown}


class Context:
    """One call: who asks, with what, in which world."""

    def __init__(self, world: World, bot: BotState, method: str, params: Params) -> None:
        self.world = world
        self.bot = bot
        self.method = method
        self.params = params
        self.message_ids: tuple[int, ...] = ()
        self.text = ""
        self.chat_id: int | None = None
        self.description = ""
        """Said beside ``result``, as setWebhook does."""

    def complain(self, sentence: str) -> None:
        """Record a violation of this bot."""
        self.world.complain(self.bot.id, self.method, sentence)

    def chat(self, name: str = "chat_id") -> Chat:
        """Return the chat that the call names."""
        chat = self.world.find_chat(self.bot, self.params.raw(name), self.params.text("business_connection_id"))
        if name == "chat_id":
            self.chat_id = chat.id
        return chat

    def formatted(self, name: str, *, limit: int = MAX_TEXT, entities: str = "entities") -> tuple[str, list[Json]]:
        """Return a text and its entities, checked and trimmed; raises where it is too long."""
        return self.format(
            self.params.text(name),
            self.params.text("parse_mode"),
            self.params.array(entities, what="entities"),
            limit=limit,
        )

    def format(self, text: str, mode: str, values: list[Any] | None, *, limit: int) -> tuple[str, list[Json]]:
        """Return ``text`` read with a parse mode or with the entities given."""
        if mode:
            if mode.lower() not in PARSERS:
                raise bad_request(f"unsupported parse_mode {mode}")
            if values:
                self.complain("entities are ignored beside parse_mode")
            text, found = PARSERS[mode.lower()](text)
        else:
            found = read_entities(values)
            for entity in found:
                if entity["type"] not in KINDS:
                    self.complain(f"entity type {entity['type']!r} is unknown and dropped")
            found = [entity for entity in found if entity["type"] in KINDS]
        if len(found) > MAX_ENTITIES:
            self.complain(f"{len(found)} entities, the first {MAX_ENTITIES} are kept")
            found = found[:MAX_ENTITIES]
        text, found = normalise(text, found)
        if utf16_len(text) > limit:
            raise bad_request("message is too long" if limit == MAX_TEXT else "message caption is too long")
        return text, found

    def caption(self) -> Json:
        """Return the caption fields of the call, none where it has no caption."""
        text, entities = self.formatted("caption", limit=MAX_CAPTION, entities="caption_entities")
        self.text = text
        if not text:
            return {}
        fields: Json = {"caption": text}
        if entities:
            fields["caption_entities"] = entities
        if self.params.boolean("show_caption_above_media"):
            fields["show_caption_above_media"] = True
        return fields

    def markup(self, *, inline_only: bool = False) -> Json | None:
        """Return the checked ``reply_markup``."""
        value = self.params.object("reply_markup", what="reply markup")
        return check_markup(value, self.complain, inline_only=inline_only)


def received_text(text: str) -> Json:
    """Return the text fields of what a user wrote: Telegram finds commands, links and names by itself."""
    fields: Json = {"text": text}
    entities = detect(text)
    if entities:
        fields["entities"] = entities
    return fields
