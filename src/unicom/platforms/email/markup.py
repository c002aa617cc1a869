"""Read HTML in time that grows with its length only: find its tags, change their attributes, keep its words."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Iterator, Mapping

_BREAKS = frozenset(
    {"br", "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "table", "ul", "ol", "blockquote"}
)
_HIDDEN = frozenset({"style", "script", "title", "head", "template", "noscript"})
_NAME = re.compile(r"/?[a-zA-Z][a-zA-Z0-9:-]*")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""")
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)

Rewrite = Callable[[str], str | None]


def tokens(html: str) -> Iterator[tuple[str, str]]:
    """Give the pieces of some HTML in order, as (name, piece): ``a`` and ``/a`` for tags, nothing for text.

    Comments and declarations are called ``!``. Joined, the pieces are the whole.
    """
    at, end = 0, len(html)
    while at < end:
        opened = html.find("<", at)
        if opened < 0:
            yield "", html[at:]
            return
        if opened > at:
            yield "", html[at:opened]
        name, closed = _tag_at(html, opened)
        if closed < 0:
            yield "", html[opened:]  # nothing closes any more: the rest is text
            return
        yield name, html[opened:closed]
        at = closed


def _tag_at(html: str, at: int) -> tuple[str, int]:
    if html.startswith("<!--", at):
        closed = html.find("-->", at + 4)
        return "!", closed + 3 if closed >= 0 else -1
    if html.startswith(("<!", "<?"), at):
        closed = html.find(">", at)
        return "!", closed + 1 if closed >= 0 else -1
    found = _NAME.match(html, at + 1)
    if found is None:
        return "", at + 1
    closed = html.find(">", found.end())
    if closed < 0:
        return "", -1
    # A closing bracket within quotes does not close the tag.
    piece = html[found.end() : closed]
    for quote in ('"', "'"):
        if piece.count(quote) % 2 and (after := html.find(quote, closed)) >= 0 and after - closed < 2000:
            closed = max(html.find(">", after), closed)
            break
    return found[0].lower(), closed + 1


def depth_and_count(html: str) -> tuple[int, int]:
    """Return how deep the tags are nested, at most, and how many there are."""
    depth = deepest = count = 0
    for name, _ in tokens(html):
        if not name or name == "!":
            continue
        count += 1
        if name.startswith("/"):
            depth = max(depth - 1, 0)
        elif name not in _VOID:
            depth += 1
            deepest = max(deepest, depth)
    return deepest, count


def rewrite(html: str, changes: Mapping[tuple[str, str], Rewrite]) -> str:
    """Return HTML with attributes changed: each change takes a value and returns another, or None to keep it."""
    by_tag: dict[str, dict[str, Rewrite]] = {}
    for (tag, attribute), change in changes.items():
        by_tag.setdefault(tag, {})[attribute] = change
    if not re.search(rf"(?i)<(?:{'|'.join(by_tag)})\b", html):
        return html  # most mail has no images, and going through it takes longer than the rest of writing it
    pieces = []
    for name, piece in tokens(html):
        wanted = by_tag.get(name)
        if wanted is not None:
            piece = _ATTRIBUTE.sub(lambda found, wanted=wanted: _changed(found, wanted), piece)  # type: ignore[misc]
        pieces.append(piece)
    return "".join(pieces)


def _changed(found: re.Match[str], wanted: Mapping[str, Rewrite]) -> str:
    change = wanted.get(found[1].lower())
    if change is None:
        return found[0]
    value = found[3]
    if value[:1] in ('"', "'"):
        value = value[1:-1]
    other = change(entities.unescape(value).strip())
    return found[0] if other is None else f'{found[1]}="{entities.escape(other)}"'


def to_text(html: str) -> str:
    """Return the words of some HTML, line by line."""
    pieces: list[str] = []
    hidden = ""
    for name, piece in tokens(html):
        if hidden:
            hidden = "" if name == f"/{hidden}" or (hidden == "head" and name == "body") else hidden
        elif name in _HIDDEN:
            hidden = name
        elif not name:
            pieces.append(re.sub(r"[ \t\r\n\f]+", " ", piece))
        elif name.removeprefix("/") in _BREAKS:
            pieces.append("\n")
    lines = [line.strip() for line in entities.unescape("".join(pieces)).replace("\xa0", " ").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
