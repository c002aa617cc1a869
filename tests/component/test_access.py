"""For everybody: axe finds nothing serious, in every theme and language, wide and narrow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.component.running import AXE, Chat, Site

pytestmark = [pytest.mark.once, pytest.mark.timeout(120)]
Visitor = Callable[..., Chat]

RICH = """# Plan

Some **bold**, `code` and [a link](https://example.org).

| a | b |
|---|---|
| 1 | 2 |

```python
def greet(name):  # says hello
    return f"Hello {name}", 42, None
```

> quoted
"""


def until(condition: Callable[[], bool], patience_s: float = 10.0) -> None:
    """Wait until something holds; the page's policy forbids the browser's own way of waiting for an expression."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def problems(chat: Chat) -> list[str]:
    """Return what axe calls serious or critical."""
    chat.page.evaluate(AXE.read_text())
    found: dict[str, Any] = chat.page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [
        f"{item['id']}: {node['target']} {node.get('failureSummary', '')}"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"]
    ]


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(visitor: Visitor, site: Site, theme: str, width: int) -> None:
    chat = visitor(viewport={"width": width, "height": 800}).open(theme=theme)
    assert problems(chat) == []
    chat.write("buttons")
    expect(chat.log.get_by_role("button", name="Yes")).to_be_visible()
    site.control("say", text=RICH)
    site.control("tool", text="Looking it up", status="SUCCESS")
    site.control("say", text="the end")
    chat.says("the end")
    chat.page.route("**/webchat/send/", lambda route: route.fulfill(status=400, json={"error": "No."}))
    chat.write("refused")
    expect(chat.log.get_by_text("Not sent")).to_be_visible()
    assert problems(chat) == []
    if width == 360:
        chat.page.get_by_role("button", name="Open the list of chats").click()
        expect(chat.chats.first).to_be_visible()
        chat.page.wait_for_timeout(300)
        assert problems(chat) == []
    chat.complaints = [line for line in chat.complaints if "400" not in line]


@pytest.mark.parametrize(
    ("lang", "send", "direction"),
    [
        ("en", "Send", "ltr"),
        ("de", "Senden", "ltr"),
        ("es", "Enviar", "ltr"),
        ("fr", "Envoyer", "ltr"),
        ("ar", "إرسال", "rtl"),
    ],
)
def test_five_languages(visitor: Visitor, lang: str, send: str, direction: str) -> None:
    chat = visitor()
    chat.page.goto(f"{chat.site.url}/?lang={lang}")
    button = chat.page.get_by_role("button", name=send, exact=True)
    expect(button).to_be_visible()
    assert chat.page.locator(".root").get_attribute("dir") == direction
    side, pane = chat.page.locator("chat-list").bounding_box(), chat.page.locator(".pane").bounding_box()
    assert side and pane
    assert (side["x"] < pane["x"]) == (direction == "ltr")


def test_the_automatic_theme_follows_the_system(visitor: Visitor) -> None:
    chat = visitor(color_scheme="dark").open(theme="auto")
    dark = chat.page.locator(".root").evaluate("root => getComputedStyle(root).backgroundColor")
    chat.page.emulate_media(color_scheme="light")
    expect(chat.page.locator(".root.light")).to_have_count(1)
    assert chat.page.locator(".root").evaluate("root => getComputedStyle(root).backgroundColor") != dark


@pytest.mark.parametrize("width", [320, 3840])
def test_nothing_is_cut_off_from_320_pixels_to_4k(visitor: Visitor, site: Site, width: int) -> None:
    chat = visitor(viewport={"width": width, "height": 700}).open()
    chat.write("buttons")
    expect(chat.log.get_by_role("button", name="Yes")).to_be_visible()
    site.control("say", text=RICH + "\n" + "x" * 300)
    expect(chat.log.get_by_text("quoted")).to_be_visible()
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= width
    over = chat.log.locator(".bubble").evaluate_all(
        "all => all.map(it => it.getBoundingClientRect()).filter(box => box.right > innerWidth || box.left < 0).length"
    )
    assert over == 0


def test_a_new_answer_is_said_once_to_a_screen_reader(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.page.evaluate("""() => {
        window.said = [];
        const root = document.querySelector("unicom-chat-with-sidebar").shadowRoot;
        const region = root.querySelector(".root > [role=status]");
        const heard = new MutationObserver(() => window.said.push(region.textContent));
        heard.observe(region, {childList: true, characterData: true, subtree: true});
    }""")
    chat.write("Hello")
    chat.says("Echo: Hello")
    until(lambda: chat.page.evaluate("window.said.length") > 0)
    grown = site.control("grow", text="a", running=True)
    site.control("grow", id=grown["id"], text="a b", running=True)
    site.control("grow", id=grown["id"], text="a b c")
    until(lambda: chat.page.evaluate("window.said.some(text => text.includes('a b c'))"))
    said = [text.split(": ", 1)[1] for text in chat.page.evaluate("window.said")]
    assert said == ["Echo: Hello", "a b c"]
