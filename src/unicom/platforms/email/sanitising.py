"""Make a stranger's HTML safe to look at: nothing runs, nothing is loaded from elsewhere unless somebody asks."""

from __future__ import annotations

import re

import nh3

from unicom import remote_images
from unicom.platforms.email import markup

# The sanitiser's time grows with the square of the depth.
MOST_CHARACTERS, MOST_DEPTH, MOST_TAGS = 2_000_000, 250, 60_000
_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center",
    "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure",
    "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main",
    "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
_EVERYWHERE = {"align", "class", "dir", "lang", "style", "title", "valign", "width", "height", "bgcolor"}
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href", "name"},
    "font": {"color", "face", "size"},
    "img": {"src", "alt", "border"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap"},
    "ol": {"start", "type"},
}
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-spacing", "border-style", "border-top", "border-width", "color", "direction", "display",
    "font", "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height",
    "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width", "min-width",
    "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "text-indent", "text-transform", "vertical-align", "white-space", "width", "word-break", "word-wrap",
}  # fmt: skip
_SOURCES = (
    "cid:", "http://", "https://", "data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp",
)  # fmt: skip
_LOADS = re.compile(r"(?i)url\s*\(|image-set|@import|expression\s*\(")


def sanitised(html: str) -> str | None:
    """Return HTML that is safe to show, images from elsewhere put aside; None where it is too much to be looked at."""
    if len(html) > MOST_CHARACTERS:
        return None
    depth, tags = markup.depth_and_count(html)
    if depth > MOST_DEPTH or tags > MOST_TAGS:
        return None
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        filter_style_properties=_STYLES,
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        link_rel="noopener noreferrer nofollow",
        clean_content_tags={"script", "style", "title", "template", "noscript"},
    )
    return remote_images.put_aside(cleaned)


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style" and (_LOADS.search(value) or "\\" in value):
        return None
    if name == "href" and not value.lower().strip().startswith(("http://", "https://", "mailto:", "tel:", "#")):
        return None
    if name == "src":
        plain = value.lower().strip()
        if plain.startswith("data:") and not plain.startswith(
            ("data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp")
        ):
            return None
        if not plain.startswith(("cid:", "data:image/", "http://", "https://")):
            return None
    return value


def with_remote_images(html: str) -> str:
    """Return sanitised HTML with the images from elsewhere in place, for somebody who asked to see them."""
    return remote_images.brought_back(html)
