"""Read reports on what we sent (RFC 3464, RFC 5965); only one that brings back a token of ours is believed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Literal

from unicom.platforms.email import decoding, parsing, tokens
from unicom.platforms.email.parsing import Mail
from unicom.types import StatusChanged

# Nobody has the address, or it takes nothing ever again.
_FOR_GOOD = re.compile(r"5\.(1\.[0-9]+|2\.1|7\.13)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Be what a mail says of something we sent."""

    statuses: tuple[StatusChanged, ...] = ()
    references: tuple[str, ...] = ()
    """The ids of what it is about, where a token of ours proves that."""


def read(mail: Mail, domain: str) -> Report:
    """Return what a report says; nothing of a mail that is none, or that anybody could have written."""
    if mail.report is None:
        return Report()
    blocks = [_fields(part) for part in mail.report.walk() if part.get_content_type() == "message/delivery-status"]
    complaint = any(part.get_content_type() == "message/feedback-report" for part in mail.report.walk())
    delivery = _delivery(mail, domain, [block for group in blocks for block in group])
    if not delivery:
        return Report()
    if complaint:
        return Report(
            statuses=(
                StatusChanged(
                    key=f"complaint:{delivery}",
                    external_id=delivery,
                    status="delivered",
                    suppress="the recipient complained about a mail as spam",
                ),
            ),
            references=(delivery,),
        )
    found = [status for group in blocks for block in group if (status := _status(block, delivery)) is not None]
    return Report(statuses=tuple(found[:1]), references=(delivery,))


def _delivery(mail: Mail, domain: str, blocks: list[dict[str, str]]) -> str:
    """Return the external id of the delivery it is about, by the token that only our own mail carries."""
    candidates = [block.get("original-envelope-id", "") for block in blocks]
    candidates += list(_returned_tokens(mail))
    for candidate in candidates:
        if candidate and (known := tokens.delivery_of(_unxtext(candidate), domain)):
            return known
    return ""


def _returned_tokens(mail: Mail) -> Iterator[str]:
    """Give the tokens in the headers of the mail that comes back."""
    assert mail.report is not None  # noqa: S101  asked by read
    for part in mail.report.walk():
        if part is mail.report:
            continue
        headers = parsing.headers_of(part)
        if part.get_content_type() in ("message/rfc822", "message/global"):
            headers += parsing.enclosed_headers(part)
        yield from (decoding.header_text(value) for key, value in headers if key == tokens.HEADER.lower())
        if part.get_content_type() == "text/rfc822-headers":
            content = part.get_payload(decode=True)
            text = content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
            if found := re.search(rf"(?im)^{tokens.HEADER}:\s*(\S+)", text):
                yield found[1]


def _fields(part: Message) -> list[dict[str, str]]:
    """Return the blocks of fields of a delivery-status part: of the message first, then of each recipient."""
    return [
        {key: decoding.header_text(value) for key, value in parsing.headers_of(block)} for block in parsing.inner(part)
    ]


def _status(block: dict[str, str], delivery: str) -> StatusChanged | None:
    action = block.get("action", "").strip().lower()
    code = block.get("status", "").strip().partition(" ")[0]
    diagnostic = block.get("diagnostic-code", "")[:500]
    word: Literal["bounced", "delivered"]
    if action == "failed":
        word = "bounced"
    elif action == "delivered":
        word = "delivered"
    else:
        return None  # delayed: it is still on its way; relayed, expanded: nobody knows any more
    for_good = word == "bounced" and bool(_FOR_GOOD.search(code))
    return StatusChanged(
        key=f"dsn:{delivery}:{action}",
        external_id=delivery,
        status=word,
        error=(diagnostic or f"returned with status {code}") if word == "bounced" else "",
        code=code[:20],
        suppress=f"mail to it came back ({code})" if for_good else "",
        is_soft=word == "bounced" and not for_good,
    )


def _unxtext(value: str) -> str:
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), value.strip())
