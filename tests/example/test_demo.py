"""The demo, from its command to the answer in a browser."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.example.running import chromium, open_page, running_demo, write

pytestmark = [pytest.mark.once, pytest.mark.timeout(240)]


def _picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(content, "PNG")
    return content.getvalue()


def test_a_visitor_talks_with_the_bot_and_a_restart_keeps_everything(tmp_path: Path) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        with running_demo(tmp_path) as demo:
            port, log_in = demo.port, demo.told("Log-in")
            with open_page(context, demo.told("Chat")) as (page, complaints):
                log = page.get_by_role("log")
                write(page, "What can you do?")
                expect(log.get_by_text("Here is what I can do")).to_be_visible()
                write(page, "Show me buttons")
                log.get_by_role("button", name="Tell me a joke").click()
                expect(log.get_by_text("delivered on the other side")).to_be_visible()
                log.get_by_role("button", name="Count my clicks").click()
                expect(log.get_by_text("You have clicked 0 times.")).to_be_visible()
                log.get_by_role("button", name="Click me").click()
                expect(log.get_by_text("You have clicked 1 time.")).to_be_visible()
                expect(log.get_by_text("You have clicked 0 times.")).to_have_count(0)  # edited, not sent anew
                log.get_by_role("button", name="That will do").click()
                expect(log.get_by_text("You stopped at 1.")).to_be_visible()
                expect(log.get_by_role("button", name="Click me")).to_have_count(0)
                page.set_input_files(
                    "input[type=file]", {"name": "teal.png", "mimeType": "image/png", "buffer": _picture()}
                )
                page.get_by_role("button", name="Send").click()
                expect(log.get_by_text("64 × 48 pixels")).to_be_visible()
                assert complaints == []
        assert demo.lines[-1] == "Stopped. Everything is kept; the same command goes on from here."
        assert not [line for line in demo.lines if line.startswith(("WARNING", "ERROR", "Traceback"))], demo.lines

        with running_demo(tmp_path, port=port) as again:
            assert again.told("Log-in") == log_in
            assert not any("Sample data" in line for line in again.lines)
            with open_page(context, again.told("Chat")) as (page, complaints):
                log = page.get_by_role("log")
                # In the list of chats: an empty chat offers the same words to send.
                page.get_by_role("navigation", name="Recent").get_by_role(
                    "button", name="What can you do?"
                ).first.click()
                expect(log.get_by_text("Here is what I can do")).to_be_visible()
                expect(log.get_by_text("64 × 48 pixels")).to_be_visible()
                write(page, "echo still here")
                expect(log.get_by_text("still here", exact=True)).to_be_visible()
                assert complaints == []


def test_the_printed_log_in_opens_an_admin_that_is_not_empty(tmp_path: Path) -> None:
    with chromium() as browser, running_demo(tmp_path) as demo:
        name, password = demo.told("Log-in").split(" / ")
        context = browser.new_context()
        with open_page(context, demo.told("Admin")) as (page, complaints):
            page.fill("#id_username", name)
            page.fill("#id_password", password)
            page.press("#id_password", "Enter")
            expect(page.get_by_role("link", name="Channels", exact=True)).to_be_visible()
            for section, example in (
                ("channel", "Website"),
                ("chat", "Where is my order 1042?"),
                ("account", "Maya Lindqvist"),
                ("member", "Amara Okafor"),
                ("messagetemplate", "Your order is on its way"),
                ("draftmessage", "did your order arrive"),
            ):
                page.goto(f"{demo.told('Admin')}unicom/{section}/")
                expect(page.locator("#result_list").get_by_text(example).first).to_be_visible()
            assert complaints == []


def test_a_taken_port_leads_to_the_next_and_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with running_demo(first) as one, running_demo(second, port=one.port) as two:
        assert two.port != one.port
        assert any(f"Port {one.port} is taken" in line for line in two.lines)
    for name in ("secret-key", "admin-password"):
        assert (first / name).stat().st_mode & 0o077 == 0
        assert (first / name).read_text() != (second / name).read_text()
    with closing(sqlite3.connect(first / "demo.sqlite3")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_without_a_token_the_same_bot_answers_on_a_fake_telegram_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    with chromium() as browser:
        context = browser.new_context()
        for _ in range(2):
            with running_demo(tmp_path) as demo, open_page(context, demo.told("Telegram").split()[0]) as (page, _):
                for text, answer in (("/start", "I am the demo bot"), ("buttons", "Here you are")):
                    page.fill("#text", text)
                    page.get_by_role("button", name="Send").click()
                    expect(page.get_by_text(answer)).to_be_visible()
                page.get_by_role("button", name="Count my clicks").click()
                expect(page.get_by_text("You have clicked 0 times.")).to_be_visible()
                page.get_by_role("button", name="Click me").click()
                expect(page.get_by_text("You have clicked 1 time.")).to_be_visible()
            assert not [line for line in demo.lines if line.startswith(("WARNING", "ERROR", "Traceback"))], demo.lines
    with closing(sqlite3.connect(tmp_path / "demo.sqlite3")) as database:
        states = database.execute("SELECT DISTINCT state FROM unicom_delivery").fetchall()
        channels = database.execute("SELECT count(*) FROM unicom_channel WHERE platform = 'Telegram'").fetchone()
    assert states == [("sent",)]
    assert channels == (1,)


def test_a_token_telegram_does_not_know_is_said_and_the_rest_runs(tmp_path: Path) -> None:
    with running_demo(tmp_path, TELEGRAM_TOKEN="not a token") as demo:
        assert any(line.startswith("Telegram does not work: API_TOKEN") for line in demo.lines)
        assert demo.told("Chat")
