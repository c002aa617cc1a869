"""Take apart what strangers send: all of it is kept, none of it runs, and none of it stands in the way of the next."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from tests.platforms.email.conftest import content, plain_mail
from unicom.models import Message, MessageInlineImage, Request
from unicom.platforms.email import decoding, guards, parsing, sanitising

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def take(channel: Any, raw: bytes) -> Message:
    message = channel.receive_message({"raw_base64": base64.b64encode(raw).decode()})
    assert isinstance(message, Message)
    return message


def mime(*parts: str, kind: str = "mixed", number: int = 1) -> bytes:
    head = plain_mail(message_id=f"<{number}@example.org>").partition("Content-Type")[0]
    body = "".join(f"--b\n{part}\n" for part in parts)
    return f"{head}MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary=b\n\n{body}--b--\n".encode()


def test_every_kind_of_attachment_is_kept(sending: Any) -> None:
    inner = plain_mail(subject="Inner", message_id="<inner@x>")
    raw = mime(
        "Content-Type: text/plain\n\nSee these.",
        "Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment\n\n%PDF-1.4",
        "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR",
        f"Content-Type: message/rfc822\n\n{inner}",
        "Content-Type: application/octet-stream\nContent-Disposition: attachment;"
        " filename*=utf-8''%E2%82%AC%20rates.bin\n\nx",
        "Content-Type: text/plain; name=notes.txt\n\nAttached words",
    )
    message = take(sending, raw)
    files = {item.name: content(item) for item in message.attachments.all()}
    assert set(files) == {"a.pdf", "invite.ics", "Inner.eml", "€ rates.bin", "notes.txt"}
    assert b"Do you have teapots?" in files["Inner.eml"]
    assert message.text == "See these."


def test_known_failure_14_and_24_inline_images_have_ids_nobody_guesses_and_come_back_as_data(
    sending: Any, client: Any
) -> None:
    raw = mime(
        'Content-Type: text/html\n\n<p><img src="cid:logo@x"> <img src="https://example.net/t.gif"></p>',
        "Content-Type: image/png; name=logo.png\nContent-ID: <logo@x>\nContent-Disposition: inline\n"
        f"Content-Transfer-Encoding: base64\n\n{base64.b64encode(PNG).decode()}",
        kind="related",
    )
    message = take(sending, raw)
    image = MessageInlineImage.objects.get()
    assert len(image.pk) == 32
    assert f'src="/unicom/i/{image.pk}/"' in message.html
    assert "https://example.net/t.gif" not in message.html.replace('data-remote-src="https://example.net/t.gif"', "")
    assert 'src="https://example.net/t.gif"' in sanitising.with_remote_images(message.html).replace("data-remote-", "")
    assert f"data:image/png;base64,{base64.b64encode(PNG).decode()}" in message.html_with_base64_images
    answer = client.get(f"/unicom/i/{image.pk}/")
    assert b"".join(answer.streaming_content) == PNG
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert client.get("/unicom/i/00000000000000000000000000000000/").status_code == 404
    assert not message.attachments.exists()


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<a href=\"javascript:alert(1)\">x</a>",
        "<svg onload=alert(1)>", "<iframe src=https://example.net></iframe>", "<p style=\"background:url(https://e.net)\">",
        "<form action=https://example.net><input name=p></form>", "<meta http-equiv=refresh content=0>",
        "<link rel=stylesheet href=https://example.net/x.css>", "<base href=https://example.net>",
        "<img src=\"data:image/svg+xml;base64,PHN2Zz4=\">", "<object data=x></object>",
        "<a href=\" java\nscript:alert(1)\">x</a>",
        "<style>@import url(https://example.net)</style>", "<video src=https://e.net/x autoplay></video>",
    ],
)  # fmt: skip
def test_em20_known_failure_23_html_that_does_something_does_nothing(sending: Any, html: str) -> None:
    raw = mime(f"Content-Type: text/html\n\n<div>Before {html} after</div>", kind="alternative")
    shown = take(sending, raw).html.lower()
    for harm in ("script", "onerror", "onload", "iframe", "url(", "<form", "<input", "<meta", "<link", "<base", "svg",
                 "<object", "@import", "<video", "https://e"):  # fmt: skip
        assert harm not in shown, shown
    assert "before" in shown


@pytest.mark.parametrize("charset", ["x-unknown", "utf-8", "iso-8859-1", "rot13", "zip", "idna", "gb2312", "", '""'])
def test_known_failure_17_an_odd_charset_costs_nothing(sending: Any, charset: str) -> None:
    raw = plain_mail(message_id=f"<{charset or 'none'}@x>".replace('"', "q"), text="@@").replace("utf-8", charset)
    message = take(sending, raw.encode().replace(b"@@", b"gr\xfcn \x00 \xff"))
    assert message.text.startswith("gr")
    assert "\x00" not in message.text


def test_known_failure_17_long_subjects_names_and_broken_images_are_kept_whole(sending: Any) -> None:
    subject, name = "s" * 600, "n" * 300
    raw = plain_mail(subject=subject, sender=f"{name} <ann@example.org>").encode()
    message = take(sending, raw)
    assert (message.subject, message.sender_name) == (subject, name)
    broken = mime('Content-Type: text/html\n\n<p>Hi <img src="data:image/png;base64,%%%"></p>', number=2)
    assert "Hi" in take(sending, broken).html


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"), ("=?utf-8?Q?Gr=C3=BC=C3?= =?utf-8?Q?=9Fe?=", "Grüße"),
        ("=?x-none?Q?a=FCb?=", "aüb"), ("=?utf-8?B?%%%?=", "%%%"), ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        ("plain", "plain"), ("=?utf-8?X?a?=", "=?utf-8?X?a?="), ("=?broken", "=?broken"),
    ],
)  # fmt: skip
def test_em15_headers_are_decoded_as_well_as_can_be(raw: str, text: str) -> None:
    assert decoding.header_text(raw) == text


def test_known_failure_19_a_quoted_reply_keeps_all_of_its_words(sending: Any) -> None:
    words = "My answer.\n\nOn Monday you wrote:\n> Do you?\n\nAnd below the quote I go on."
    assert take(sending, plain_mail(text=words).encode()).text == words


def test_too_much_is_kept_as_it_came(sending: Any) -> None:
    deep = b"From: Ann <ann@example.org>\nSubject: Deep\n"
    for number in range(200):
        deep += f"Content-Type: multipart/mixed; boundary=b{number}\n\n--b{number}\n".encode()
    message = take(sending, deep)
    assert "could not be read" in message.text
    assert content(message.attachments.get()) == deep
    assert message.sender.external_id == "ann@example.org"
    assert not Request.objects.exists()


@pytest.mark.parametrize("piece", ["<div>", "<b", "<", "<p>x", "<style>", '<a href="', "<!--", "&#x"])
def test_hostile_html_costs_no_more_than_its_length(piece: str) -> None:
    def cost(count: int) -> float:
        raw = mime(f"Content-Type: text/html\n\n{piece * count}", kind="alternative")
        began = time.process_time()
        sanitising.sanitised(parsing.read(raw).html)
        return time.process_time() - began

    half, whole = cost(15_000), cost(30_000)
    # Twice as much must not take four times as long; what takes next to no time is not measured.
    assert whole < 0.5 or whole < 3 * half


def test_html_that_would_cost_the_square_of_its_depth_is_not_sanitised_but_kept(sending: Any) -> None:
    deep, broad = "<div>" * (sanitising.MOST_DEPTH + 1), "<p>x" * (sanitising.MOST_TAGS + 1)
    for number, html in enumerate((deep, broad, "x" * (sanitising.MOST_CHARACTERS + 1))):
        assert sanitising.sanitised(html) is None
        message = take(sending, mime(f"Content-Type: text/html\n\n{html}", kind="alternative", number=number))
        assert (message.html, content(message.attachments.get())) == ("", html.encode())


def test_a_mail_that_is_too_large_says_so() -> None:
    with pytest.raises(guards.Unreadable, match="bytes"):
        guards.check(b"From: a@b\n\n" + b"x" * (guards.MOST_BYTES + 1))
    with pytest.raises(guards.Unreadable, match="headers"):
        guards.check(b"X: " + b"y" * (guards.MOST_HEADERS + 1))
