"""Read HTML and MarkdownV2 as Telegram documents them, and everybody's Markdown, into a text and its formatting.

Telegram refuses a whole message for one wrong character; here what cannot be formatting is text, and nothing is lost.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from unicom.platforms.telegram import common_markdown
from unicom.platforms.telegram.rich_text import RichText, joined

_Spans = list[tuple[int, int, str, Mapping[str, Any]]]


def read(text: str, parse_mode: str) -> RichText:
    """Return what ``text`` shows; without a parse mode that is itself."""
    if parse_mode == "HTML":
        return _html(text)
    if parse_mode == "MarkdownV2":
        return _MarkdownV2(text).read()
    if parse_mode == "Markdown":
        return common_markdown.read(text, link_to)
    return RichText(text=text)


def link_to(url: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return the formatting of a link, None for one that Telegram would refuse the whole message for."""
    url = url.strip()
    mention = re.fullmatch(r"tg:(?://)?user\?id=(\d{1,19})", url)
    if mention:
        return "text_mention", {"user": {"id": int(mention.group(1)), "is_bot": False, "first_name": ""}}
    if not url or any(char.isspace() for char in url):
        return None
    try:
        parts = urlsplit(url if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", url) else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme in ("tg", "ton", "mailto", "tel"):
        return "text_link", {"url": url}
    if parts.scheme not in ("http", "https") or "." not in host.strip(".") or host.endswith("."):
        return None
    return "text_link", {"url": url}


# HTML

_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]*)"
    r"(?P<attributes>(?:\s+[^\s=<>/\"']+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>]+))?)*)\s*/?>"
)
_ATTRIBUTE = re.compile(r"([^\s=<>/\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>]+)))?")
_STYLES = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler", "code": "code",
    "pre": "pre", "blockquote": "blockquote",
}  # fmt: skip
# Known elsewhere and of no meaning here: the tag goes, its content stays.
_BLOCKS = frozenset({"p", "div", "ul", "ol", "li", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section"})
_PLAIN = frozenset(
    {"html", "body", "span", "a", "tg-emoji", "tbody", "thead", "td", "th", "small", "font", "sub", "sup"}
)


def _html(source: str) -> RichText:
    pieces: list[str] = []
    spans: _Spans = []
    opened: list[tuple[str, int, dict[str, str]]] = []
    count: Counter[str] = Counter()
    at = 0
    for match in _TAG.finditer(source):
        name = match["name"].lower()
        if name != "br" and name not in _STYLES and name not in _BLOCKS and name not in _PLAIN:
            continue  # List<String> is no markup
        pieces.append(html.unescape(source[at : match.start()]))
        at = match.end()
        if name == "br" or name in _BLOCKS:
            shown = "".join(pieces[-3:])
            if name == "br" or (shown and not shown.endswith("\n")):
                pieces.append("\n")
        elif not match["close"]:
            attributes = {
                found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "")
                for found in _ATTRIBUTE.finditer(match["attributes"])
            }
            opened.append((name, len(pieces), attributes))
            count[name] += 1
        elif count[name]:
            # Closes what was opened within it too.
            while True:
                closed = opened.pop()
                count[closed[0]] -= 1
                if not count[closed[0]]:  # bold within bold is bold
                    _close(closed, pieces, spans)
                if closed[0] == name:
                    break
    pieces.append(html.unescape(source[at:]))
    for tag in reversed(opened):
        count[tag[0]] -= 1
        if not count[tag[0]]:
            _close(tag, pieces, spans)
    return joined(pieces, spans)


def _close(tag: tuple[str, int, dict[str, str]], pieces: list[str], spans: _Spans) -> None:
    name, first, attributes = tag
    last = len(pieces)
    if name == "a":
        link = link_to(attributes.get("href") or "".join(pieces[first : min(last, first + 9)]))
        if link is not None:
            spans.append((first, last, *link))
    elif name == "tg-emoji":
        if attributes.get("emoji-id", "").isdigit():
            spans.append((first, last, "custom_emoji", {"custom_emoji_id": attributes["emoji-id"]}))
    elif name == "span":
        if attributes.get("class") == "tg-spoiler":
            spans.append((first, last, "spoiler", {}))
    elif name == "blockquote":
        spans.append((first, last, "expandable_blockquote" if "expandable" in attributes else "blockquote", {}))
    elif name == "pre":
        # <pre><code class="language-x"> is one code block, not code within it.
        language = ""
        while spans and spans[-1][0] >= first and spans[-1][2] == "code":
            language = spans.pop()[3].get("language", "") or language
        spans.append((first, last, "pre", {"language": language} if language else {}))
    elif name == "code":
        language = attributes.get("class", "").removeprefix("language-")
        inside = language if attributes.get("class", "").startswith("language-") else ""
        spans.append((first, last, "code", {"language": inside} if inside else {}))
    elif name in _STYLES:
        spans.append((first, last, _STYLES[name], {}))


# MarkdownV2

_QUOTE = re.compile(r"(?:\*\*)?>")
_ADDRESS = re.compile(r"\]\(((?:\\.|[^)\\]){0,2048})\)", re.DOTALL)
_MARKS = ("__", "||", "![", "*", "_", "~", "[")
_KIND = {"__": "underline", "||": "spoiler", "*": "bold", "_": "italic", "~": "strikethrough"}


@dataclass(kw_only=True, slots=True)
class _Mark:
    """Be a mark that may begin something; its piece stays empty as long as that is possible."""

    mark: str
    piece: int


class _MarkdownV2:
    """Make one pass over one text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._pieces: list[str] = []
        self._spans: _Spans = []
        self._open: list[_Mark] = []
        self._quote: int | None = None
        """The piece the block quotation began with."""
        self._last_bracket = source.rfind(")")
        self._endless: set[str] = set()
        """Fences that nothing ends from here on."""

    def read(self) -> RichText:
        begins = True
        while self._at < len(self._source):
            if begins:
                self._line_begins()
                begins = False
                continue
            char = self._source[self._at]
            begins = char == "\n"
            self._step(char)
        self._unfinished(0)
        self._end_quote()
        return joined(self._pieces, self._spans)

    def _line_begins(self) -> None:
        quoted = _QUOTE.match(self._source, self._at)
        if quoted is None:
            if self._quote is not None:
                self._unfinished(0)
                self._end_quote()
            return
        if self._quote is None or len(quoted.group()) > 1:
            self._unfinished(0)
            self._end_quote()
            self._quote = len(self._pieces)
        self._at = quoted.end()

    def _end_quote(self) -> None:
        if self._quote is None:
            return
        last = len(self._pieces)
        while last > self._quote and self._pieces[last - 1] == "\n":
            last -= 1
        expandable = last > self._quote and self._pieces[last - 1] == "||"
        if expandable:
            self._pieces[last - 1] = ""
        self._spans.append((self._quote, last, "expandable_blockquote" if expandable else "blockquote", {}))
        self._quote = None

    def _step(self, char: str) -> None:
        source, at = self._source, self._at
        if char == "\\" and at + 1 < len(source) and 0 < ord(source[at + 1]) < 127:
            self._add(source[at + 1], 2)
        elif char == "`":
            self._code("```" if source.startswith("```", at) else "`")
        elif char == "]" and any(mark.mark.endswith("[") for mark in self._open):
            self._end_link()
        elif (mark := next((mark for mark in _MARKS if source.startswith(mark, at)), "")) == "":
            self._add(char, 1)
        elif mark == "||" and self._quote is not None and source[at + 2 : at + 3] in ("", "\n") and not self._has(mark):
            self._add("||", 2)
        elif self._has(mark):
            self._unfinished(next(n for n, item in enumerate(self._open) if item.mark == mark) + 1)
            self._spans.append((self._open.pop().piece, len(self._pieces), _KIND[mark], {}))
            self._at += len(mark)
        else:
            if mark.endswith("["):
                # No link within a link: only the innermost bracket can still become one.
                self._unfinished(next((n for n, item in enumerate(self._open) if item.mark.endswith("[")), 99))
            self._open.append(_Mark(mark=mark, piece=len(self._pieces)))
            self._add("", len(mark))

    def _has(self, mark: str) -> bool:
        return mark in _KIND and any(item.mark == mark for item in self._open)

    def _add(self, text: str, width: int) -> None:
        self._pieces.append(text)
        self._at += width

    def _unfinished(self, depth: int) -> None:
        """Show the marks above ``depth`` after all: nothing ended what they began."""
        while len(self._open) > depth:
            item = self._open.pop()
            self._pieces[item.piece] = item.mark

    def _code(self, fence: str) -> None:
        begin = self._at + len(fence)
        end = len(self._source) if fence in self._endless else begin
        while end < len(self._source) and not self._source.startswith(fence, end):
            end += 2 if self._source[end] == "\\" else 1
        if not self._source.startswith(fence, end):
            self._endless.add(fence)
            self._add(fence, len(fence))
            return
        inside, extra = self._source[begin:end], {}
        if fence == "```":
            language, newline, rest = inside.partition("\n")
            if newline and not re.search(r"\s", language.rstrip("\r")):
                inside = rest
                extra = {"language": language.rstrip("\r")} if language.strip() else {}
        self._spans.append((len(self._pieces), len(self._pieces) + 1, "pre" if fence == "```" else "code", extra))
        self._add(re.sub(r"\\([\x01-\x7e])", r"\1", inside), end + len(fence) - self._at)

    def _end_link(self) -> None:
        depth = next(n for n, item in enumerate(self._open) if item.mark.endswith("["))
        self._unfinished(depth + 1)
        item = self._open.pop()
        address = _ADDRESS.match(self._source, self._at) if self._at < self._last_bracket else None
        shown = "".join(self._pieces[item.piece :])
        url = re.sub(r"\\([\x01-\x7e])", r"\1", address.group(1)) if address else shown
        emoji = re.fullmatch(r"tg://emoji\?id=(\d{1,20})", url)
        found: tuple[str, Mapping[str, Any]] | None
        if item.mark == "![":
            found = ("custom_emoji", {"custom_emoji_id": emoji.group(1)}) if emoji else None
        else:
            found = link_to(url)
        if found is None:
            # Not a link Telegram would take: every character of it is shown.
            self._pieces[item.piece] = item.mark
            self._add("]", 1)
            return
        self._spans.append((item.piece, len(self._pieces), *found))
        self._at = address.end() if address else self._at + 1
