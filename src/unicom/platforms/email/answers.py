"""Know what an answer takes from the mail it answers: whom it goes to, its subject, and the ids that thread it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unicom.platforms.email import addresses
from unicom.types import Answered, OutboundMessage

# What clients of many languages put before a subject, also with a number, also several times.
_PREFIXES = re.compile(
    r"^\s*((re|aw|antw|sv|vs|ref|rif|odp|res|回复|回覆|答复|ynt|fwd?|wg|tr|enc|rv|vb|doorst)(\[\d+\]|\(\d+\))?\s*[:\uff1a]\s*)+",
    re.IGNORECASE,
)
MOST_REFERENCES = 50


def answer(message: OutboundMessage, answered: Answered, own: str) -> OutboundMessage:
    """Fill in what is not given: the sender of what is answered as recipient, its subject with ``Re:``."""
    given = message.to or message.cc or message.bcc
    to = message.to if given else recipients(answered, own)
    return replace(message, to=to, subject=message.subject or reply_subject(answered.subject))


def recipients(answered: Answered, own: str) -> tuple[str, ...]:
    """Return whom an answer goes to: where its sender wants answers; for a mail of ours, those it went to."""
    if answered.is_outgoing or not answered.sender:
        return answered.to or answered.cc
    asked = [address for address in mail_of(answered).get("reply_to", ()) if not addresses.problem(str(address))]
    others = tuple(address for address in asked if addresses.normal(address) != addresses.normal(own))
    return others or (answered.sender,)


def reply_subject(subject: str) -> str:
    """Return the subject of an answer."""
    bare = base_subject(subject)
    return f"Re: {bare}" if bare else "Re:"


def base_subject(subject: str) -> str:
    """Return a subject without what answering and forwarding put before it."""
    return _PREFIXES.sub("", " ".join(subject.split()))


def thread(answered: Answered | None) -> tuple[str, list[str]]:
    """Return In-Reply-To and References of an answer (RFC 5322, 3.6.4)."""
    if answered is None or not is_message_id(answered.external_id):
        return "", []
    known: Sequence[Any] = mail_of(answered).get("references", ())
    before = [str(item) for item in known if is_message_id(str(item)) and item != answered.external_id]
    # The first says where it began, the last what it is about; of a long thread the middle can be missed.
    if len(before) > MOST_REFERENCES:
        before = [before[0], *before[-(MOST_REFERENCES - 1) :]]
    return answered.external_id, [*before, answered.external_id]


def is_message_id(value: str) -> bool:
    """Tell whether a text can stand in a header as a message's id."""
    return len(value) <= 250 and re.fullmatch(r"<[!-;=?-~]+>", value) is not None


def mail_of(answered: Answered) -> dict[str, Any]:
    """Return what was kept of a mail's headers."""
    kept = answered.raw.get("email")
    return dict(kept) if isinstance(kept, dict) else {}
