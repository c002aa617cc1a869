"""Write the web chat's element into a page: what the template tag gives, escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.middleware.csrf import get_token
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from unicom.errors import ConfigurationError

_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]*")
_MODULES = {True: ("unicom-chat-with-sidebar", "webchat-with-sidebar"), False: ("unicom-chat", "webchat")}


def api_base() -> str:
    """Return where the web chat's endpoints are in this project."""
    return reverse("webchat_send").removesuffix("/send/")


def webchat_component(
    context: Mapping[str, Any], *, sidebar: bool = True, script: bool = True, **attributes: Any
) -> SafeString:
    """Give the element and the script tag that loads it; ``script=False`` leaves the latter to the page.

    Every other keyword becomes an attribute, ``max_messages=20`` is ``max-messages="20"``; dicts are written as JSON,
    True as ``"true"``, None and False are left out. ``api-base``, ``lang`` and the CSRF token are the page's own unless
    given. Raises ConfigurationError for a name that is none of an attribute.
    """
    element, module = _MODULES[bool(sidebar)]
    request = context.get("request")
    own = {"api_base": api_base(), "lang": get_language(), "csrf_token": get_token(request) if request else None}
    written = []
    for name, value in {**own, **attributes}.items():
        if not _ATTRIBUTE.fullmatch(name) or name.startswith("on"):
            raise ConfigurationError(f"webchat_component: {name!r} is not an attribute of <{element}>.")
        if value is None or value is False or value == "":
            continue
        text = json.dumps(value) if isinstance(value, dict | list) else "true" if value is True else value
        written.append((name.replace("_", "-"), text))
    tag = format_html("<{} {}></{}>", element, format_html_join(" ", '{}="{}"', written), element)
    if not script:
        return tag
    nonce = context.get("csp_nonce") or getattr(request, "csp_nonce", "")
    return format_html(
        '<script type="module" src="{}"{}></script>\n{}',
        static(f"unicom/webchat/{module}.js"),
        format_html(' nonce="{}"', nonce) if nonce else "",
        tag,
    )
