"""``parse_mode=HTML``: Telegram's small tag set to text and entities, with its error sentences."""

from __future__ import annotations

import re

from unicom.testing.telegram.entities import link_entity, utf16_len
from unicom.testing.telegram.errors import ApiError, Json, cannot_parse

STYLES = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "span": "spoiler", "blockquote": "blockquote", "code": "code", "pre": "pre",
}  # fmt: skip
TAGS = {*STYLES, "a", "tg-emoji", "tg-time"}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot)(?![A-Za-z]));?")
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[^\s>]*")


def _decode(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return NAMED[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF else match.group()


class HtmlReader:
    """One pass over one text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._parts: list[str] = []
        self._size = 0
        self._open: list[tuple[str, str, int, int]] = []
        """Tag, its argument, where it began in UTF-16 units, and in parts."""
        self._entities: list[Json] = []

    def read(self) -> tuple[str, list[Json]]:
        """Return the text and its entities; raises the 400 that Telegram would answer with."""
        while self._at < len(self._source):
            begin = self._source.find("<", self._at)
            if begin < 0:
                begin = len(self._source)
            if begin > self._at:
                self._add(_REFERENCE.sub(_decode, self._source[self._at : begin]))
            self._at = begin
            if begin < len(self._source):
                if self._source.startswith("</", begin):
                    self._end_tag(begin)
                else:
                    self._start_tag(begin)
        if self._open:
            raise cannot_parse(f'Can\'t find end tag corresponding to start tag "{self._open[-1][0]}"')
        for entity in self._entities:
            if entity["type"] == "code":
                entity.pop("language", None)
        self._entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
        return "".join(self._parts), self._entities

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._size += utf16_len(text)

    def _error(self, sentence: str, begin: int) -> ApiError:
        return cannot_parse(f"{sentence} at byte offset {len(self._source[:begin].encode())}")

    def _peek(self) -> str:
        return self._source[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._source, self._at)
        text = match.group() if match else ""
        self._at += len(text)
        return text

    def _start_tag(self, begin: int) -> None:
        self._at = begin + 1
        tag = self._skip(_NAME).lower()
        if not self._peek():
            raise self._error("Unclosed start tag", begin)
        if tag not in TAGS:
            raise self._error(f'Unsupported start tag "{tag}"', begin)
        argument = ""
        while True:
            self._skip(_SPACE)
            if self._peek() == ">":
                self._at += 1
                break
            name, value = self._attribute(tag, begin)
            if (tag, name) in (("a", "href"), ("tg-emoji", "emoji-id")):
                argument = value
            elif (tag, name) == ("code", "class") and value.startswith("language-"):
                argument = value.removeprefix("language-")
            elif (tag, name) == ("span", "class") and value.startswith("tg-"):
                argument = value.removeprefix("tg-")
            elif (tag, name) == ("blockquote", "expandable"):
                argument = "expandable"
        if tag == "span" and argument != "spoiler":
            raise self._error('Tag "span" must have class "tg-spoiler"', begin)
        self._open.append((tag, argument, self._size, len(self._parts)))

    def _attribute(self, tag: str, begin: int) -> tuple[str, str]:
        name = self._skip(re.compile(r"[^\s=>]*")).lower()
        if not name:
            if not self._peek():
                raise self._error("Unclosed start tag", begin)
            raise self._error(f'Empty attribute name in the tag "{tag}"', begin)
        self._skip(_SPACE)
        if self._peek() != "=":
            if (tag, name) == ("blockquote", "expandable"):
                return name, ""
            raise self._error(f'Expected equal sign in declaration of an attribute of the tag "{tag}"', begin)
        self._at += 1
        self._skip(_SPACE)
        quote = self._peek()
        if quote and quote in "'\"":
            end = self._source.find(quote, self._at + 1)
            if end < 0:
                raise self._error("Unclosed start tag", begin)
            value = _REFERENCE.sub(_decode, self._source[self._at + 1 : end])
            self._at = end + 1
        else:
            token_begin = self._at
            value = self._skip(re.compile(r"[A-Za-z0-9.-]*")).lower()
            if self._peek() and not self._peek().isspace() and self._peek() != ">":
                raise self._error("Unexpected end of name token", token_begin)
        if not self._peek():
            raise self._error("Unclosed start tag", begin)
        return name, value

    def _end_tag(self, begin: int) -> None:
        if not self._open:
            raise self._error("Unexpected end tag", begin)
        self._at = begin + 2
        name = self._skip(_NAME).lower()
        self._skip(_SPACE)
        if self._peek() != ">":
            raise self._error("Unclosed end tag", begin)
        self._at += 1
        tag, argument, offset, part = self._open.pop()
        if name and name != tag:
            where = len(self._source[:begin].encode())
            raise cannot_parse(f'Unmatched end tag at byte offset {where}, expected "</{tag}>", found "</{name}>"')
        if self._size > offset:
            self._close(tag, argument, offset, "".join(self._parts[part:]))

    def _close(self, tag: str, argument: str, offset: int, inner: str) -> None:
        length = self._size - offset
        if tag == "a":
            link = link_entity(argument or inner, offset, length)
            if link is not None:
                self._entities.append(link)
            return
        if tag == "tg-emoji":
            if not argument.isdigit():
                raise cannot_parse("Invalid custom emoji identifier specified")
            self._entities.append(
                {"type": "custom_emoji", "offset": offset, "length": length, "custom_emoji_id": argument}
            )
            return
        if tag == "tg-time":
            return
        entity: Json = {"type": STYLES[tag], "offset": offset, "length": length}
        if tag == "blockquote" and argument:
            entity["type"] = "expandable_blockquote"
        if tag == "code" and argument:
            entity["language"] = argument
        if tag in ("pre", "code") and self._merge_code(entity):
            return
        self._entities.append(entity)

    def _merge_code(self, entity: Json) -> bool:
        """Make one ``pre`` with a language of ``<pre><code class="language-…">``."""
        if not self._entities:
            return False
        last = self._entities[-1]
        if (last["offset"], last["length"]) != (entity["offset"], entity["length"]):
            return False
        if {last["type"], entity["type"]} != {"pre", "code"}:
            return False
        language = last.get("language") or entity.get("language")
        if language is None:
            return False
        last["type"], last["language"] = "pre", language
        return True


def parse_html(source: str) -> tuple[str, list[Json]]:
    """Return the text that ``source`` shows and its entities."""
    return HtmlReader(source).read()
