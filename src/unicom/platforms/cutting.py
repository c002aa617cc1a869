"""Cut texts where people would, never within what is seen as one character."""

from __future__ import annotations

import unicodedata

# Pieces shorter than this share of the limit are not worth a nicer border.
_WORTH = 0.5


def utf16_length(text: str) -> int:
    """Return how long a text is in UTF-16 units, as many platforms count."""
    return len(text) if text.isascii() else len(text) + sum(char > "\uffff" for char in text)


def cut(text: str, limit: int) -> list[str]:
    """Return the pieces of a text, each within ``limit`` UTF-16 units; put together they are the text."""
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = _border(text, start, furthest(text, start, limit))
        pieces.append(text[start:end])
        start = end
    return pieces


def _border(text: str, start: int, end: int) -> int:
    if end == len(text):
        return end
    least = start + max(int((end - start) * _WORTH), 1)
    for border in ("\n\n", "\n", " "):
        at = text.rfind(border, least, end)
        if at >= 0:
            return at + len(border)
    at = end
    while at > least and joined(text, at):
        at -= 1
    return at if not joined(text, at) else end


def furthest(text: str, start: int, limit: int) -> int:
    """Return where the limit ends, in whole characters."""
    end = min(start + limit, len(text))
    over = utf16_length(text[start:end]) - limit
    while over > 0:
        end -= 1
        over -= 2 if text[end] > "\uffff" else 1
    return end


def joined(text: str, at: int) -> bool:
    """Tell whether what is before and after ``at`` is seen as one character: accents, flags, families."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if after in "\u200d\ufe0e\ufe0f" or before == "\u200d" or unicodedata.combining(after):
        return True
    if (
        "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\U000e0020" <= after <= "\U000e007f"
        or (before, after) == ("\r", "\n")
    ):
        return True
    if unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return True
    if "\U0001f1e6" <= after <= "\U0001f1ff":
        flags = 0
        while at - 1 - flags >= 0 and "\U0001f1e6" <= text[at - 1 - flags] <= "\U0001f1ff":
            flags += 1
        return flags % 2 == 1
    return False
