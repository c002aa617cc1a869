"""Make HTML that somebody wrote safe to show."""

from __future__ import annotations

import nh3

# The sanitiser's time grows with the square of the nesting: what has more tags than any message needs is shown as text.
MOST_TAGS = 2000
MOST_CHARACTERS = 200_000


def safe_html(html: str) -> str:
    """Return ``html`` with nothing left in it that runs, loads unasked or breaks out; as text where it is monstrous."""
    if not html:
        return ""
    if len(html) > MOST_CHARACTERS or html.count("<") > MOST_TAGS:
        return nh3.clean_text(html[:MOST_CHARACTERS])
    return nh3.clean(html, link_rel="noopener noreferrer nofollow", url_schemes={"http", "https", "mailto", "tel"})
