"""The component on a page of another site: two real origins, no cookie of the chat's, a strict policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.component.running import Site, visiting
from tests.component.shop import Embedded, Shop, shop_of

pytestmark = [pytest.mark.once, pytest.mark.timeout(120)]
Shopper = Callable[..., Embedded]
PICTURE = """async () => {
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext("2d").fillRect(5, 5, 20, 20);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({type: "image/png"})).arrayBuffer());
    return [...bytes];
}"""


@pytest.fixture(scope="module")
def shop(site: Site) -> Iterator[Shop]:
    """Return a shop whose pages show the site's chat, by socket."""
    with shop_of(site) as opened:
        yield opened


@pytest.fixture
def shopper(browser: Browser, shop: Shop) -> Iterator[Shopper]:
    """Return a function that opens the shop in another browser; at the end no page may have complained."""
    made: list[Any] = []
    chats: list[Embedded] = []

    def make(where: Shop | None = None, **options: Any) -> Embedded:
        made.append(visiting(browser, (where or shop).chat, **options))
        chats.append(Embedded(made[-1].__enter__().new_page(), where or shop))
        return chats[-1]

    yield make
    cookies = [cookie for chat in chats for cookie in chat.page.context.cookies()]
    for visit in made:
        visit.__exit__(None, None, None)
    for chat in chats:
        assert chat.complaints == []
        assert {url.split("/")[2] for url in chat.requests if url.startswith("http")} <= {
            chat.shop.url.split("/")[2], chat.site.url.split("/")[2],
        }  # fmt: skip
    assert cookies == []


def stored(chat: Embedded) -> str:
    """Return what the page keeps in its storage."""
    return str(chat.page.evaluate("JSON.stringify({...localStorage})"))


def test_a_guest_of_another_site_chats_by_socket_and_is_known_after_a_reload(shopper: Shopper, site: Site) -> None:
    chat = shopper()
    frames: list[str] = []
    addresses: list[str] = []

    def listen(socket: Any) -> None:
        addresses.append(socket.url)
        socket.on("framesent", lambda data: frames.append(str(data)))

    chat.page.on("websocket", listen)
    chat.open()
    expect(chat.badge).to_have_text("Real-time (WebSocket)")
    assert not [url for url in chat.requests if site.url in url], "nothing is asked before they write"
    assert "token" not in stored(chat)
    chat.write("Hello")
    chat.says("Echo: Hello")
    expect(chat.badge).to_have_text("Real-time (WebSocket)")
    site.control("say", text="pushed {n}", times=3)
    chat.says("pushed 2")
    chat.page.reload()
    chat.says("pushed 2")
    assert chat.texts() == ["Hello", "Echo: Hello", "pushed 0", "pushed 1", "pushed 2"]
    expect(chat.chats).to_have_count(1)
    token = chat.page.evaluate("JSON.parse(Object.values(localStorage)[0]).token")
    assert sum(token in frame for frame in frames) >= 2
    assert not [url for url in [*chat.requests, *addresses] if token in url], "it is in no address"


def test_another_guest_sees_nothing_of_it(shopper: Shopper, site: Site) -> None:
    chat = shopper().open()
    chat.write("Mine")
    chat.says("Echo: Mine")
    chat_id = site.control("chat")["id"]
    other = shopper().open(chat_id=chat_id)
    expect(other.page.get_by_text("This is no longer there.")).to_be_visible()
    other.write("Theirs")
    other.says("Echo: Theirs")
    expect(other.chats).to_have_count(1)
    expect(other.page.get_by_text("Mine")).to_have_count(0)


def test_files_buttons_names_and_deletions_cross_origins_too(shopper: Shopper, site: Site) -> None:
    chat = shopper().open()
    picture = bytes(chat.page.evaluate(PICTURE))
    chat.page.set_input_files("input[type=file]", {"name": "a.png", "mimeType": "image/png", "buffer": picture})
    chat.page.get_by_role("button", name="Send").click()
    chat.says("Got a file: image")
    image = chat.log.locator("img")
    expect(image).to_have_js_property("naturalWidth", 40)
    assert image.get_attribute("src").startswith(f"{site.url}/unicom/webchat/media/")
    chat.page.reload()
    expect(image).to_have_js_property("naturalWidth", 40)
    chat.write("buttons")
    chat.log.get_by_role("button", name="Yes").click()
    chat.says("You said yes.")
    site.control("say", html='<p>See <img src="/static/unicom/webchat/icon.svg"> here</p>', text="")
    expect(chat.log.locator(".prose img")).to_have_js_property("complete", True)
    assert chat.log.locator(".prose img").get_attribute("src") == f"{site.url}/static/unicom/webchat/icon.svg"
    chat.page.get_by_role("button", name="Options of").first.click()
    with chat.page.expect_response(lambda response: response.request.method == "PATCH") as archived:
        chat.page.get_by_role("menuitem", name="Archive").click()
    assert archived.value.status == 200
    expect(chat.chats).to_have_count(0)
    assert site.control("chat")["archived"] is True


def test_a_chat_that_is_deleted_is_gone_after_a_reload(shopper: Shopper) -> None:
    chat = shopper().open()
    chat.write("Away with it")
    chat.says("Echo: Away with it")
    chat.page.get_by_role("button", name="Options of").first.click()
    chat.page.get_by_role("menuitem", name="Delete").click()
    expect(chat.chats).to_have_count(0)
    chat.page.reload()  # the deletion that was still owed goes with the page
    expect(chat.box).to_be_visible()
    chat.write("A new one")
    chat.says("Echo: A new one")
    expect(chat.chats).to_have_count(1)


def test_somebody_the_shop_knows_comes_back_in_another_browser(shopper: Shopper, site: Site) -> None:
    chat = shopper().open(identifier="customer 4711", visitor_name="Ann")
    expect(chat.badge).to_have_text("Real-time (WebSocket)")
    chat.write("From home")
    chat.says("Echo: From home")
    elsewhere = shopper().open(identifier="customer 4711")
    elsewhere.chats.first.click()
    elsewhere.says("Echo: From home")
    elsewhere.write("From work")
    elsewhere.says("Echo: From work")
    chat.says("Echo: From work")
    assert shopper().open(identifier="customer 4712").chats.count() == 0


def test_a_guest_who_logs_in_at_the_shop_keeps_the_chat_and_leaves_nothing_to_the_next(shopper: Shopper) -> None:
    chat = shopper().open()
    chat.write("As a guest")
    chat.says("Echo: As a guest")
    chat.page.wait_for_load_state("networkidle")  # what the guest has seen is marked as read a moment later
    chat.open(identifier="customer 1")
    chat.says("Echo: As a guest")
    expect(chat.chats).to_have_count(1)
    chat.page.evaluate("sessionStorage.clear()")  # another tab
    chat.open()
    expect(chat.page.get_by_text("Your chats will appear here.")).to_be_visible()
    assert "token" not in stored(chat)
    chat.open(identifier="customer 1")
    expect(chat.chats).to_have_count(1)


def test_two_tabs_of_the_shop_are_one_guest(shopper: Shopper) -> None:
    chat = shopper().open()
    chat.write("From one")
    chat.says("Echo: From one")
    other = Embedded(chat.page.context.new_page(), chat.shop).open()
    other.chats.first.click()
    other.write("From the other")
    chat.says("Echo: From the other")
    other.says("Echo: From the other")
    assert other.complaints == []


def test_one_conversation_without_a_list(shopper: Shopper) -> None:
    chat = shopper().open(element="unicom-chat")
    chat.write("Hello")
    chat.says("Echo: Hello")
    again = Embedded(chat.page.context.new_page(), chat.shop).open(element="unicom-chat")
    again.says("Echo: Hello")
    assert again.complaints == []


def test_without_sockets_another_site_s_page_polls(shopper: Shopper, plain_site: Site) -> None:
    with shop_of(plain_site) as shop:
        chat = shopper(shop).open(auto_refresh=0.3)
        chat.write("Hello")
        chat.says("Echo: Hello")
        expect(chat.badge).to_have_text("Polling mode (0.3s refresh)")
        plain_site.control("say", text="later")
        chat.says("later")
        chat.page.reload()
        chat.says("later")
        chat.page.goto("about:blank")  # it goes on trying
        assert all("WebSocket connection" in line for line in chat.complaints)
        chat.complaints.clear()


def test_a_token_that_is_refused_is_fetched_anew(shopper: Shopper, site: Site) -> None:
    chat = shopper().open(identifier="customer 2")
    chat.write("Hello")
    chat.says("Echo: Hello")
    chat.page.evaluate("""() => {
        const [place] = Object.keys(localStorage);
        localStorage.setItem(place, JSON.stringify({...JSON.parse(localStorage[place]), token: "worn:out"}));
    }""")
    chat.page.reload()
    chat.says("Echo: Hello")
    expect(chat.badge).to_have_text("Real-time (WebSocket)")
    site.control("say", text="still here")
    chat.says("still here")
    chat.complaints = [line for line in chat.complaints if "401" not in line]


def test_a_page_that_the_chat_does_not_allow_shows_nothing_and_says_so(shopper: Shopper, site: Site) -> None:
    with shop_of(site) as other:
        chat = shopper().open(**{"channel-id": other.channel})
        chat.write("Hello")
        expect(chat.log.get_by_text("Not sent")).to_be_visible(timeout=30_000)
        chat.complaints.clear()  # the browser's own, of what it may not read
