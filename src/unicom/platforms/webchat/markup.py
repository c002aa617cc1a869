"""Make HTML that somebody wrote safe to show."""

from __future__ import annotations

import re
from functools import lru_cache

import nh3

# The sanitiser's time grows with the square of the nesting: what is larger or deeper than any message is shown as text.
MOST_TAGS = 5000
MOST_DEPTH = 100
MOST_CHARACTERS = 200_000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
# These never hold anything, or are closed by the next of their kind: any number of them nests nothing.
_SHALLOW = frozenset(
    {
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
        "p", "li", "dt", "dd", "tr", "td", "th", "option",
    }
)  # fmt: skip


def safe_html(html: str) -> str:
    """Return ``html`` with nothing left in it that runs, loads unasked or breaks out; as text where it is monstrous."""
    if not html:
        return ""
    return _cleaned(html) if len(html) <= 20_000 else _clean(html)


@lru_cache(maxsize=256)
def _cleaned(html: str) -> str:
    # The same messages are read again and again.
    return _clean(html)


def _clean(html: str) -> str:
    if len(html) > MOST_CHARACTERS or is_monstrous(html):
        return nh3.clean_text(html[:MOST_CHARACTERS])
    return nh3.clean(html, link_rel="noopener noreferrer nofollow", url_schemes={"http", "https", "mailto", "tel"})


def is_monstrous(html: str) -> bool:
    """Tell, in time linear to its length, whether some HTML has more tags or nests deeper than any message needs."""
    depth = 0
    for number, tag in enumerate(_TAG.finditer(html)):
        if number > MOST_TAGS:
            return True
        if tag[2].lower() in _SHALLOW:
            continue
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        if depth > MOST_DEPTH:
            return True
    return False
