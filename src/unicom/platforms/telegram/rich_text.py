"""Hold a text with its formatting, and speak Telegram's UTF-16 offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from itertools import accumulate
from typing import Any, Self

KINDS = frozenset(
    {
        "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic", "underline",
        "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre", "text_link", "text_mention",
        "custom_emoji", "date_time",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Format the characters from ``start`` to before ``end``, counted as Python counts."""

    start: int
    end: int
    kind: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Such as ``url`` of a link or ``language`` of a code block."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RichText:
    """Be a text as people see it, and how it is formatted."""

    text: str
    spans: tuple[Span, ...] = ()

    def cut(self, start: int, end: int) -> RichText:
        """Return a piece; formatting that reaches beyond it goes on in the next."""
        spans = tuple(
            replace(span, start=max(span.start, start) - start, end=min(span.end, end) - start)
            for span in self.spans
            if span.start < end and span.end > start
        )
        return RichText(text=self.text[start:end], spans=spans)

    def entities(self) -> list[dict[str, Any]]:
        """Return the formatting as the Bot API's MessageEntity objects."""
        at = _offsets(self.text)
        made = [
            {"type": span.kind, "offset": at[span.start], "length": at[span.end] - at[span.start], **span.extra}
            for span in self.spans
            if span.end > span.start
        ]
        return sorted(made, key=lambda entity: (entity["offset"], -entity["length"]))

    def html(self) -> str:
        """Return it as HTML that any page can show; what crosses is closed and opened again."""
        out: list[str] = []
        opened: list[Span] = []
        borders = sorted({0, len(self.text), *(at for span in self.spans for at in (span.start, span.end))})
        for start, end in zip(borders, [*borders[1:], len(self.text)], strict=True):
            ending = next((n for n, span in enumerate(opened) if span.end <= start), len(opened))
            out += [_tags(span)[1] for span in reversed(opened[ending:])]
            going_on = [span for span in opened[ending:] if span.end > start]
            starting = [span for span in self.spans if span.start == start and span.end > start]
            beginning = sorted([*going_on, *starting], key=lambda span: -span.end)
            opened = [*opened[:ending], *beginning]
            out += [_tags(span)[0] for span in beginning]
            shown = escape(self.text[start:end], quote=False)
            is_code = any(span.kind == "pre" for span in opened)
            out.append(shown if is_code else shown.replace("\n", "<br>"))
        return "".join(out)

    @classmethod
    def from_entities(cls, text: str, entities: Any, *, strict: bool = True) -> Self:
        """Read MessageEntity objects; raises ValueError with a sentence, or leaves out what is not ``strict``."""
        if not isinstance(entities, list | tuple):
            raise ValueError(f"a list of MessageEntity objects is needed, not {type(entities).__name__}")
        position = {offset: index for index, offset in enumerate(_offsets(text))}
        spans = []
        for entity in entities:
            if not strict and not _fits(entity, position):
                continue
            if not isinstance(entity, Mapping) or entity.get("type") not in KINDS:
                raise ValueError(f"{entity!r} is not a MessageEntity of a known type")
            offset, length = entity.get("offset"), entity.get("length")
            if type(offset) is not int or type(length) is not int:
                raise ValueError(f"{entity!r} needs offset and length, in UTF-16 code units")
            start, end = position.get(offset), position.get(offset + length)
            if start is None or end is None or end <= start:
                raise ValueError(f"{entity!r} does not lie on the text's characters")
            extra = {key: value for key, value in entity.items() if key not in ("type", "offset", "length")}
            spans.append(Span(start=start, end=end, kind=entity["type"], extra=extra))
        return cls(text=text, spans=tuple(spans))


def _fits(entity: Any, position: Mapping[int, int]) -> bool:
    """Tell whether an entity lies on a text's characters."""
    offset, length = entity.get("offset"), entity.get("length")
    whole = type(offset) is int and type(length) is int and length > 0
    return whole and offset in position and offset + length in position


_TAGS = {
    "bold": "b", "italic": "i", "underline": "u", "strikethrough": "s", "code": "code", "pre": "pre",
    "blockquote": "blockquote", "expandable_blockquote": "blockquote",
}  # fmt: skip
_WEB = ("https://", "http://", "tg://", "mailto:", "tel:")


def _tags(span: Span) -> tuple[str, str]:
    """Return how a span begins and ends in HTML."""
    if span.kind == "text_link":
        url = str(span.extra.get("url", ""))
        if not url.lower().startswith(_WEB):
            return "", ""
        return f'<a href="{escape(url)}">', "</a>"
    tag = _TAGS.get(span.kind, "")
    return (f"<{tag}>", f"</{tag}>") if tag else ("", "")


def _offsets(text: str) -> list[int] | range:
    """Return the UTF-16 offset of every character, and of the end."""
    if text.isascii():
        return range(len(text) + 1)
    return list(accumulate((2 if char > "\uffff" else 1 for char in text), initial=0))


def joined(pieces: list[str], spans: Iterable[tuple[int, int, str, Mapping[str, Any]]]) -> RichText:
    """Make a text of pieces, and spans that name the first piece they cover and the one after the last."""
    at = list(accumulate((len(piece) for piece in pieces), initial=0))
    made = (Span(start=at[first], end=at[last], kind=kind, extra=extra) for first, last, kind, extra in spans)
    return RichText(text="".join(pieces), spans=tuple(span for span in made if span.end > span.start))
