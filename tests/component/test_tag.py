"""``{% webchat_component %}``."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.http import HttpRequest
from django.template import Context, RequestContext, Template
from django.utils import translation

from unicom.errors import ConfigurationError


class Written(HTMLParser):
    """Be the elements of a piece of HTML, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: dict[str, dict[str, str | None]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.elements[tag] = dict(attrs)


def write(arguments: str = "", request: HttpRequest | None = None, **context: object) -> Written:
    template = Template("{% load unicom_webchat %}{% webchat_component " + arguments + " %}")
    values = RequestContext(request, context) if request else Context(context)
    return Written(template.render(values))


def test_it_writes_the_script_and_the_element(rf):
    """With the project's own path, the page's language and a CSRF token."""
    with translation.override("de"):
        written = write(request=rf.get("/")).elements
    assert written["script"] == {"type": "module", "src": "/static/unicom/webchat/webchat-with-sidebar.js"}
    element = written["unicom-chat-with-sidebar"]
    assert (element["api-base"], element["lang"]) == ("/unicom/webchat", "de")
    assert element["csrf-token"]


def test_keywords_become_attributes():
    """Underscores are hyphens, dicts JSON, True is "true", and nothing is nothing."""
    element = write(
        'theme="dark" max_messages=20 filters=filters'
        " enable_websocket_only=True disable_websocket=False channel_id=None",
        filters={"metadata__project_id": 62},
    ).elements["unicom-chat-with-sidebar"]
    assert element["theme"] == "dark" and element["max-messages"] == "20"
    assert element["filters"] == '{"metadata__project_id": 62}'
    assert element["enable-websocket-only"] == "true"
    assert "disable-websocket" not in element and "channel-id" not in element


@pytest.mark.parametrize(
    "hostile", ['"><script>alert(1)</script>', "' onclick='alert(1)", "</unicom-chat-with-sidebar><b>"]
)
def test_values_are_escaped(hostile):
    """Whatever a value holds, it is the attribute's value."""
    written = write("heading=heading filters=filters", heading=hostile, filters={"a": hostile}).elements
    assert set(written) == {"script", "unicom-chat-with-sidebar"}
    assert written["unicom-chat-with-sidebar"]["heading"] == hostile


@pytest.mark.parametrize("name", ["onclick", "Theme", "_x"])
def test_a_name_that_is_no_attribute_is_refused(name):
    """Handlers, too."""
    with pytest.raises(ConfigurationError, match=name):
        write(f'{name}="x"')


def test_one_conversation_without_a_list():
    """``sidebar=False``; and ``script=False`` for a page that loads it itself."""
    assert set(write("sidebar=False").elements) == {"script", "unicom-chat"}
    assert set(write("sidebar=False script=False").elements) == {"unicom-chat"}


def test_a_nonce_of_the_page_s_policy_is_on_the_script():
    """As Django 6 and django-csp put it into the context."""
    assert write(csp_nonce="abc").elements["script"]["nonce"] == "abc"
