"""Files of a chat are its own: checked by content, private, and never run on the site."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from tests.pipeline.conftest import PNG
from unicom.models import Attachment, Message

pytestmark = pytest.mark.django_db


def picture(format: str, size: tuple[int, int] = (3, 2), **options: Any) -> bytes:
    """Return a picture whose left upper pixel is red."""
    image = Image.new("RGB", size, "blue")
    image.putpixel((0, 0), (255, 0, 0))
    written = io.BytesIO()
    image.save(written, format, **options)
    return written.getvalue()


HTML = b"<!doctype html><script>alert(document.cookie)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
JPEG = picture("JPEG")
PDF = b"%PDF-1.4\n1 0 obj <<>> endobj"
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x21" + b"\x00" * 64
WEBM = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d") + b"\x00" * 32


@pytest.mark.parametrize(
    ("content", "name", "declared", "kind", "served"),
    [
        (PNG, "a.png", "image/png", "image", "image/png"),
        (JPEG, "a.jpg", "image/jpeg", "image", "image/jpeg"),
        (PNG, "a.html", "text/html", "image", "image/png"),
        (PDF, "a.pdf", "application/pdf", "file", "application/octet-stream"),
        (MP3, "a.mp3", "audio/mpeg", "audio", "audio/mpeg"),
        (WEBM, "voice.webm", "audio/webm", "audio", "audio/webm"),
        (WEBM, "film.webm", "video/webm", "video", "video/webm"),
        (b"just words", "a.txt", "text/plain", "file", "application/octet-stream"),
        (b"a,b\n1,2", "a.csv", "text/csv", "file", "application/octet-stream"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_file_is_taken_and_served_by_what_it_is(visitor, content, name, declared, kind, served):
    """Pictures and sounds inline, anything else as a download, always with nosniff."""
    response = visitor.upload(content, name, declared)
    assert response.status_code == 200, response.content
    shown = response.json()["message"]
    assert shown["media_type"] == kind
    assert shown["media_url"] == f"/unicom/webchat/media/{shown['id']}/"
    answer, downloaded = visitor.download(shown["media_url"])
    assert answer.status_code == 200
    if kind == "image":
        with Image.open(io.BytesIO(downloaded)) as shown_image, Image.open(io.BytesIO(content)) as sent:
            assert (shown_image.size, f"image/{(shown_image.format or '').lower()}") == (sent.size, served)
    else:
        assert downloaded == content
    assert answer["Content-Type"] == served
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "private" in answer["Cache-Control"]
    inline = served != "application/octet-stream"
    assert answer["Content-Disposition"].startswith("inline" if inline else "attachment")


@pytest.mark.parametrize(
    ("content", "name", "declared"),
    [
        (HTML, "a.html", "text/html"), (HTML, "a.htm", "image/png"), (HTML, "a.png", "image/png"),
        (SVG, "a.svg", "image/svg+xml"), (SVG, "a.png", "image/png"), (SVG, "a", ""),
        (b"\n \t" + HTML, "page.xhtml", "application/xhtml+xml"), (b"alert(1)", "a.js", "text/javascript"),
        (b"MZ\x90\x00" + b"\x00" * 64, "a.exe", "application/octet-stream"), (b"#!/bin/sh\nrm", "a.sh", ""),
        (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "a.xml", "text/xml"),
    ],
    ids=lambda value: repr(value)[:24],
)  # fmt: skip
def test_known_failure_23_what_a_browser_might_run_is_refused(visitor, stored_files, content, name, declared):
    """Known failure 23: uploads of .html/.svg ran on the site."""
    before = stored_files()
    response = visitor.upload(content, name, declared)
    assert response.status_code == 400 and "media" in response.json()["error"]
    assert not Message.objects.exists() and stored_files() == before


@pytest.mark.parametrize(("content", "name", "declared"), [(HTML, "a.txt", "text/plain"), (SVG, "a.csv", "text/csv")])
def test_known_failure_23_markup_that_calls_itself_text_is_a_download_at_most(visitor, content, name, declared):
    """Known failure 23: whatever it is called, it is never drawn."""
    response = visitor.upload(content, name, declared)
    if response.status_code == 200:
        answer, _ = visitor.download(response.json()["message"]["media_url"])
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"
    else:
        assert response.status_code == 400


def test_a_file_our_side_sends_is_served_as_carefully(guest, chat, tmp_path, drain):
    """Also an .html or .svg we sent ourselves."""
    for name, content in (("page.html", HTML), ("image.svg", SVG)):
        path = tmp_path / name
        path.write_bytes(content)
        message = chat.send_message({"text": "x", "file_path": str(path)})
        assert message.media_type == "file"
        assert not message.media.name.endswith((".html", ".svg")), "nor does a served MEDIA_ROOT run it"
        drain()
        answer, downloaded = guest.download(f"/unicom/webchat/media/{message.pk}/")
        assert downloaded == content
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"].startswith("attachment") and name in answer["Content-Disposition"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.png", "a\r\nSet-Cookie: x=1.png", 'a";.png', "ü 日本.png", ".png", "x" * 250 + ".png",
        "a\u202egnp.png",
    ],
)  # fmt: skip
def test_a_file_s_name_breaks_neither_the_disk_nor_a_header(guest, name):
    """It is stored under an unguessable path and shown harmless."""
    response = guest.upload(PNG, name, "image/png")
    assert response.status_code == 200, response.content
    message = Message.objects.get()
    assert ".." not in message.media.name and message.media.name.startswith("unicom/")
    answer, _ = guest.download(f"/unicom/webchat/media/{message.pk}/")
    assert "\r" not in answer["Content-Disposition"] and "Set-Cookie" not in answer.headers


def test_a_message_with_a_file_and_text_has_both(guest):
    """The title comes from the text, else from the file's name."""
    answer = guest.upload(PNG, "chart.png", "image/png", text="Look at this").json()
    assert answer["message"]["text"] == "Look at this"
    attachment = Attachment.objects.get()
    stored = Message.objects.get().media.size
    assert (attachment.name, attachment.content_type, attachment.size) == ("chart.png", "image/png", stored)
    assert attachment.state == "stored" and len(attachment.sha256) == 64
    guest.upload(PNG, "chart.png", "image/png")
    assert guest.chats()["chats"][0]["name"] == "chart.png"


def test_an_empty_or_too_large_file_is_refused(guest, settings, stored_files):
    """With the limit."""
    before = stored_files()
    assert "empty" in guest.upload(b"", "a.png", "image/png").json()["error"]
    settings.UNICOM_MAX_UPLOAD_BYTES = len(PNG) - 1
    response = guest.upload(PNG, "a.png", "image/png")
    assert response.status_code == 400 and f"{len(PNG) - 1}" in response.json()["error"]
    assert stored_files() == before
    settings.UNICOM_MAX_UPLOAD_BYTES = len(PNG)
    assert guest.upload(PNG, "a.png", "image/png").status_code == 200


def test_a_file_that_was_stored_goes_where_the_transaction_fails(guest, stored_files, monkeypatch):
    """No orphan in the storage."""
    before = stored_files()

    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("unicom.jobs.insert_if_absent", fail)
    assert guest.upload(PNG, "a.png", "image/png").status_code == 500
    assert stored_files() == before and not Message.objects.exists()


def test_a_message_without_a_file_or_one_that_is_gone_is_404(guest, chat):
    """Never a 500."""
    assert guest.get(f"media/{Message.objects.get().pk}/").status_code == 404
    assert guest.get("media/nothing/").status_code == 404
    assert guest.get("media/%00/").status_code == 404
    answer = guest.upload(PNG, "a.png", "image/png").json()
    message = Message.objects.get(pk=answer["message"]["id"])
    message.media.storage.delete(str(message.media.name))
    assert guest.get(f"media/{message.pk}/").status_code == 404
    Message.objects.filter(pk=message.pk).update(media="../../etc/passwd")
    assert guest.get(f"media/{message.pk}/").status_code == 404


def test_a_form_that_cannot_be_read_is_an_error_of_the_visitor(guest):
    """A truncated multipart body."""
    response = guest.client.post(
        "/unicom/webchat/send/", b"--x\r\nContent-Disp", content_type="multipart/form-data; boundary=x"
    )
    assert response.status_code == 400 and response.json().keys() == {"error"}


def test_a_body_over_django_s_limit_is_413(guest, settings):
    """In our shape."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = guest.send("x" * 1000)
    assert response.status_code == 413 and response.json().keys() == {"error"}
