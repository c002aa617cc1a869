"""Put images from elsewhere aside in HTML that is safe otherwise: whoever loads one tells its sender that they look."""

from __future__ import annotations

import re

ASIDE = "data-remote-src"
# What comes out of the sanitiser is regular: every attribute stands in double quotes, every < in a text is escaped.
_LOADED = re.compile(r'(<img\b[^>]*?) src="(https?://[^"]*)"')
_ASIDE = re.compile(rf'(<img\b[^>]*?) {ASIDE}="(https?://[^"]*)"')


def put_aside(html: str) -> str:
    """Return sanitised HTML that loads no image from elsewhere."""
    return _LOADED.sub(rf'\1 {ASIDE}="\2"', html)


def brought_back(html: str) -> str:
    """Return sanitised HTML with those images in place, for somebody who asked to see them."""
    return _ASIDE.sub(r'\1 src="\2"', html)


def has_any(html: str) -> bool:
    """Tell whether there are images to ask for."""
    return bool(_ASIDE.search(html) or _LOADED.search(html))
