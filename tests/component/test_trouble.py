"""A server that goes and comes, a lost network, foreign chats, hostile contents: nothing is lost, doubled or run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.component.running import Chat, Site, visiting

pytestmark = [pytest.mark.once, pytest.mark.timeout(120)]
Visitor = Callable[..., Chat]


@pytest.mark.parametrize("sockets", [True, False], ids=["sockets", "polling"])
def test_a_restart_of_the_server_in_mid_stream_loses_and_doubles_nothing(
    browser: Browser, built: None, tmp_path: Path, sockets: bool
) -> None:
    site = Site(tmp_path, sockets=sockets)
    site.start()
    try:
        with visiting(browser, site) as context:
            more: dict[str, Any] = {} if sockets else {"auto_refresh": 0.3, "disable_websocket": "true"}
            chat = Chat(context.new_page(), site).open(**more)
            chat.ask("quiet")
            grown = site.control("grow", text="Half an", running=True)
            chat.says("Half an")
            site.stop()
            chat.write("written meanwhile")
            expect(chat.log.get_by_text("Sending…")).to_be_visible()
            site.start()
            site.control("grow", id=grown["id"], chat_id=site.control("chat")["id"], text="Half an hour later")
            site.control("say", text="after {n}", times=3)
            chat.says("after 2")
            chat.says("Half an hour later")
            chat.says("Echo: written meanwhile")
            shown = chat.texts()
            assert sorted(shown) == sorted(site.control("count")["texts"])
            assert shown[:2] == ["quiet", "Half an hour later"]
            chat.page.reload()
            chat.says("after 2")
            assert chat.texts() == site.control("count")["texts"]
    finally:
        site.stop()


def test_a_lost_network_queues_and_catches_up(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.write("Hello")
    chat.says("Echo: Hello")
    grown = site.control("grow", text="begun", running=True)
    chat.says("begun")
    chat.page.context.set_offline(True)
    expect(chat.badge).to_have_text("Offline")
    expect(chat.page.get_by_text("You are offline.")).to_be_visible()
    chat.write("queued")
    expect(chat.log.get_by_text("Waiting for the connection…")).to_be_visible()
    site.control("grow", id=grown["id"], text="begun and finished")
    site.control("say", text="missed {n}", times=60)
    chat.page.context.set_offline(False)
    expect(chat.badge).to_have_text("Real-time (WebSocket)")
    chat.says("Echo: queued")
    chat.says("begun and finished")
    assert [text for text in chat.texts() if text.startswith("missed")] == [f"missed {n}" for n in range(60)]
    assert chat.texts() == site.control("count")["texts"]
    chat.complaints.clear()  # the browser's own, of what it could not fetch


def test_what_was_changed_far_back_while_nobody_listened_is_heard_of(visitor: Visitor, site: Site) -> None:
    """More than a page of news has come since. By polling: a browser that is told to be offline lets sockets be."""
    chat = visitor().open(auto_refresh=0.3, disable_websocket="true")
    chat.write("Hello")
    chat.says("Echo: Hello")
    edited, gone = site.control("say", text="old {n}", times=2)["ids"]
    chat.says("old 1")
    chat.page.context.set_offline(True)
    expect(chat.badge).to_have_text("Offline")
    site.control("change", id=edited, text="old 0, corrected")
    site.control("change", id=gone)
    site.control("say", text="missed {n}", times=60)
    chat.page.context.set_offline(False)
    chat.says("missed 59")
    chat.says("old 0, corrected")
    expect(chat.log.get_by_text("old 1", exact=True)).to_have_count(0)
    assert chat.texts() == site.control("count")["texts"]
    chat.complaints.clear()  # the browser's own, of what it could not fetch


def test_what_was_queued_outlives_a_reload(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.write("Hello")
    chat.says("Echo: Hello")
    chat.page.route("**/webchat/send/", lambda route: route.abort())
    chat.write("kept")
    expect(chat.log.get_by_text("kept")).to_be_visible()
    chat.page.unroute("**/webchat/send/")
    chat.page.reload()
    chat.says("Echo: kept")
    assert site.control("count")["texts"].count("kept") == 1
    chat.complaints.clear()


def test_a_lost_answer_sends_nothing_twice(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.write("Hello")
    chat.says("Echo: Hello")
    lost: list[int] = []

    def lose_the_answer(route: object) -> None:
        if lost:
            route.continue_()  # type: ignore[attr-defined]
        else:
            lost.append(1)
            route.fetch()  # type: ignore[attr-defined]
            route.abort()  # type: ignore[attr-defined]

    chat.page.route("**/webchat/send/", lose_the_answer)
    chat.write("once")
    chat.says("Echo: once")
    expect(chat.log.get_by_text("Sending…")).to_have_count(0)
    chat.says("once")
    assert site.control("count")["texts"].count("once") == 1
    chat.complaints.clear()


def test_what_the_server_refuses_is_shown_and_can_be_dropped(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.page.set_input_files(
        "input[type=file]",
        {"name": "evil.html", "mimeType": "text/html", "buffer": b"<!DOCTYPE html><script>x</script>"},
    )
    chat.page.get_by_role("button", name="Send").click()
    expect(chat.log.get_by_text("Not sent")).to_contain_text("not taken")
    chat.log.get_by_role("button", name="Discard").click()
    expect(chat.log).to_have_count(0)
    chat.write("still works")
    chat.says("Echo: still works")
    chat.complaints = [line for line in chat.complaints if "400" not in line]


def test_somebody_else_s_chat_opens_as_an_empty_one(visitor: Visitor, site: Site) -> None:
    owner = visitor().open()
    owner.write("Private")
    owner.says("Echo: Private")
    chat_id = site.control("chat")["id"]
    chat = visitor().open(chat_id=chat_id)
    expect(chat.page.get_by_text("This is no longer there.")).to_be_visible()
    expect(chat.page.get_by_text("Private")).to_have_count(0)
    chat.write("Mine")
    chat.says("Echo: Mine")
    chat.complaints = [line for line in chat.complaints if "404" not in line]


def test_hostile_contents_never_run(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.write("<img src=x onerror=alert(1)><script>alert(1)</script>")
    expect(chat.log.locator(".bubble")).to_have_count(2)
    hostile = [
        "<script>window.hit=1</script>",
        "<img src=x onerror=window.hit=1>",
        "[x](javascript:window.hit=1)",
        "<svg/onload=window.hit=1>",
        "<iframe srcdoc='<script>top.hit=1</script>'></iframe>",
        "![x](https://evil.example/p.png)",
        "<a href=javascript:window.hit=1>click</a>",
        "<style>*{display:none}</style>",
        "<form><button formaction=javascript:window.hit=1>b</button></form>",
    ]
    for source in hostile:
        site.control("say", text=source)
        site.control("say", text="as html", html=source)
    site.control("say", text="the end")
    chat.says("the end")
    for link in chat.log.get_by_role("link").all():
        assert (link.get_attribute("href") or "").startswith(("http://", "https://", "mailto:", "tel:", "/"))
    assert chat.page.evaluate("window.hit") is None
    expect(chat.box).to_be_visible()
    # A picture of the site's own that is not there; the rest of what was sent is not even asked for.
    chat.complaints = [line for line in chat.complaints if "404" not in line]
    assert (
        chat.page.locator("message-item script, message-item iframe, message-item form, message-item style").count()
        == 0
    )


def test_a_page_that_already_uses_the_inner_names_keeps_them(visitor: Visitor, site: Site) -> None:
    chat = visitor()
    chat.page.add_init_script("""
        class Theirs extends HTMLElement { connectedCallback() { this.textContent = "theirs"; } }
        for (const name of ["chat-list", "message-list", "message-item", "message-input", "media-preview"]) {
            customElements.define(name, class extends Theirs {});
        }
    """)
    chat.open()
    chat.write("Hello")
    chat.says("Echo: Hello")
    chat.page.evaluate("document.body.append(document.createElement('message-list'))")
    expect(chat.page.get_by_text("theirs")).to_have_count(1)


def test_the_component_may_be_loaded_twice_and_be_on_a_page_twice(visitor: Visitor, site: Site) -> None:
    chat = visitor()
    html = (
        "{% load static %}<!DOCTYPE html><html lang=en><title>x</title>"
        "<link rel=icon href=\"{% static 'unicom/webchat/icon.svg' %}\">"
        "<script type=module src=\"{% static 'unicom/webchat/webchat-with-sidebar.js' %}\"></script>"
        "<script type=module src=\"{% static 'unicom/webchat/webchat.js' %}\"></script>"
        "<unicom-chat-with-sidebar height=45vh></unicom-chat-with-sidebar><unicom-chat height=45vh></unicom-chat>"
    )
    chat.page.goto(f"{site.url}/")  # a session, and the CSRF cookie
    from urllib.parse import quote

    chat.page.goto(f"{site.url}/raw/?html={quote(html)}")
    boxes = chat.page.get_by_role("textbox", name="Message", exact=True)
    expect(boxes).to_have_count(2)
    boxes.nth(1).fill("Hello")
    boxes.nth(1).press("Enter")
    expect(chat.page.get_by_text("Echo: Hello").first).to_be_visible()
    chat.complaints = [line for line in chat.complaints if "trusted" not in line.lower()]
