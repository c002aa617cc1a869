"""Load one page of a conversation for reading: a fixed number of queries, a bounded amount of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Substr
from django.utils.translation import gettext as _

from unicom.admin.display import badge
from unicom.drafting import html_to_text
from unicom.media import INLINE_TYPES
from unicom.models import Attachment, Chat, Delivery, Message, Reaction
from unicom.quoting import split_quoted
from unicom.types import DELIVERED, SEEN, SENT

PAGE = 100
TEXT_CAP = 4_000
_HTML_CAP = 20_000
_EMOJI_CAP, _NAMES = 20, 50
_UNSEEN = re.compile(r"(?is)<(script|style|head)\b.*?(?:</\1\s*>|\Z)")
_NOT_NEEDED = ("text", "html", "raw", "to", "cc", "bcc", "clicked_links", "sender__raw")


@dataclass(frozen=True, kw_only=True)
class Reacted:
    """Be one reaction to a message, with how many gave it and who they are, as far as the platform tells."""

    emoji: str
    count: int
    names: str


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
    reactions: list[Reacted]
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
    if chat.is_group:
        # Of a channel's posts only the numbers are told; elsewhere nothing has to be taken out of raw.
        rows = rows.annotate(reaction_counts=KeyTransform("reaction_counts", "raw"))
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
    keys = [row.pk for row in found]
    for item in Attachment.objects.filter(message__in=keys).order_by("id"):
        files.setdefault(item.message_id, []).append(item)
    given = _reactions(keys)
    bubbles = [_bubble(row, files.get(row.pk, []), given.get(row.pk, {})) for row in found]
    return Page(bubbles=bubbles, older=older, is_newest=before is None)


def _reactions(keys: list[str]) -> dict[str, dict[str, list[str]]]:
    """Return who reacted to each message, by emoji: people, and what we last reacted with ourselves."""
    given: dict[str, dict[str, list[str]]] = {}
    people = Reaction.objects.filter(message__in=keys).order_by("id")
    for key, emoji, name, account in people.values_list("message", "emoji", "account__name", "account"):
        given.setdefault(key, {}).setdefault(emoji, []).append((name or account)[:60])
    ours = Delivery.objects.filter(message__in=keys, act="react", state__in=(SENT, DELIVERED, SEEN)).order_by("id")
    for key, emoji in dict(ours.values_list("message", "payload__text")).items():
        if emoji:
            given.setdefault(key, {}).setdefault(emoji, []).append(_("we"))
    return given


def _reacted(row: Any, given: dict[str, list[str]]) -> list[Reacted]:
    counts = getattr(row, "reaction_counts", None)
    found = {emoji: max(len(names), 1) for emoji, names in given.items()}
    if isinstance(counts, dict):
        found.update({str(emoji): count for emoji, count in counts.items() if isinstance(count, int) and count > 0})
    return [
        Reacted(emoji=emoji[:_EMOJI_CAP], count=count, names=", ".join(given.get(emoji, [])[:_NAMES]))
        for emoji, count in found.items()
    ]


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


def _bubble(row: Any, files: list[Attachment], reactions: dict[str, list[str]]) -> Bubble:
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
        reactions=_reacted(row, reactions),
        status=badge(row.status) if row.is_outgoing and row.status else "",
    )
