"""Cut a text into messages Telegram takes: nothing is lost, and no character, word or link is torn without need."""

from __future__ import annotations

import unicodedata

from unicom.platforms.cutting import furthest, joined
from unicom.platforms.telegram.rich_text import RichText, Span

TEXT, CAPTION = 4096, 1024
MAX_ENTITIES = 100
"""Of more, Telegram drops the rest without a word."""
# Pieces shorter than this share of the limit are not worth a nicer border.
_WORTH = 0.5
_ONE = frozenset({"code", "text_link", "text_mention", "custom_emoji"})
"""Formatting that is read as one thing; a quotation or a code block may go on in the next message."""


def split(rich: RichText, limit: int = TEXT) -> list[RichText]:
    """Return the messages that show ``rich`` whole, each within ``limit`` UTF-16 units as people see it."""
    parts: list[RichText] = []
    start = 0
    coming = sorted(rich.spans, key=lambda span: span.start, reverse=True)
    here: list[Span] = []
    while start < len(rich.text):
        end_of_room = furthest(rich.text, start, limit)
        while coming and coming[-1].start < end_of_room:
            here.append(coming.pop())
        near = RichText(text=rich.text, spans=tuple(here))
        end = _end(near, start, end_of_room)
        parts.append(near.cut(start, end))
        start = end
        here = [span for span in here if span.end > start]
    # Telegram refuses a message of nothing but space, which is between two parts anyway.
    return [part for part in parts if not _blank(part.text)] or parts[:1]


def _blank(text: str) -> bool:
    return all(unicodedata.category(char)[0] in "ZC" for char in text)


def _end(rich: RichText, start: int, end: int) -> int:
    text = rich.text
    begins = sorted(span.start for span in rich.spans)
    if len(begins) > MAX_ENTITIES and begins[MAX_ENTITIES] > start:
        end = min(end, begins[MAX_ENTITIES])
    if end == len(text):
        return end
    least = start + max(int((end - start) * _WORTH), 1)
    torn = [span for span in rich.spans if span.kind in _ONE and span.start < end and span.end > least]
    for border in ("\n\n", "\n", " "):
        at = end
        while (at := text.rfind(border, least, at)) >= 0:
            cut = at + len(border)
            if not any(span.start < cut < span.end for span in torn):
                return cut
    cut = end
    for span in torn:
        if span.start < end < span.end and span.start > least:
            cut = min(cut, span.start)
    while cut > least and joined(text, cut):
        cut -= 1
    return cut if not joined(text, cut) else end
