"""Name a chat after its first message."""

from __future__ import annotations

import re

LONGEST = 50
_GREETING = re.compile(r"^\s*(?:hello|hi|hey)\b(?:\s+there\b)?[\s,.!;:–—-]*", re.IGNORECASE)


def generate_chat_title(text: str) -> str:
    """Return a title of at most 50 characters (and "..."), without the greeting the text begins with."""
    words = " ".join(text.split())
    rest = words
    while match := _GREETING.match(rest):
        rest = rest[match.end() :]
    title = rest or words
    title = title[:1].upper() + title[1:] if rest != words else title
    if len(title) <= LONGEST:
        return title or "New chat"
    return title[:LONGEST].rstrip() + "..."
