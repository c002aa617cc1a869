"""Show the HTML of a message in a frame of its own: nothing runs, images from elsewhere load only when asked for."""

from __future__ import annotations

import nh3
from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from unicom import remote_images
from unicom.admin.display import pre, unfit
from unicom.models import Message
from unicom.quoting import fold_quoted

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:12px;color:#222;background:#fff;overflow-wrap:anywhere}"
    "img,table{max-width:100%}img{height:auto}summary{cursor:pointer;color:#666;margin:8px 0}"
    f"img[{remote_images.ASIDE}]{{min-width:16px;min-height:16px;border:1px dashed #999}}"
)
_LOOKS = {"style", "class", "align", "valign", "dir", "title", "width", "height", "bgcolor"}
_ATTRIBUTES = {**nh3.ALLOWED_ATTRIBUTES, "*": _LOOKS, "font": {"color", "face", "size"}}
_ATTRIBUTES["img"] = {*_ATTRIBUTES["img"], remote_images.ASIDE}
_TAGS = nh3.ALLOWED_TAGS | {"font"}


def framed(message: Message, site: str) -> SafeString | str:
    """Return the frame, what asks for remote images where there are any, and the source."""
    html = message.html
    if not html:
        return "-"
    source = format_html("<details><summary>{}</summary>{}</details>", _("Source"), pre(html))
    if reason := unfit(html):
        return format_html('<p class="help">{}</p>{}', reason, source)
    address = reverse("admin:unicom_message_html", args=[message.pk], current_app=site)
    button = ""
    if remote_images.has_any(html):
        button = format_html(
            '<p class="unicom-remote"><a class="button" href="{}?remote_images=1" target="unicom-html">{}</a> '
            '<span class="help">{}</span></p>',
            address,
            _("Show remote images"),
            _("Its sender may then see that it was looked at."),
        )
    return format_html(
        '<div class="unicom-shown">{}<iframe class="unicom-frame" name="unicom-html" sandbox="" title="{}" src="{}" '
        'loading="lazy" referrerpolicy="no-referrer"></iframe>{}</div>',
        button,
        _("Preview"),
        address,
        source,
    )


def page(message: Message, *, with_remote: bool) -> HttpResponse:
    """Return what stands in the frame: cleaned, the history folded."""
    html = "" if unfit(message.html) else message.html
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel", "data"},
        link_rel="noopener noreferrer nofollow",
    )
    cleaned = remote_images.brought_back(cleaned) if with_remote else remote_images.put_aside(cleaned)
    title = escape(_("Quoted history"))
    body = fold_quoted(cleaned, title)
    response = HttpResponse(f'<!doctype html><meta charset="utf-8"><title>-</title><style>{_STYLE}</style>{body}')
    elsewhere = " http: https:" if with_remote else ""
    response["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:{elsewhere}; sandbox"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response
