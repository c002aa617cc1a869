"""Show stored content safely: everything escaped, JSON readable, HTML only sanitised within a sandbox."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import nh3
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

TEXT_CAP = 20_000
HTML_CAP = 300_000
DEPTH_CAP = 500  # the sanitiser's time grows with the square of the depth
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_FRAME = (
    '<!doctype html><meta charset="utf-8">'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
    '<base target="_blank"><style>body{font:14px/1.5 system-ui,sans-serif;margin:12px;color:#222;background:#fff;'
    "overflow-wrap:anywhere}img,table{max-width:100%}</style>"
)

COLOURS = {
    "good": {"sent", "delivered", "seen", "done", "COMPLETED", "replayed", "active"},
    "bad": {"failed", "bounced", "dead", "parked", "FAILED", "ERROR"},
    "warn": {"unknown", "INTERRUPTED", "down"},
    "busy": {"queued", "sending", "running", "scheduled", "QUEUED", "PROCESSING", "IN_PROGRESS", "ACTIVE"},
}


def badge(state: str, label: Any = "") -> SafeString:
    """Return a state as a coloured word; the word alone says it, the colour only helps."""
    colour = next((name for name, states in COLOURS.items() if state in states), "plain")
    return format_html('<span class="unicom-badge unicom-{}">{}</span>', colour, label or state)


def pre(text: str, cap: int = TEXT_CAP) -> SafeString | str:
    """Return text as it is written, escaped and cut."""
    if not text:
        return "-"
    cut = _("… (%(count)s characters in all)") % {"count": f"{len(text):,}"} if len(text) > cap else ""
    return format_html('<pre class="unicom-pre">{}{}</pre>', text[:cap], cut)


def pretty_json(value: Any, cap: int = TEXT_CAP) -> SafeString | str:
    """Return a JSON value, indented and escaped."""
    if value in (None, "", [], {}):
        return "-"
    return pre(json.dumps(value, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False, default=str), cap)


def html_preview(html: str) -> SafeString | str:
    """Return the HTML's picture in a frame that runs, loads and opens nothing, and its source."""
    if not html:
        return "-"
    source = format_html("<details><summary>{}</summary>{}</details>", _("Source"), pre(html))
    reason = unfit(html)
    if reason:
        return format_html('<p class="help">{}</p>{}', reason, source)
    frame = _FRAME + nh3.clean(html)
    return format_html(
        '<iframe class="unicom-frame" sandbox="" title="{}" srcdoc="{}"></iframe>{}', _("Preview"), frame, source
    )


def unfit(html: str) -> str:
    """Return why HTML cannot be sanitised in good time, or nothing."""
    if len(html) > HTML_CAP:
        return _("Too large to be previewed.")
    still_open: Counter[str] = Counter()
    for closing, name in _TAG.findall(html.lower()):
        if closing:
            still_open[name] -= bool(still_open[name])  # one that closes nothing takes no depth away
        elif name not in _VOID:
            still_open[name] += 1
            if still_open.total() > DEPTH_CAP:
                return _("Too deeply nested to be previewed.")
    return ""


def excerpt(text: str, length: int = 80) -> str:
    """Return the first words on one line, plain."""
    flat = " ".join(text[: length * 4].split())
    return flat if len(flat) <= length else f"{flat[: length - 1]}…"


def lines(items: Any) -> SafeString | str:
    """Return a list of values, one a line, escaped."""
    found = [str(item) for item in items] if isinstance(items, list | tuple) else [str(items)] if items else []
    return format_html_join("", "{}<br>", ((item,) for item in found)) or "-"
