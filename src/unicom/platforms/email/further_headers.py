"""Check the headers a caller adds to a mail: names that can be one, values of one line, none that is ours to write."""

from __future__ import annotations

import re
from typing import Any

from unicom.platforms.email import addresses, tokens
from unicom.types import OutboundMessage

MOST, MOST_CHARACTERS = 50, 2_000
_NAME = re.compile(r"[!-9;-~]{1,76}")
_OURS = frozenset(
    {
        "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "mime-version", "received",
        "return-path", "dkim-signature", "authentication-results", "received-spf", "auto-submitted",
        "list-unsubscribe", "list-unsubscribe-post", tokens.HEADER.lower(),
    }
)  # fmt: skip
_THREAD = frozenset({"in-reply-to", "references"})


def problem(message: OutboundMessage) -> str:
    """Return what is wrong with a message's ``headers``, or nothing."""
    given: Any = message.options.get("headers", {})
    if not isinstance(given, dict):
        return f"an object of names and texts is needed, not {type(given).__name__}"
    if len(given) > MOST:
        return f"{len(given)} headers; at most {MOST} can be added"
    wrong = [sentence for name, value in given.items() if (sentence := _problem(str(name), value, message))]
    return "; ".join(wrong)


def _problem(name: str, value: Any, message: OutboundMessage) -> str:
    if not _NAME.fullmatch(name):
        return f"{name[:60]!r} cannot be the name of a header"
    plain = name.lower()
    if plain in _OURS or plain.startswith(("content-", "arc-")) or (plain in _THREAD and message.answers is not None):
        return f"{name} is written by us"
    if not isinstance(value, str):
        return f"{name}: a text is needed, not {type(value).__name__}"
    if sentence := addresses.line_problem(value):
        return f"{name} {sentence}"
    return f"{name} has more than {MOST_CHARACTERS:,} characters" if len(value) > MOST_CHARACTERS else ""
