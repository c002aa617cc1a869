"""A visitor talks on a page under a strict policy; each sentence of the component's page is held here."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.component.running import Chat, Site

pytestmark = [pytest.mark.once, pytest.mark.timeout(120)]
Visitor = Callable[..., Chat]


def test_a_visitor_talks_in_real_time_by_keyboard_alone(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    expect(chat.badge).to_have_text("Real-time (WebSocket)")
    chat.box.focus()
    chat.page.keyboard.type("Hello")
    chat.page.keyboard.press("Shift+Enter")
    chat.page.keyboard.type("there")
    chat.page.keyboard.press("Enter")
    expect(chat.log.get_by_text("Echo: Hello")).to_be_visible()
    expect(chat.box).to_be_focused()
    expect(chat.box).to_have_value("")
    site.control("say", text="pushed", times=1)
    chat.says("pushed")
    chat.write("buttons")
    yes = chat.log.get_by_role("button", name="Yes")
    yes.focus()
    chat.page.keyboard.press("Enter")
    chat.says("You said yes.")
    edit = chat.log.get_by_role("button", name="Edit me", exact=True)
    expect(edit).to_be_enabled()
    edit.press("Enter")
    chat.says("Edited in place.")
    expect(chat.log.get_by_role("button", name="Yes")).to_have_count(0)


def test_a_site_without_sockets_is_polled_with_the_same_result(visitor: Visitor, plain_site: Site) -> None:
    chat = visitor(plain_site).open(auto_refresh=0.3, disable_websocket="true")
    expect(chat.badge).to_have_text("Polling mode (0.3s refresh)")
    chat.write("Hello")
    chat.says("Echo: Hello")
    sent = plain_site.control("say", text="polled {n}", times=3)
    chat.says("polled 2")
    grown = plain_site.control("grow", text="grow", chat_id=sent["chat_id"], running=True)
    chat.says("grow")
    plain_site.control("grow", text="grown up", id=grown["id"], chat_id=sent["chat_id"])
    chat.says("grown up")
    assert chat.texts() == ["Hello", "Echo: Hello", "polled 0", "polled 1", "polled 2", "grown up"]
    plain_site.control("type", chat_id=sent["chat_id"])
    expect(chat.page.locator("message-list .typing")).to_have_text("Ada is typing…")
    assert not any(url.startswith("ws") for url in chat.requests)


def test_without_channels_the_default_falls_back_to_polling_by_itself(visitor: Visitor, plain_site: Site) -> None:
    chat = visitor(plain_site).open(auto_refresh=0.3)
    expect(chat.badge).to_have_text("Polling mode (0.3s refresh)")
    chat.write("Hello")
    chat.says("Echo: Hello")
    plain_site.control("say", text="later")
    chat.says("later")
    refused = [line for line in chat.complaints if "WebSocket connection" in line]
    assert refused == chat.complaints
    chat.complaints.clear()


def test_websocket_only_never_polls(visitor: Visitor, plain_site: Site) -> None:
    chat = visitor(plain_site).open(auto_refresh=0.3, enable_websocket_only="true")
    expect(chat.badge).to_have_text("Offline")
    chat.requests.clear()
    chat.page.wait_for_timeout(900)
    assert [url for url in chat.requests if "/webchat/messages/" in url or "/webchat/chats/" in url] == []
    assert all("WebSocket connection" in line for line in chat.complaints)
    chat.complaints.clear()


def test_known_failure_9_the_component_does_as_documented(visitor: Visitor, site: Site, plain_site: Site) -> None:
    """Known failure 9: socket first, ``auto-refresh=0`` never polls, 50 messages a page, filters and metadata apply."""
    chat = visitor().open(filters='{"metadata__project_id": 62}', metadata_defaults='{"project_id": 62}')
    expect(chat.badge).to_have_text("Real-time (WebSocket)")
    chat.write("In the project")
    chat.says("Echo: In the project")
    stored = site.control("chat")
    assert stored["metadata"] == {"project_id": 62}
    expect(chat.chats).to_have_count(1)
    other = Chat(chat.page.context.new_page(), site).open(filters='{"metadata__project_id": 63}')
    expect(other.page.get_by_text("Your chats will appear here.")).to_be_visible()
    other.write("Elsewhere")
    other.says("Echo: Elsewhere")
    chat.page.reload()
    expect(chat.chats).to_have_count(1)
    expect(chat.chats).to_contain_text("In the project")
    pages = [url for url in chat.requests if "/webchat/messages/" in url]
    assert pages and all("limit=50" in url for url in pages)
    assert other.complaints == []

    still = visitor(plain_site).open(auto_refresh=0, disable_websocket="true")
    expect(still.badge).to_have_text("No automatic updates")
    still.write("Hello")
    still.says("Echo: Hello")
    still.requests.clear()
    still.page.wait_for_timeout(900)
    assert [url for url in still.requests if "/messages/" in url or "/chats/" in url] == []


def test_a_wide_and_a_narrow_page(visitor: Visitor, site: Site) -> None:
    chat = visitor(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True).open()
    chat.write("First")
    chat.says("Echo: First")
    expect(chat.chats).to_be_hidden()
    chat.page.get_by_role("button", name="New chat").click()
    chat.write("Second")
    chat.says("Echo: Second")
    chat.page.get_by_role("button", name="Open the list of chats").click()
    expect(chat.chats).to_have_count(2)
    chat.chats.filter(has_text="First").first.click()
    expect(chat.page.locator("chat-list")).to_be_hidden()
    chat.says("Echo: First")
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_chats_are_renamed_archived_and_deleted_with_a_way_back(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    for name in ("Apples", "Bananas"):
        chat.page.get_by_role("button", name="New chat").first.click()
        chat.write(name)
        chat.says(f"Echo: {name}")
    expect(chat.chats).to_have_count(2)

    def choose(title: str, action: str) -> None:
        button = chat.page.get_by_role("button", name=f"Options of “{title}”")
        button.focus()
        button.press("Enter")
        item = chat.page.get_by_role("menuitem", name=action)
        while not item.evaluate("item => item === item.getRootNode().activeElement"):
            chat.page.keyboard.press("ArrowDown")
        chat.page.keyboard.press("Enter")

    choose("Apples", "Rename")
    chat.page.keyboard.type("Pears")
    chat.page.keyboard.press("Enter")
    expect(chat.chats.filter(has_text="Pears")).to_have_count(1)
    choose("Pears", "Archive")
    expect(chat.chats).to_have_count(1)
    chat.page.get_by_role("button", name="Archived chats").click()
    expect(chat.chats).to_contain_text("Pears")
    choose("Pears", "Move back to recent")
    chat.page.get_by_role("button", name="Back to recent chats").click()
    expect(chat.chats).to_have_count(2)
    choose("Bananas", "Delete")
    expect(chat.chats).to_have_count(1)
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.chats).to_have_count(2)
    choose("Bananas", "Delete")
    expect(chat.chats).to_have_count(1)
    chat.page.goto("about:blank")  # before the time to undo is over
    chat.open()
    expect(chat.chats).to_have_count(1)


def test_search_finds_titles_and_messages_and_leads_to_them(visitor: Visitor, site: Site) -> None:
    chat = visitor().open(max_messages=20)
    chat.write("The zebra crossing")
    chat.says("Echo: The zebra crossing")
    site.control("say", text="padding {n}", times=60)
    chat.says("padding 59")
    chat.page.get_by_role("button", name="New chat").first.click()
    chat.write("Something else")
    chat.says("Echo: Something else")
    chat.page.get_by_role("searchbox", name="Search chats").fill("zebra cross")
    expect(chat.chats.filter(has_text="Echo: The zebra crossing")).to_have_count(1)
    chat.chats.filter(has_text="Echo: The zebra crossing").click()
    expect(chat.log.get_by_text("Echo: The zebra crossing")).to_be_in_viewport()


def test_an_earlier_message_is_edited_and_both_versions_stay(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    for text in ("one", "two"):
        chat.write(text)
        chat.says(f"Echo: {text}")
    message = chat.log.locator("message-item").filter(has=chat.page.get_by_text("two", exact=True))
    message.hover()
    message.get_by_role("button", name="Edit message").click()
    editor = chat.log.get_by_role("textbox", name="Edit message")
    expect(editor).to_be_focused()
    editor.fill("three")
    editor.press("Enter")
    chat.says("Echo: three")
    chat.says("Echo: two", 0)
    chat.log.get_by_role("button", name="Previous version").click()
    chat.says("Echo: two")
    chat.says("Echo: three", 0)
    chat.write("four")  # goes on where one is
    chat.says("Echo: four")
    assert chat.texts() == ["one", "Echo: one", "two", "Echo: two", "four", "Echo: four"]
    chat.page.reload()
    chat.says("Echo: four")
    assert chat.texts() == ["one", "Echo: one", "two", "Echo: two", "four", "Echo: four"]


def test_an_answer_grows_can_be_asked_for_anew_and_be_stopped(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.ask("quiet")
    grown = site.control("grow", text="Once", running=True)
    expect(chat.log.locator(".caret")).to_have_count(1)
    site.control("grow", id=grown["id"], text="Once upon a time", running=True)
    chat.says("Once upon a time")
    with chat.page.expect_response(lambda response: response.url.endswith("/webchat/stop/")) as stopped:
        chat.page.get_by_role("button", name="Stop the answer").click()
    assert stopped.value.status == 200
    site.control("grow", id=grown["id"], text="Once upon a time.")
    expect(chat.log.locator(".caret")).to_have_count(0)
    chat.says("Once upon a time.")


def test_files_are_dropped_pasted_previewed_and_sent(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.page.set_input_files("input[type=file]", {"name": "note.txt", "mimeType": "text/plain", "buffer": b"hello"})
    expect(chat.page.locator("media-preview")).to_contain_text("note.txt")
    expect(chat.page.locator("media-preview")).to_contain_text("5 B")
    chat.page.get_by_role("button", name="Remove “note.txt”").click()
    expect(chat.page.locator("media-preview li")).to_have_count(0)
    drop = """async (pane, type) => {
        const canvas = new OffscreenCanvas(40, 30);
        canvas.getContext("2d").fillRect(5, 5, 20, 20);
        const blob = await canvas.convertToBlob({type: "image/png"});
        const transfer = new DataTransfer();
        transfer.items.add(new File([blob], "picture.png", {type: "image/png"}));
        const init = type === "paste" ? {clipboardData: transfer} : {dataTransfer: transfer};
        const Kind = type === "paste" ? ClipboardEvent : DragEvent;
        pane.dispatchEvent(new Kind(type, {...init, bubbles: true, composed: true, cancelable: true}));
    }"""
    chat.page.locator(".pane").evaluate(drop, "drop")
    expect(chat.page.locator("media-preview canvas")).to_have_count(1)
    chat.box.evaluate(drop, "paste")
    expect(chat.page.locator("media-preview li")).to_have_count(2)
    chat.box.fill("Look")
    chat.page.get_by_role("button", name="Send").click()
    chat.says("Got a file: image", 2)
    pictures = chat.log.locator("img")
    expect(pictures).to_have_count(2)
    assert pictures.first.evaluate("image => image.complete && image.naturalWidth") == 40


def test_voice_is_recorded_with_a_level_meter(visitor: Visitor, site: Site) -> None:
    chat = visitor(permissions=["microphone"]).open()
    chat.page.evaluate("document.addEventListener('voice-recorded', (e) => { window.voice = e.detail.file.type })")
    chat.page.get_by_role("button", name="Record a voice message").click()
    expect(chat.page.get_by_role("timer")).to_have_text(re.compile(r"0:0\d"))
    chat.page.wait_for_timeout(700)
    chat.page.get_by_role("button", name="Finish recording").click()
    expect(chat.page.locator("media-preview")).to_contain_text("voice-")
    assert chat.page.evaluate("window.voice").startswith("audio/")
    chat.page.get_by_role("button", name="Send").click()
    chat.says("Got a file: audio")
    expect(chat.log.locator("audio")).to_have_count(1)


def test_unread_read_and_typing_marks(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.write("First")
    chat.says("Echo: First")
    first = site.control("chat")["id"]
    chat.page.get_by_role("button", name="New chat").first.click()
    chat.write("Second")
    chat.says("Echo: Second")
    second = site.control("chat")["id"]
    site.control("say", chat_id=first, text="psst {n}", times=2)
    expect(chat.page.locator("chat-list .count")).to_have_text("2 unread")
    site.control("type", chat_id=second)
    expect(chat.page.locator("message-list .typing")).to_have_text("Ada is typing…")
    chat.chats.filter(has_text="psst").click()
    chat.says("psst 1")
    expect(chat.page.locator("chat-list .count")).to_have_count(0)
    chat.page.reload()
    expect(chat.chats).to_have_count(2)
    expect(chat.page.locator("chat-list .count")).to_have_count(0)
    site.control("read", chat_id=first)
    expect(chat.log.get_by_text("Seen")).to_be_visible()


def test_two_tabs_stay_in_step(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.write("From one")
    chat.says("Echo: From one")
    other = Chat(chat.page.context.new_page(), site).open()
    other.chats.first.click()
    other.says("Echo: From one")
    other.write("From the other")
    chat.says("Echo: From the other")
    other.says("Echo: From the other")
    assert chat.texts() == other.texts()
    assert other.complaints == []


def test_a_guest_who_logs_in_keeps_the_chat(visitor: Visitor, site: Site) -> None:
    chat = visitor().open()
    chat.write("As a guest")
    chat.says("Echo: As a guest")
    chat.page.wait_for_load_state("networkidle")  # what the guest has seen is marked as read a moment later
    chat.page.goto(f"{site.url}/log-in/")
    chat.open()
    chat.says("Echo: As a guest")


def test_one_conversation_without_a_list_finds_itself_again(visitor: Visitor, site: Site) -> None:
    chat = visitor().open(sidebar="no")
    chat.write("Hello")
    chat.says("Echo: Hello")
    chat_id = site.control("chat")["id"]
    again = Chat(chat.page.context.new_page(), site).open(sidebar="no")
    again.says("Echo: Hello")
    by_address = Chat(chat.page.context.new_page(), site).open(chat_id=chat_id)
    by_address.says("Echo: Hello")
    assert again.complaints == by_address.complaints == []
