"""Fit a transcript into what a model reads: the oldest units go first, and none is torn apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from unicom.llm.transcript import Unit

IMAGE = 1_000
AUDIO_BYTES = 500
"""Of a recording so many base64 characters are about one token."""


def tokens(value: Any) -> int:
    """Estimate how many tokens something is: four bytes each, and a flat amount for a picture."""
    if isinstance(value, Mapping):
        if value.get("type") == "image_url":
            return IMAGE
        if value.get("type") == "input_audio":
            return len(value["input_audio"]["data"]) // AUDIO_BYTES + 1
        if "content" in value and isinstance(value["content"], list):
            return 4 + sum(tokens(part) for part in value["content"])
    return len(json.dumps(value, ensure_ascii=False).encode()) // 4 + 4


def fit(units: Sequence[Unit], most: int, *, taken: int = 0) -> list[Unit]:
    """Return the newest units that together stay within ``most`` tokens, of which ``taken`` are used already.

    The newest always stays; where it alone is too long, its texts are cut in the middle.
    """
    left = most - taken
    kept: list[Unit] = []
    for unit in reversed(units):
        size = sum(tokens(message) for message in unit.messages)
        if kept and size > left:
            break
        if size > left:
            unit = _cut(unit, max(left, 200))
            size = left
        kept.append(unit)
        left -= size
    return kept[::-1]


def for_reply(units: Sequence[Unit]) -> list[Unit]:
    """Leave out what we said last, where nobody has answered: then it is the model's turn."""
    kept = list(units)
    while kept and not kept[-1].is_persons and not kept[-1].has_calls:
        kept.pop()
    return kept


def _cut(unit: Unit, most: int) -> Unit:
    share = max(most * 3 // max(len(unit.messages), 1), 100)
    cut: list[dict[str, Any]] = []
    for message in unit.messages:
        content = message.get("content")
        if isinstance(content, list):
            content = "\n".join(part["text"] for part in content if part.get("type") == "text") or "[too large]"
        if isinstance(content, str) and len(content) > share:
            shortened = (
                f"{content[: share // 2]} […{len(content) - share:,} characters left out…] {content[-share // 2 :]}"
            )
            content = json.dumps({"cut": shortened}, ensure_ascii=False) if message["role"] == "tool" else shortened
        cut.append({**message, "content": content})
    return Unit(messages=cut, text=unit.text, is_persons=unit.is_persons, has_calls=unit.has_calls)
