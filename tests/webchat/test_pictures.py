"""Visitors' pictures are drawn anew: nothing of the camera's notes is kept, and nothing that is no picture gets by."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from tests.pipeline.conftest import PNG
from tests.webchat.test_media import picture
from unicom.models import Attachment, Message
from unicom.platforms.webchat import pictures

pytestmark = pytest.mark.django_db


def uploaded(
    visitor: Any, content: bytes, name: str = "a.jpg", declared: str = "image/jpeg"
) -> tuple[Any, Image.Image]:
    response = visitor.upload(content, name, declared)
    assert response.status_code == 200, response.content
    answer, downloaded = visitor.download(response.json()["message"]["media_url"])
    return answer, Image.open(io.BytesIO(downloaded))


def test_what_the_camera_noted_goes_and_the_picture_is_turned_upright(guest):
    """The place it was taken at, its owner; its orientation becomes the picture's own."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by a quarter
    exif[0x013B] = "Ann Lee"
    exif.get_ifd(0x8825)[2] = (52.0, 22.0, 1.0)
    _, shown = uploaded(guest, picture("JPEG", (30, 20), exif=exif, comment=b"secret"))
    assert shown.size == (20, 30)
    assert not shown.getexif() and "comment" not in shown.info


@pytest.mark.parametrize(
    ("format", "name", "served"),
    [("PNG", "a.png", "PNG"), ("WEBP", "a.webp", "WEBP"), ("GIF", "a.gif", "GIF"), ("AVIF", "a.avif", "AVIF"),
     ("BMP", "a.bmp", "PNG")],
)  # fmt: skip
def test_every_kind_is_written_as_itself_or_as_one_that_browsers_know(guest, format, name, served):
    """With a name that fits."""
    answer, shown = uploaded(guest, picture(format), name, "application/octet-stream")
    assert (shown.format, shown.size) == (served, (3, 2))
    assert Attachment.objects.get().name == f"a.{served.lower()}"
    assert answer["Content-Type"] == f"image/{served.lower()}"


def test_an_animation_stays_one(guest):
    """Its frames and their times."""
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "green", "blue")]
    written = io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:], duration=70, loop=0)
    _, shown = uploaded(guest, written.getvalue(), "a.gif", "image/gif")
    assert getattr(shown, "n_frames", 1) == 3 and shown.info["duration"] == 70


def test_what_hides_behind_a_picture_is_cut_off(guest):
    """A page or an archive at its end."""
    _, shown = uploaded(guest, picture("PNG") + b"<script>alert(1)</script>", "a.png", "image/png")
    with Message.objects.get().media.open("rb") as stored:
        assert shown.format == "PNG" and b"script" not in stored.read()


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that says it is a large one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (bomb(60_000, 60_000), "image/png"), (bomb(9_000, 9_000), "image/png"), (PNG[:40], "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + b"\x00" * 64, "image/jpeg"), (b"GIF89a" + b"\x00" * 20, "image/gif"),
    ],
    ids=["bomb", "too many pixels", "cut", "no JPEG", "no GIF"],
)  # fmt: skip
def test_a_picture_nobody_can_draw_is_refused(guest, stored_files, content, declared):
    """With a sentence, and nothing stored."""
    before = stored_files()
    response = guest.upload(content, "a.png", declared)
    assert response.status_code == 400 and "media: " in response.json()["error"]
    assert not Message.objects.exists() and stored_files() == before


def test_without_pillow_a_picture_is_kept_as_it_came(guest, monkeypatch):
    """It is optional; the view is as careful."""
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    response = guest.upload(PNG + b"tail", "a.png", "image/png")
    answer, downloaded = guest.download(response.json()["message"]["media_url"])
    assert downloaded == PNG + b"tail" and answer["X-Content-Type-Options"] == "nosniff"
