"""Bound what a stranger's mail may cost before it is looked at: bytes, parts, depth, and with them time."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

MOST_BYTES = 50 * 1024 * 1024
MOST_HEADERS = 512 * 1024
MOST_PARTS = 1000
MOST_DEPTH = 40
MOST_LOOKS = 20_000_000
"""The parser looks at each line once for each part it is within: lines times nested parts, at most."""
SECONDS = 20.0
_NESTING = re.compile(rb"(?im)^content-type:[ \t]*(?:multipart|message)/")


class Unreadable(Exception):
    """Say why a mail is kept as it came instead of being taken apart."""


def check(raw: bytes) -> None:
    """Raise Unreadable for a mail that would cost too much to take apart."""
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"it has {len(raw):,} bytes, and {MOST_BYTES:,} are read at most")
    head = re.search(rb"\r?\n\r?\n", raw)
    if (head.start() if head else len(raw)) > MOST_HEADERS:
        raise Unreadable(f"its headers have more than {MOST_HEADERS:,} bytes")
    nested = 0
    for nested, _ in enumerate(_NESTING.finditer(raw), 1):
        if nested > MOST_PARTS:
            raise Unreadable(f"it has more than {MOST_PARTS:,} parts")
    if min(nested, MOST_PARTS) * raw.count(b"\n") > MOST_LOOKS:
        raise Unreadable("its parts are nested so that taking it apart would take too long")


@dataclass(kw_only=True)
class Budget:
    """Count what one mail has cost so far."""

    parts: int = 0
    is_damaged: bool = False
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    def spend(self, depth: int) -> None:
        """Count a part; raises Unreadable where there are too many, too deep, or time is up."""
        self.parts += 1
        if self.parts > MOST_PARTS:
            raise Unreadable(f"it has more than {MOST_PARTS:,} parts")
        if depth > MOST_DEPTH:
            raise Unreadable(f"its parts are nested more than {MOST_DEPTH} deep")
        if time.monotonic() > self.deadline:
            raise Unreadable(f"taking it apart took more than {SECONDS:g} seconds")
