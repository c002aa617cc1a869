"""Compose in a real browser: a template is chosen, the preview follows what is typed, nothing is out of place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect, sync_playwright

from tests.admin.conftest import page as address_of
from unicom.models import Channel, Chat, DraftMessage, MessageTemplate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browsing(live_server: Any, *, width: int = 1280, scheme: Any = "light") -> Iterator[Page]:
    """Open a browser as somebody who may do everything; a script that fails, fails the test."""
    client = Client()
    client.force_login(User.objects.create_superuser("ann", "ann@example.org", "x"))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    executable = next(path for name in BROWSERS if (path := shutil.which(name)))
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page
        browser.close()
    assert wrong == []


def test_a_draft_is_composed_from_a_template(live_server: Any, toy: Channel, chat: Chat) -> None:
    MessageTemplate.objects.create(title="Welcome", content="<p>Welcome {{ variables.name }} to {{ channel.name }}</p>")
    with browsing(live_server) as page:
        page.goto(live_server.url + address_of("draftmessage", view="add"))
        page.select_option("#id_channel", label="Shop (Toy)")
        page.fill("#id_chat_id", chat.pk)
        expect(page.locator("#unicom-templates option")).to_have_count(2)
        page.select_option("#unicom-templates", label="Welcome")
        preview = page.frame_locator("iframe[name=unicom-preview]")
        page.click("text=Show preview")
        expect(preview.locator("body")).to_contain_text("Welcome [variables.name?] to Shop", timeout=15_000)
        expect(preview.locator(".note")).to_have_text("Not defined: variables.name")
        page.fill("#id_text", "and {{ 1 + 1 }}")
        expect(preview.locator(".text")).to_have_text("and 2", timeout=15_000)
        page.click("input[name=_save]")
        expect(page.locator(".success")).to_be_visible(timeout=15_000)
    draft = DraftMessage.objects.get()
    assert draft.html == "<p>Welcome {{ variables.name }} to {{ channel.name }}</p>"
    assert (draft.text, draft.status) == ("and {{ 1 + 1 }}", "draft")


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "dark")])
def test_nothing_sticks_out(live_server: Any, toy: Channel, width: int, scheme: str) -> None:
    draft = DraftMessage.objects.create(channel=toy, chat_id="x" * 200, text="y" * 400, html=f"<p>{'z' * 400}</p>")
    template = MessageTemplate.objects.create(title="t" * 200, content=f"<p>{{{{ {'v' * 200} }}}}</p>")
    with browsing(live_server, width=width, scheme=scheme) as page:
        for row in (draft, template):
            for address in (address_of(str(row._meta.model_name)), address_of(str(row._meta.model_name), row.pk)):
                page.goto(live_server.url + address)
                page.wait_for_load_state("networkidle")
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address
            # The editor hides the text area it stands for.
            area = page.locator(".tox-edit-area:visible, textarea[data-unicom-editor]:visible").first.bounding_box()
            assert area is not None
            assert area["height"] > 100
