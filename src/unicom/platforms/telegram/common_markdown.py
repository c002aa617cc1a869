"""Read Markdown as people and language models write it: headings, lists, tables, fences, quotations.

What Telegram has no formatting for is shown in plain signs. What is half-open is shown as it is, so nothing is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest

from unicom.platforms.telegram import emphasis
from unicom.platforms.telegram.rich_text import RichText, Span

_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})[ \t]*(?P<language>[^\s`]*)[ \t]*")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(?P<words>\S.*)")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})")
_QUOTE = re.compile(r" {0,3}> ?(?P<words>.*)")
_ITEM = re.compile(r"(?P<indent>[ \t]*)[-*+][ \t]+(?:\[(?P<task>[ xX])\][ \t]+)?(?P<words>\S.*)")
_DIVIDER = re.compile(r":?-+:?")
_CELLS = re.compile(r"(?:\\.|[^|\\])*")
_BOXES = {None: "• ", " ": "☐ ", "x": "☑ ", "X": "☑ "}
RULE = "——————————"
_LONGEST_MARK = 200


def read(source: str, link: emphasis.Link) -> RichText:
    """Return what ``source`` shows; ``link`` says which addresses Telegram takes."""
    return _Reader(source.split("\n"), link).read()


class _Reader:
    """Make one pass over the lines of a text, or of a quotation in it."""

    def __init__(self, lines: list[str], link: emphasis.Link, *, quoted: bool = False) -> None:
        self._lines = lines
        self._link = link
        self._quoted = quoted
        self._at = 0
        self._shown: list[RichText] = []
        self._paragraph: list[str] = []
        self._last_fence = {
            mark: max((n for n, line in enumerate(lines) if mark in line), default=-1) for mark in ("```", "~~~")
        }

    def read(self) -> RichText:
        kinds: list[tuple[re.Pattern[str], Callable[[re.Match[str]], bool]]] = [
            (_FENCE, self._fence),
            (_RULE, self._rule),
            (_HEADING, self._heading),
            (_QUOTE, self._quotation),
            (_ITEM, self._item),
        ]
        while self._at < len(self._lines):
            line = self._lines[self._at]
            # Marks are short; a long line is words, and no pattern shall try itself on it.
            found = ((take, kind.fullmatch(line)) for kind, take in kinds[0 if len(line) <= _LONGEST_MARK else 2 :])
            if not (self._table() or any(match is not None and take(match) for take, match in found)):
                self._paragraph.append(line)
                self._at += 1
        self._end_paragraph()
        return _stacked(self._shown)

    def _show(self, rich: RichText) -> None:
        self._end_paragraph()
        self._shown.append(rich)

    def _end_paragraph(self) -> None:
        if self._paragraph:
            words, self._paragraph = "\n".join(self._paragraph), []
            self._shown.append(emphasis.read(words, self._link))

    def _fence(self, match: re.Match[str]) -> bool:
        mark = match["mark"]
        inside: list[str] = []
        for number in range(self._at + 1, self._last_fence[mark[:3]] + 1):
            line = self._lines[number]
            if line.rstrip().endswith(mark):
                before = line.rstrip()[: -len(mark)]
                # Telegram's own Markdown may end a block on its last line.
                inside += [before] if before.strip(" " + mark[0]) else []
                self._at = number + 1
                break
            inside.append(line)
        else:
            # Still being written, or never ended: all that follows is code, as everywhere.
            inside = self._lines[self._at + 1 :]
            self._at = len(self._lines)
        code = "\n".join(inside)
        extra = {"language": match["language"]} if match["language"] else {}
        spans = (Span(start=0, end=len(code), kind="pre", extra=extra),) if code else ()
        self._show(RichText(text=code or match[0], spans=spans))
        return True

    def _heading(self, match: re.Match[str]) -> bool:
        written = match["words"].rstrip()
        unmarked = written.rstrip("#")
        closed = unmarked != written and unmarked[-1:].isspace()
        words = emphasis.read(unmarked.rstrip() if closed else written, self._link)
        bold = tuple(span for span in words.spans if span.kind != "bold")
        self._show(RichText(text=words.text, spans=(Span(start=0, end=len(words.text), kind="bold"), *bold)))
        self._at += 1
        return True

    def _rule(self, match: re.Match[str]) -> bool:
        self._show(RichText(text=RULE))
        self._at += 1
        return True

    def _quotation(self, match: re.Match[str]) -> bool:
        if self._quoted:
            return False  # Telegram has no quotation within a quotation
        inside = []
        while self._at < len(self._lines) and (quoted := _QUOTE.fullmatch(self._lines[self._at])):
            inside.append(quoted["words"])
            self._at += 1
        words = _Reader(inside, self._link, quoted=True).read()
        self._show(
            RichText(text=words.text, spans=(Span(start=0, end=len(words.text), kind="blockquote"), *words.spans))
        )
        return True

    def _item(self, match: re.Match[str]) -> bool:
        words = emphasis.read(match["words"], self._link)
        self._show(_after(match["indent"] + _BOXES[match["task"]], words))
        self._at += 1
        return True

    def _table(self) -> bool:
        lines = self._lines[self._at : self._at + 2]
        if len(lines) < 2 or not all("|" in line for line in lines):
            return False
        if not all(_DIVIDER.fullmatch(cell.strip()) for cell in _inside(lines[1]).split("|")):
            return False
        rows = [_cells(lines[0], self._link)]
        self._at += 2
        while self._at < len(self._lines) and "|" in self._lines[self._at]:
            rows.append(_cells(self._lines[self._at], self._link))
            self._at += 1
        widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
        drawn = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in rows]
        drawn.insert(1, "-+-".join("-" * width for width in widths))
        table = "\n".join(line.rstrip() for line in drawn)
        self._show(RichText(text=table, spans=(Span(start=0, end=len(table), kind="pre"),)))
        return True


def _cells(line: str, link: emphasis.Link) -> list[str]:
    return [emphasis.read(cell.strip(), link).text for cell in _split_cells(_inside(line))]


def _inside(line: str) -> str:
    """Return a row without the bars around it."""
    inside = line.strip().removeprefix("|")
    return inside if inside.endswith("\\|") else inside.removesuffix("|")


def _split_cells(line: str) -> list[str]:
    cells, at = [], 0
    while True:
        match = _CELLS.match(line, at)
        end = match.end() if match else at
        if end < len(line) and line[end] == "\\":
            end = len(line)  # a backslash at the very end
        cells.append(line[at:end].replace("\\|", "|"))
        if end >= len(line):
            return cells
        at = end + 1


def _after(prefix: str, rich: RichText) -> RichText:
    moved = tuple(
        Span(start=span.start + len(prefix), end=span.end + len(prefix), kind=span.kind, extra=span.extra)
        for span in rich.spans
    )
    return RichText(text=prefix + rich.text, spans=moved)


def _stacked(blocks: list[RichText]) -> RichText:
    """Put blocks below each other, a line break between two."""
    texts: list[str] = []
    spans: list[Span] = []
    length = 0
    for block in blocks:
        spans += [
            Span(start=span.start + length, end=span.end + length, kind=span.kind, extra=span.extra)
            for span in block.spans
        ]
        texts.append(block.text)
        length += len(block.text) + 1
    return RichText(text="\n".join(texts), spans=tuple(span for span in spans if span.end > span.start))
