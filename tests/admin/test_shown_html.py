"""Look at the page of a mail: its images show, those from elsewhere when asked for, history folds, nothing is lost."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from playwright.sync_api import expect

from tests.admin.conftest import EVIL
from tests.admin.conftest import page as address_of
from tests.admin.test_composing_in_a_browser import browsing
from unicom.models import Attachment, Message, MessageInlineImage
from unicom.quoting import fold_quoted

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HISTORY = '<div class="gmail_quote"><div>On Monday Ann wrote:</div><blockquote>Earlier words</blockquote></div>'
Said = Callable[..., Message]


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Serve an image that tells its sender who looks; returns its address and who did."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(str(self.headers.get("Referer")))
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(PNG)))
            self.end_headers()
            self.wfile.write(PNG)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/pixel.png", asked
    server.shutdown()
    thread.join()
    server.server_close()


def shown(client: Client, message: Message, **query: str) -> Any:
    return client.get(f"/admin/unicom/message/html/{message.pk}/", query)


def test_failure23_the_frame_runs_nothing_and_loads_nothing_from_elsewhere_unasked(said: Said, staff: Any) -> None:
    message = said(html=f'<p onclick="x()">Words</p>{EVIL}<img src="https://e.example/t.gif"><img src="/unicom/i/a/">')
    reader = staff("view_message")
    answer = shown(reader, message)
    text = answer.content.decode()
    for harm in ("<script", "onerror", "onclick", ' src="https://e.example'):
        assert harm not in text
    assert 'data-remote-src="https://e.example/t.gif"' in text
    assert ' src="/unicom/i/a/"' in text
    policy = answer["Content-Security-Policy"]
    assert ("default-src 'none'" in policy, "img-src 'self' data:;" in policy, policy.endswith("sandbox")) == (
        True, True, True,
    )  # fmt: skip
    asked = shown(reader, message, remote_images="1")
    assert ' src="https://e.example/t.gif"' in asked.content.decode()
    assert "img-src 'self' data: http: https:;" in asked["Content-Security-Policy"]
    assert asked["Referrer-Policy"] == "no-referrer"


def test_who_may_not_read_messages_sees_no_frame(said: Said, staff: Any) -> None:
    message = said(html="<p>Secret</p>")
    assert shown(staff("view_chat"), message).status_code == 403
    assert shown(Client(), message).status_code == 302
    assert shown(staff("view_message"), Message(pk="nothing")).status_code == 404


def test_the_page_asks_only_where_there_is_something_to_ask_for(said: Said, staff: Any) -> None:
    reader = staff("view_message")
    with_images = said(html='<p>Words</p><img data-remote-src="https://e.example/t.gif">')
    assert "Show remote images" in reader.get(address_of("message", with_images.pk)).content.decode()
    without = said(html='<p>Words</p><img src="/unicom/i/a/">')
    assert "Show remote images" not in reader.get(address_of("message", without.pk)).content.decode()


def test_quoted_history_folds_and_is_all_there(said: Said, staff: Any) -> None:
    reader = staff("view_message")
    message = said("Mine.\n\nOn Monday Ann wrote:\n> Earlier words", html=f"<p>Mine.</p>{HISTORY}")
    page = reader.get(address_of("message", message.pk)).content.decode()
    assert "<summary>Quoted history</summary>" in page
    assert "&gt; Earlier words" in page
    frame = shown(reader, message).content.decode()
    assert f"<p>Mine.</p><details><summary>Quoted history</summary>{HISTORY}</details>" in frame


@pytest.mark.parametrize(
    ("html", "folded"),
    [
        (f"<p>Mine</p>{HISTORY}", HISTORY), (f"<div><p>Mine</p>{HISTORY}<br></div>", HISTORY),
        ("<p>A</p><blockquote>x<blockquote>y</blockquote></blockquote>",
         "<blockquote>x<blockquote>y</blockquote></blockquote>"),
        ("<blockquote>x</blockquote><p>Mine, beneath</p>", ""), (HISTORY, ""), ("<p>None</p>", ""), ("", ""),
        ("<blockquote>x</blockquote><p>A</p><blockquote>y</blockquote>", "<blockquote>y</blockquote>"),
        ('<p>A</p><blockquote>x</blockquote><img src="/unicom/i/a/">', ""), ("<p>A</p><blockquote>open", ""),
    ],
)  # fmt: skip
def test_only_what_nothing_follows_is_folded_and_nothing_is_removed(html: str, folded: str) -> None:
    found = fold_quoted(html, "History")
    opening, closing = "<details><summary>History</summary>", "</details>"
    assert found.replace(opening, "").replace(closing, "") == html
    assert (f"{opening}{folded}{closing}" in found) == bool(folded)


def test_the_original_of_an_unreadable_mail_is_downloaded_as_it_came(said: Said, staff: Any) -> None:
    raw = b"From: \xff\x00\r\n\r\n--broken\x01"
    message = said("This message could not be read.")
    item = Attachment.objects.create(
        message=message, kind="file", name="message.eml", content_type="message/rfc822", size=len(raw),
        file=ContentFile(raw, "message.eml"),
    )  # fmt: skip
    reader = staff("view_message")
    page = reader.get(address_of("message", message.pk)).content.decode()
    link = re.findall(r'href="([^"]*attachment/[^"]*)"', page)
    assert link == [f"/admin/unicom/message/attachment/{item.pk}/"]
    answer = reader.get(link[0])
    assert b"".join(answer.streaming_content) == raw
    assert 'attachment; filename="message.eml"' in answer["Content-Disposition"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")])
def test_em20_in_a_browser_own_images_show_and_remote_ones_when_asked_for(
    live_server: Any, said: Said, elsewhere: tuple[str, list[str]], width: int, scheme: str
) -> None:
    address, asked = elsewhere
    message = said("Look at this.\n\nOn Monday Ann wrote:\n> Earlier words")
    image = MessageInlineImage.objects.create(
        message=message, content_type="image/png", content_id="logo", file=ContentFile(PNG, "logo.png")
    )
    wide = '<table width="900"><tr><td>A newsletter is wide</td></tr></table>'
    Message.objects.filter(pk=message.pk).update(
        html=f'<p>Look: <img id="x" alt="own" width="40" height="40" src="/unicom/i/{image.pk}/"></p>{wide}'
        f'<p><img alt="theirs" width="40" height="40" data-remote-src="{address}"></p>{HISTORY}'
    )
    with browsing(live_server, width=width, scheme=scheme) as page:
        page.goto(live_server.url + address_of("message", message.pk))
        frame = page.frame_locator("iframe[name=unicom-html]")
        loaded = "image => image.complete && image.naturalWidth > 0"
        own, theirs = frame.get_by_alt_text("own"), frame.get_by_alt_text("theirs")
        page.locator("iframe[name=unicom-html]").scroll_into_view_if_needed()
        expect(own).to_be_visible(timeout=15_000)
        assert own.evaluate(f"async image => {{ await image.decode(); return ({loaded})(image) }}")
        expect(frame.get_by_text("Earlier words")).to_be_hidden()
        frame.get_by_text("Quoted history").click()
        expect(frame.get_by_text("Earlier words")).to_be_visible()
        assert asked == []
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.get_by_role("link", name="Show remote images").click()
        expect(theirs).to_have_attribute("src", address, timeout=15_000)
        assert theirs.evaluate(f"async image => {{ await image.decode(); return ({loaded})(image) }}")
        assert asked == ["None"]
