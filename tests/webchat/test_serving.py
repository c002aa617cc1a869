"""A file is sent whole, in parts, from a server that waits for nothing, or by the web server in front."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import AsyncClient

from unicom.models import Message

pytestmark = pytest.mark.django_db

CONTENT = b"%PDF-" + bytes(range(256)) * 800


@pytest.fixture
def url(guest) -> str:
    """Return the address of a file of the guest's."""
    found: str = guest.upload(CONTENT, "a.pdf", "application/pdf").json()["message"]["media_url"]
    return found


def part(guest, url, range_: str, **headers):
    answer = guest.client.get(url, headers={"range": range_, **headers})
    return answer, b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-9", 0, 9), ("bytes=5-", 5, len(CONTENT) - 1), ("bytes=-7", len(CONTENT) - 7, len(CONTENT) - 1),
        ("bytes=70000-140000", 70000, 140000), ("bytes=0-99999999", None, None), ("bytes=-99999999", None, None),
        ("bytes=1-1", 1, 1),
    ],
)  # fmt: skip
def test_a_part_is_sent_as_asked(guest, url, asked, first, last):
    """What a player needs to jump in a film."""
    answer, sent = part(guest, url, asked)
    if first is None:
        assert (answer.status_code, sent) == (200, CONTENT)
        return
    assert (answer.status_code, sent) == (206, CONTENT[first : last + 1])
    assert answer["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer["Content-Length"] == str(last - first + 1)
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("asked", [f"bytes={len(CONTENT)}-", "bytes=9-5", "bytes=-0"])
def test_a_part_that_is_not_there_is_416(guest, url, asked):
    """With the size."""
    answer, _ = part(guest, url, asked)
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "items=0-5", "bytes=", "bytes=-", "bytes=a-b", "x" * 5000, "bytes=" + "9" * 50 + "-"]
)
def test_what_is_no_single_range_gets_the_whole(guest, url, asked):
    """As the standard allows."""
    answer, sent = part(guest, url, asked)
    assert (answer.status_code, sent) == (200, CONTENT)


def test_the_rest_of_another_file_is_not_sent(guest, url):
    """``If-Range``, by ETag or by date."""
    whole, _ = guest.download(url)
    for condition, status in ((whole["ETag"], 206), ('"other"', 200), (whole["Last-Modified"], 206),
                              ("Mon, 01 Jan 2001 00:00:00 GMT", 200)):  # fmt: skip
        assert part(guest, url, "bytes=0-1", **{"if-range": condition})[0].status_code == status


def test_head_has_the_headers_and_nothing_else(guest, url):
    """For who asks how large it is."""
    answer = guest.client.head(url)
    assert (answer.status_code, answer["Content-Length"], answer.content) == (200, str(len(CONTENT)), b"")
    assert answer["Accept-Ranges"] == "bytes"


@pytest.mark.django_db(transaction=True)
async def test_under_asgi_a_file_is_sent_in_pieces(guest, settings):
    """Nothing is gathered in memory; Django would warn of that."""
    from asgiref.sync import sync_to_async

    answer = await sync_to_async(guest.upload)(CONTENT, "a.pdf", "application/pdf")
    client = AsyncClient()
    client.cookies = guest.client.cookies
    response: Any = await client.get(answer.json()["message"]["media_url"])
    pieces = [piece async for piece in response.streaming_content]
    assert b"".join(pieces) == CONTENT and len(pieces) > 1


@pytest.mark.parametrize(
    ("setting", "header"),
    [("/files/", "X-Accel-Redirect"), ("/files", "X-Accel-Redirect"), ("X-Sendfile", "X-Sendfile")],
)
def test_the_web_server_in_front_may_send_it(guest, stranger, url, settings, setting, header):
    """Once the view has let it go, with the same headers; nobody else is told where it is."""
    settings.UNICOM_MEDIA_SENDFILE = setting
    message = Message.objects.exclude(media="").get()
    answer = guest.client.get(url)
    expected = message.media.path if header == "X-Sendfile" else f"/files/{message.media.name}"
    assert (answer.status_code, answer[header], answer.content) == (200, expected, b"")
    assert answer["Content-Type"] == "application/octet-stream" and "attachment" in answer["Content-Disposition"]
    refused = stranger.client.get(url)
    assert refused.status_code == 404 and header not in refused


def test_a_file_that_is_gone_is_404(guest, url):
    """Whoever took it from the disk."""
    media = Message.objects.exclude(media="").get().media
    media.storage.delete(str(media.name))
    assert guest.client.get(url).status_code == 404
