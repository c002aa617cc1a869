"""Read what stands within a line of Markdown: emphasis, code, links; by CommonMark's rules, in linear time.

One star is bold, as in Telegram's own Markdown; two of either are bold as everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unicom.platforms.telegram.rich_text import RichText, joined

Link = Callable[[str], tuple[str, Mapping[str, Any]] | None]
"""Say how an address is formatted, None for one that Telegram would not take."""

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_TICKS = re.compile(r"`+")
_RUN = re.compile(r"\*+|_+|~+")
_ADDRESS = re.compile(
    r"""\(\s*(?:<([^<>\n]{0,2048})>|((?:\\.|[^\s()\\]|\((?:\\.|[^\s()\\]){0,512}\)){0,2048}))(?:\s+(?:"[^"\n]*"|'[^'\n]*'))?\s*\)"""
)
_AUTOMATIC = re.compile(r"<((?:https?://|mailto:|tg://)[^\s<>]{1,2048})>")
_PLAIN = re.compile(r"[^\\`*_~\[\]!<]+")


@dataclass(kw_only=True, slots=True)
class _Delimiter:
    """Be a run of marks that may begin or end something."""

    char: str
    count: int
    length: int
    """How many there were at first."""
    piece: int
    opens: bool
    closes: bool
    before: int = -1
    after: int = -1
    """The neighbours in the list of those still in play."""


@dataclass(kw_only=True, slots=True)
class _Bracket:
    """Be a bracket that may begin a link."""

    piece: int
    delimiters: int
    """How many delimiters stood before it."""


def read(source: str, link: Link) -> RichText:
    """Return what a paragraph shows."""
    return _Line(source, link).read()


class _Line:
    """Make one pass over one paragraph."""

    def __init__(self, source: str, link: Link) -> None:
        self._source = source
        self._link = link
        self._at = 0
        self._pieces: list[str] = []
        self._spans: list[tuple[int, int, str, Mapping[str, Any]]] = []
        self._delimiters: list[_Delimiter] = []
        self._brackets: list[_Bracket] = []
        self._ticks: dict[int, list[int]] = {}
        for run in _TICKS.finditer(source):
            self._ticks.setdefault(len(run.group()), []).append(run.start())

    def read(self) -> RichText:
        while self._at < len(self._source):
            self._step()
        self._emphasise(0)
        return joined(self._pieces, self._spans)

    def _add(self, text: str, width: int) -> None:
        self._pieces.append(text)
        self._at += width

    def _step(self) -> None:
        source, at = self._source, self._at
        char = source[at]
        if plain := _PLAIN.match(source, at):
            self._add(plain.group(), len(plain.group()))
        elif char == "\\":
            escaped = _ESCAPED.match(source, at)
            self._add(escaped[1] if escaped else "\\", 2 if escaped else 1)
        elif char == "`":
            self._code()
        elif run := _RUN.match(source, at):
            self._run(run.group())
        elif char == "]":
            self._end_link()
        elif char == "[" or source.startswith("![", at):
            mark = "[" if char == "[" else "!["
            self._brackets.append(_Bracket(piece=len(self._pieces), delimiters=len(self._delimiters)))
            self._add(mark, len(mark))
        elif automatic := _AUTOMATIC.match(source, at):
            self._add(automatic[1], len(automatic.group()))
        else:
            self._add(char, 1)

    def _code(self) -> None:
        ticks = _TICKS.match(self._source, self._at)
        assert ticks is not None  # noqa: S101  the caller saw one
        width = len(ticks.group())
        places = self._ticks.get(width, [])  # after an escaped one the run is shorter than it was counted
        following = bisect_right(places, self._at)
        if following == len(places):
            self._add(ticks.group(), width)
            return
        end = places[following]
        inside = self._source[self._at + width : end]
        if inside[:1] == inside[-1:] == " " and inside.strip():
            inside = inside[1:-1]
        self._spans.append((len(self._pieces), len(self._pieces) + 1, "code", {}))
        self._add(inside, end + width - self._at)

    def _run(self, run: str) -> None:
        before = self._source[self._at - 1] if self._at else " "
        after = self._source[self._at + len(run) : self._at + len(run) + 1] or " "
        left = not after.isspace() and (not _is_sign(after) or before.isspace() or _is_sign(before))
        right = not before.isspace() and (not _is_sign(before) or after.isspace() or _is_sign(after))
        opens, closes = left, right
        if run[0] == "_":  # not within words: snake_case is a name
            opens = left and (not right or _is_sign(before))
            closes = right and (not left or _is_sign(after))
        if run[0] != "~" or len(run) == 2:
            self._delimiters.append(
                _Delimiter(
                    char=run[0], count=len(run), length=len(run), piece=len(self._pieces), opens=opens, closes=closes
                )
            )
        self._add(run, len(run))

    def _end_link(self) -> None:
        bracket = self._brackets.pop() if self._brackets else None
        address = _ADDRESS.match(self._source, self._at + 1) if bracket else None
        if bracket is None or address is None:
            self._add("]", 1)
            return
        url = _ESCAPED.sub(r"\1", address[1] if address[1] is not None else address[2])
        found = self._link(url)
        if found is None or not "".join(self._pieces[bracket.piece + 1 :]).strip():
            self._add("]", 1)  # not a link Telegram would take: every character of it is shown
            return
        self._emphasise(bracket.delimiters)
        self._pieces[bracket.piece] = ""
        self._spans.append((bracket.piece, len(self._pieces), *found))
        self._brackets.clear()  # no link within a link
        self._at = address.end()

    def _emphasise(self, bottom: int) -> None:
        """Match the delimiters from ``bottom`` on, and take them out of play: CommonMark's "process emphasis"."""
        found = self._delimiters[bottom:]
        del self._delimiters[bottom:]
        for number, item in enumerate(found):
            item.before, item.after = number - 1, number + 1
        lowest: dict[tuple[str, bool, int], int] = {}
        at = 0
        while at < len(found):
            closer = found[at]
            if not closer.closes or not closer.count:
                at = closer.after
                continue
            key = (closer.char, closer.opens, closer.length % 3)
            stop = lowest.get(key, -1)
            opener = closer.before
            while opener > stop and not _match(found[opener], closer):
                opener = found[opener].before
            if opener <= stop or opener < 0:
                lowest[key] = closer.before
                at = closer.after
                continue
            self._mark(found[opener], closer)
            # What stood between found nothing to end it.
            found[opener].after, closer.before = at, opener
            if not found[opener].count:
                closer.before = found[opener].before
            if not closer.count:
                if closer.before >= 0:
                    found[closer.before].after = closer.after
                if closer.after < len(found):
                    found[closer.after].before = closer.before
                at = closer.after

    def _mark(self, opener: _Delimiter, closer: _Delimiter) -> None:
        strong = opener.count >= 2 and closer.count >= 2
        width = 2 if strong else 1
        kind = "strikethrough" if closer.char == "~" else "bold" if strong or closer.char == "*" else "italic"
        if closer.char == "*" and not strong and min(opener.length, closer.length) >= 3:
            kind = "italic"  # ***both***
        self._spans.append((opener.piece + 1, closer.piece, kind, {}))
        for item in (opener, closer):
            item.count -= width
            self._pieces[item.piece] = item.char * item.count


def _match(opener: _Delimiter, closer: _Delimiter) -> bool:
    if not opener.opens or opener.char != closer.char or not opener.count:
        return False
    if closer.char == "~":
        return opener.count == closer.count == 2
    # A run that can do both does not match one whose length makes a multiple of three with its own.
    both = opener.closes or closer.opens
    return not (both and (opener.length + closer.length) % 3 == 0 and (opener.length % 3 or closer.length % 3))


def _is_sign(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"
