"""``parse_mode=MarkdownV2`` and the older ``Markdown``: text and entities, with Telegram's error sentences."""

from __future__ import annotations

from dataclasses import dataclass

from unicom.testing.telegram.entities import link_entity, utf16_len
from unicom.testing.telegram.errors import ApiError, Json, cannot_parse

RESERVED = set("_*[]()~`>#+-=|{}.!")
NAMES = {
    "bold": "Bold", "italic": "Italic", "underline": "Underline", "strikethrough": "Strikethrough",
    "spoiler": "Spoiler", "code": "Code", "pre": "Pre", "text_link": "TextUrl", "custom_emoji": "CustomEmoji",
    "blockquote": "BlockQuote",
}  # fmt: skip
ENDS = {
    "bold": "*", "underline": "__", "strikethrough": "~", "spoiler": "||", "code": "`", "pre": "```",
    "text_link": "]", "custom_emoji": "]",
}  # fmt: skip


@dataclass(kw_only=True, slots=True)
class OpenEntity:
    """An entity whose end has not been read yet."""

    kind: str
    at: int
    """Where it begins in the source."""
    offset: int
    part: int
    language: str = ""


class MarkdownReader:
    """One pass over one MarkdownV2 text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._parts: list[str] = []
        self._size = 0
        self._open: list[OpenEntity] = []
        self._entities: list[Json] = []
        self._line_begins = True

    def read(self) -> tuple[str, list[Json]]:
        """Return the text and its entities; raises the 400 that Telegram would answer with."""
        while self._at < len(self._source):
            self._step()
        if self._open and self._open[0].kind == "blockquote" and len(self._open) == 1:
            self._close_quote()
        if self._open:
            raise self._unfinished(self._open[-1])
        self._entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return "".join(self._parts), self._entities

    def _unfinished(self, entity: OpenEntity) -> ApiError:
        name = "PreCode" if entity.language else NAMES[entity.kind]
        return cannot_parse(f"Can't find end of {name} entity at byte offset {self._bytes(entity.at)}")

    def _bytes(self, at: int) -> int:
        return len(self._source[:at].encode())

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._size += utf16_len(text)

    def _step(self) -> None:
        char = self._source[self._at]
        inside = self._open[-1].kind if self._open else ""
        line_begins, self._line_begins = self._line_begins, False
        following = self._source[self._at + 1 : self._at + 2]
        if char == "\\" and following and 0 < ord(following) <= 126:
            self._add(following)
            self._at += 2
            return
        if inside in ("code", "pre"):
            if char == "`" and self._source.startswith(ENDS[inside], self._at):
                self._close()
            elif char == "`":
                raise self._reserved(char)
            else:
                self._add(char)
                self._at += 1
            return
        if char == "\n":
            self._newline()
            return
        if char == ">" and line_begins and not self._open:
            self._begin("blockquote", 1)
            return
        if char not in RESERVED:
            self._add(char)
            self._at += 1
        elif self._ends(inside):
            self._close()
        else:
            self._start(char)

    def _ends(self, inside: str) -> bool:
        if inside == "italic":
            return self._source.startswith("_", self._at) and not self._source.startswith("__", self._at)
        return inside in ENDS and self._source.startswith(ENDS[inside], self._at)

    def _reserved(self, char: str) -> ApiError:
        return cannot_parse(f"Character '{char}' is reserved and must be escaped with the preceding '\\'")

    def _begin(self, kind: str, width: int, *, language: str = "") -> None:
        opened = OpenEntity(kind=kind, at=self._at, offset=self._size, part=len(self._parts), language=language)
        self._open.append(opened)
        self._at += width

    def _start(self, char: str) -> None:
        source, at = self._source, self._at
        if source.startswith("```", at):
            self._start_pre()
        elif source.startswith("__", at):
            self._begin("underline", 2)
        elif source.startswith("||", at):
            if self._open and self._open[-1].kind == "blockquote" and source[at + 2 : at + 3] in ("", "\n"):
                self._at += 2
                self._open[-1].language = "expandable"
            else:
                self._begin("spoiler", 2)
        elif source.startswith("![", at):
            self._begin("custom_emoji", 2)
        elif char in "_*~[`":
            kinds = {"_": "italic", "*": "bold", "~": "strikethrough", "[": "text_link", "`": "code"}
            self._begin(kinds[char], 1)
        else:
            raise self._reserved(char)

    def _start_pre(self) -> None:
        source, begin = self._source, self._at + 3
        end = begin
        while end < len(source) and not source[end].isspace() and source[end] != "`":
            end += 1
        language = source[begin:end] if end < len(source) and source[end] != "`" else ""
        after = end if language else begin
        if source.startswith(("\r\n", "\n\r"), after):
            after += 2
        elif source.startswith(("\n", "\r"), after):
            after += 1
        self._begin("pre", after - self._at, language=language)

    def _newline(self) -> None:
        quoted = bool(self._open) and self._open[0].kind == "blockquote"
        self._at += 1
        if not quoted:
            self._add("\n")
            self._line_begins = True
        elif self._source.startswith(">", self._at):
            self._add("\n")
            self._at += 1
        else:
            if len(self._open) > 1:
                raise self._unfinished(self._open[-1])
            self._close_quote()
            self._add("\n")
            self._line_begins = True

    def _close_quote(self) -> None:
        quote = self._open.pop()
        if self._size > quote.offset:
            kind = "expandable_blockquote" if quote.language else "blockquote"
            self._entities.append({"type": kind, "offset": quote.offset, "length": self._size - quote.offset})

    def _close(self) -> None:
        entity = self._open.pop()
        self._at += 1 if entity.kind == "italic" else len(ENDS[entity.kind])
        length = self._size - entity.offset
        result: Json | None = {"type": entity.kind, "offset": entity.offset, "length": length}
        if entity.kind == "pre" and entity.language and result is not None:
            result["language"] = entity.language
        elif entity.kind == "text_link":
            url = self._url() or "".join(self._parts[entity.part :])
            result = link_entity(url, entity.offset, length)
        elif entity.kind == "custom_emoji":
            url = self._url()
            if not url.startswith("tg://emoji?id="):
                raise cannot_parse("Custom emoji entity must contain a tg://emoji URL")
            number = url.removeprefix("tg://emoji?id=")
            result = {"type": "custom_emoji", "offset": entity.offset, "length": length, "custom_emoji_id": number}
        if result is not None and length:
            self._entities.append(result)

    def _url(self) -> str:
        if not self._source.startswith("(", self._at):
            return ""
        begin = self._at + 1
        position, url = begin, ""
        while position < len(self._source) and self._source[position] != ")":
            if self._source[position] == "\\" and position + 1 < len(self._source):
                position += 1
            url += self._source[position]
            position += 1
        if position >= len(self._source):
            raise cannot_parse(f"Can't find end of a URL at byte offset {self._bytes(begin)}")
        self._at = position + 1
        return url


def parse_markdown_v2(source: str) -> tuple[str, list[Json]]:
    """Return the text that MarkdownV2 ``source`` shows and its entities."""
    return MarkdownReader(source).read()


def parse_markdown(source: str) -> tuple[str, list[Json]]:
    """Return the text and entities of the older Markdown: no nesting, an escape only outside entities."""
    parts: list[str] = []
    entities: list[Json] = []
    size = at = 0
    kinds = {"_": "italic", "*": "bold", "`": "code", "[": "text_link"}
    while at < len(source):
        char = source[at]
        if char == "\\" and source[at + 1 : at + 2] in ("_", "*", "`", "["):
            at, text = at + 2, source[at + 1]
        elif char in kinds:
            begin = at
            mark = "```" if source.startswith("```", at) else "]" if char == "[" else char
            at += len(mark)
            if source.startswith(mark, at) and mark != "]":  # an empty entity shows nothing
                at += len(mark)
                continue
            end = source.find(mark, at)
            if end < 0:
                where = len(source[:begin].encode())
                raise cannot_parse(f"Can't find end of the entity starting at byte offset {where}")
            text, at = source[at:end], end + len(mark)
            kind = "pre" if mark == "```" else kinds[char]
            entity: Json | None = {"type": kind, "offset": size, "length": utf16_len(text)}
            if char == "[":
                url = ""
                if source.startswith("(", at) and ")" in source[at:]:
                    close = source.index(")", at)
                    url, at = source[at + 1 : close], close + 1
                entity = link_entity(url or text, size, utf16_len(text))
            if entity is not None and text:
                entities.append(entity)
        else:
            at, text = at + 1, char
        parts.append(text)
        size += utf16_len(text)
    return "".join(parts), entities
