"""Load one page of a conversation for reading: a fixed number of queries, a bounded amount of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Substr

from unicom.admin.display import badge
from unicom.drafting import html_to_text
from unicom.media import INLINE_TYPES
from unicom.models import Attachment, Chat, Message
from unicom.quoting import split_quoted

PAGE = 100
TEXT_CAP = 4_000
_HTML_CAP = 20_000
_UNSEEN = re.compile(r"(?is)<(script|style|head)\b.*?(?:</\1\s*>|\Z)")
_NOT_NEEDED = ("text", "html", "raw", "to", "cc", "bcc", "clicked_links", "sender__raw")


@dataclass(frozen=True, kw_only=True)
class Bubble:
    """Be one message as the page shows it; every text is plain and is escaped by the template."""

    message: Any
    side: str
    author: str
    text: str
    history: str
    """What is quoted beneath it, shown on request."""
    is_cut: bool
    quote: str
    files: list[Attachment]
    has_media: bool
    status: Any

    @property
    def pictures(self) -> list[Attachment]:
        """Return the files a browser can show in place."""
        return [item for item in self.files if is_picture(item)]

    @property
    def others(self) -> list[Attachment]:
        """Return the files that are offered as links, or as why they are not there."""
        return [item for item in self.files if not is_picture(item)]


def is_picture(item: Attachment) -> bool:
    """Tell whether a stored file can be shown in place."""
    return bool(item.file) and item.content_type in INLINE_TYPES and item.content_type.startswith("image/")


@dataclass(frozen=True, kw_only=True)
class Page:
    """Be one page of a conversation, the newest last."""

    bubbles: list[Bubble]
    older: int | None
    """The ``before`` of the page before this one."""
    is_newest: bool


def load(chat: Chat, before: int | None = None) -> Page:
    """Return up to 100 messages in the order of their numbers; what is queued and has none yet comes last."""
    rows = _readable(Message.objects.filter(chat=chat))
    numbered = rows.filter(seq__isnull=False)
    if before is not None:
        numbered = numbered.filter(seq__lt=before)
    found = list(numbered.order_by("-seq")[: PAGE + 1])
    has_older = len(found) > PAGE
    found = found[:PAGE][::-1]
    older = found[0].seq if has_older else None
    if before is None:
        found += list(rows.filter(seq__isnull=True).order_by("id")[:PAGE])
    files: dict[str, list[Attachment]] = {}
    for item in Attachment.objects.filter(message__in=[row.pk for row in found]).order_by("id"):
        files.setdefault(item.message_id, []).append(item)
    return Page(bubbles=[_bubble(row, files.get(row.pk, [])) for row in found], older=older, is_newest=before is None)


def _readable(rows: QuerySet[Message]) -> QuerySet[Message]:
    return (
        rows.select_related("sender", "user")
        .defer(*_NOT_NEEDED)
        .annotate(
            shown_text=Substr("text", 1, TEXT_CAP + 1),
            shown_html=Substr("html", 1, _HTML_CAP),
            quoted_text=Substr("reply_to_message__text", 1, 200),
        )
    )


def _bubble(row: Any, files: list[Attachment]) -> Bubble:
    text = row.shown_text or (html_to_text(_UNSEEN.sub(" ", row.shown_html)) if row.shown_html else "")
    text, history = split_quoted(text[:TEXT_CAP]) if row.is_outgoing is False else (text, "")
    side = {True: "out", False: "in", None: "system"}[row.is_outgoing]
    author = row.sender_name or (str(row.sender) if row.sender else "") or (str(row.user) if row.user else "")
    return Bubble(
        message=row,
        side=side,
        author=author[:100],
        text=text[:TEXT_CAP],
        history=history,
        is_cut=len(row.shown_text) > TEXT_CAP or bool(row.shown_html),
        quote=" ".join((row.quoted_text or "").split())[:120],
        files=files,
        has_media=bool(row.media) and not files,
        status=badge(row.status) if row.is_outgoing and row.status else "",
    )
