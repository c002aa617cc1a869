"""The documented snippets as written, the documented events and variables, and long conversations."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.component.running import ROOT, Chat, Site
from tests.docs.pages import blocks

pytestmark = [pytest.mark.once, pytest.mark.timeout(120)]
Visitor = Callable[..., Chat]

PAGE = Path(ROOT / "docs" / "webchat-component.md")
HEAD = "<!DOCTYPE html><html lang=en><title>Shop</title><link rel=icon href='data:,'>"
# As pages have it that were written for the component's first form, import map and all.
OLDER_PAGE = """
{% load static %}

<!DOCTYPE html>
<html>
<head>
    <title>Customer Support Chat</title>
    <link rel="icon" href="data:,">
</head>
<body>
    <h1>Need Help?</h1>

    <!-- Import LitElement from CDN -->
    <script type="importmap">
    {
        "imports": {
            "lit": "https://cdn.jsdelivr.net/npm/lit@3.2.0/+esm",
            "lit/directives/unsafe-html.js": "https://cdn.jsdelivr.net/npm/lit@3.2.0/directives/unsafe-html.js/+esm"
        }
    }
    </script>

    <!-- Load WebChat component -->
    <script type="module" src="{% static 'unicom/webchat/webchat-with-sidebar.js' %}"></script>

    <!-- Embed chat interface -->
    <unicom-chat-with-sidebar
        api-base="/unicom/webchat"
        theme="light"
        max-messages="50"
        auto-refresh="5"
        style="height: 700px;">
    </unicom-chat-with-sidebar>
</body>
</html>
"""
CLIENT = """
// The RealTimeWebChatClient automatically detects WebSocket availability
const client = new RealTimeWebChatClient('/unicom/webchat');
client.setFilters({
  'metadata__project_id': 123,
  'is_archived': false
});

// Set up event handlers for real-time updates
client.onMessage = (message, chatId) => {
  console.log('New message received:', message.text);
};
client.onChatsUpdate = (chats) => {
  console.log('Chats for project:', chats.length);
};

client.onConnectionChange = (connected, type) => {
  if (type === 'websocket') {
    console.log('✅ Using real-time WebSocket connection');
  } else {
    console.log('📡 Using polling mode (${autoRefresh}s refresh)');
  }
};

// Connect (tries WebSocket first, falls back to polling)
await client.connect();
"""


def show(chat: Chat, html: str, policy: str = "any") -> None:
    """Show a page exactly as it is written."""
    chat.page.goto(f"{chat.site.url}/raw/?policy={policy}&html={quote(html)}")


def snippet(language: str) -> str:
    """Return the first block of a language on the component's page."""
    return next(block.code for block in blocks(PAGE) if block.language == language)


def test_the_page_as_it_was_always_documented_works_unchanged(visitor: Visitor) -> None:
    chat = visitor()
    show(chat, OLDER_PAGE)
    chat.write("Hello")
    chat.says("Echo: Hello")
    box = chat.page.locator("unicom-chat-with-sidebar").bounding_box()
    assert box and box["height"] == 700


@pytest.mark.parametrize("language", ["html", "django"])
def test_the_snippets_of_the_component_s_page_work(visitor: Visitor, language: str) -> None:
    chat = visitor()
    show(chat, f"{HEAD}{snippet(language)}")
    chat.write("Hello")
    chat.says("Echo: Hello")


def test_the_client_of_the_component_s_page_works(visitor: Visitor) -> None:
    chat = visitor()
    said: list[str] = []
    chat.page.on("console", lambda message: said.append(message.text))
    show(chat, f"{HEAD}<script type=module>{snippet('javascript')}</script>")
    _until(chat, lambda: "New message received: Echo: Hello" in " ".join(said))
    assert any(line.startswith("Chats for project:") for line in said)


def test_the_documented_client_tells_each_message_once(visitor: Visitor, site: Site) -> None:
    chat = visitor()
    said: list[str] = []
    chat.page.on("console", lambda message: said.append(message.text))
    module = 'import { RealTimeWebChatClient, WebChatAPI } from "/static/unicom/webchat/webchat-with-sidebar.js";'
    more = """
    const api = new WebChatAPI('/unicom/webchat');
    const response = await api.sendMessage(
      'Hello, I need help with this project',
      null,  // No chat_id = new chat
      null,  // No media file
      { project_id: 123, department: 'engineering' }  // Custom metadata
    );
    await client.subscribeToChat(response.chat_id);
    const chats = await client.getChats();
    console.log('listed', chats.length, chats[0].metadata.department, client.isConnected());
    await client.sendMessage('second', response.chat_id);
    """
    show(chat, f"{HEAD}<script type=module>{module}{CLIENT}{more}</script>")
    _until(chat, lambda: "New message received: Echo: second" in said)
    site.control("say", text="pushed {n}", times=5)
    _until(chat, lambda: "New message received: pushed 4" in said)
    chat.page.evaluate("window.dispatchEvent(new Event('online'))")  # looks again at everything
    chat.page.wait_for_timeout(300)
    assert "listed 1 engineering true" in said
    assert "✅ Using real-time WebSocket connection" in said
    received = [line.removeprefix("New message received: ") for line in said if line.startswith("New message")]
    assert sorted(received) == sorted({*received})
    assert {"second", "Echo: second", *(f"pushed {n}" for n in range(5))} <= {*received}


def test_a_page_that_never_gave_the_csrf_cookie_can_send(visitor: Visitor) -> None:
    chat = visitor()
    show(chat, f"{HEAD}{snippet('html')}")
    chat.page.context.clear_cookies()
    chat.write("Hello")
    chat.says("Echo: Hello")


def test_the_documented_events_bubble_out_and_can_be_prevented(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.page.evaluate("""() => {
        window.events = [];
        for (const name of ["send-message", "load-more", "edit-message", "branch-navigation", "chat-selected",
                            "new-chat", "delete-chat", "voice-recorded"]) {
            document.addEventListener(name, (event) => {
                window.events.push([name, event.composed, JSON.stringify(event.detail ?? null)]);
                if (name === "delete-chat" || event.detail?.text === "no") event.preventDefault();
            });
        }
    }""")
    chat.write("no")
    chat.page.wait_for_timeout(200)
    expect(chat.log).to_have_count(0)
    chat.box.fill("")
    chat.write("one")
    chat.says("Echo: one")
    chat.write("two")
    chat.says("Echo: two")
    message = chat.log.locator("message-item").filter(has=chat.page.get_by_text("two", exact=True))
    message.hover()
    message.get_by_role("button", name="Edit message").click()
    chat.log.get_by_role("textbox", name="Edit message").fill("three")
    chat.log.get_by_role("textbox", name="Edit message").press("Enter")
    chat.says("Echo: three")
    chat.log.get_by_role("button", name="Previous version").click()
    chat.page.get_by_role("button", name="New chat").first.click()
    chat.chats.first.click()
    chat.page.get_by_role("button", name="Options of “one”").click()
    chat.page.get_by_role("menuitem", name="Delete").click()
    expect(chat.chats).to_have_count(1)
    events = chat.page.evaluate("window.events")
    assert all(composed for _, composed, _ in events)
    names = [name for name, _, _ in events]
    assert {"send-message", "edit-message", "branch-navigation", "chat-selected", "new-chat", "delete-chat"} <= set(
        names
    )


def test_a_page_s_variables_win_over_the_theme(visitor: Visitor) -> None:
    chat = visitor()
    variables = "--unicom-background-color: rgb(1, 2, 3); --unicom-message-bg-outgoing: rgb(4, 5, 6)"
    tag = f"{{% load unicom_webchat %}}{{% webchat_component theme='dark' style='height: 500px; {variables}' %}}"
    show(chat, f"{HEAD}{tag}")
    chat.write("Hello")
    chat.says("Echo: Hello")
    color = "element => getComputedStyle(element).backgroundColor"
    assert chat.page.locator(".root").evaluate(color) == "rgb(1, 2, 3)"
    assert chat.log.locator(".mine .bubble").evaluate(color) == "rgb(4, 5, 6)"


def test_every_variable_and_attribute_of_the_page_is_one_and_no_other() -> None:
    """What the page lists is what the sources read."""
    styles = "".join(path.read_text() for path in (ROOT / "frontend" / "src" / "styles").glob("*.ts"))
    page = PAGE.read_text()
    assert set(re.findall(r"^\| `(--unicom-[a-z-]+)`", page, re.MULTILINE)) == set(
        re.findall(r"var\((--unicom-[a-z-]+)", styles)
    )
    element = (ROOT / "frontend" / "src" / "elements" / "unicom-chat.ts").read_text()
    named = set(re.findall(r"attribute: \"([a-z-]+)\"", element)) | {
        "theme",
        "lang",
        "placeholder",
        "heading",
        "height",
    }
    table = page.partition("## Attributes")[2].partition("## Looks")[0]
    assert {
        name for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([a-z-]+)`", line)
    } == named


def test_a_long_conversation_is_loaded_as_one_scrolls_and_stays_in_place(visitor: Visitor, site: Site) -> None:
    chat = visitor().open(max_messages=40)
    chat.ask("quiet")
    site.control("say", text="line {n}", times=120)
    chat.says("line 119")
    chat.page.reload()
    chat.says("line 119")
    expect(chat.log.get_by_text("line 119", exact=True)).to_be_in_viewport()
    expect(chat.page.get_by_role("separator")).to_have_text("Today")
    scroller = chat.page.locator("message-list .scroller")
    items = chat.log.locator("message-item")
    while items.count() < 121:
        before = items.count()
        scroller.evaluate("scroller => scroller.scrollTo(0, 0)")
        expect(items).not_to_have_count(before)
    assert chat.texts() == ["quiet", *(f"line {n}" for n in range(120))]
    chat.log.get_by_text("line 60", exact=True).scroll_into_view_if_needed()
    place = chat.log.get_by_text("line 60", exact=True).bounding_box()
    site.control("say", text="news")
    expect(chat.page.get_by_role("button", name="Jump to the newest messages")).to_contain_text("New messages")
    assert chat.log.get_by_text("line 60", exact=True).bounding_box() == place
    chat.page.get_by_role("button", name="Jump to the newest messages").click()
    expect(chat.log.get_by_text("news", exact=True)).to_be_in_viewport()
    expect(chat.page.get_by_role("button", name="Jump to the newest messages")).to_be_hidden()


def _until(chat: Chat, condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        chat.page.wait_for_timeout(100)
    raise AssertionError("it did not come to that")
