"""Store two hundred nasty mails whole: each byte of each file, each word, and where in doubt the mail as it came."""

from __future__ import annotations

import base64
import email
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.platforms.email.conftest import content
from unicom.models import ChannelState, Message, Update
from unicom.platforms.email import cursors, intake, reading
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.cursors import Cursor
from unicom.testing import drain

COUNT = 200
# What a text part says of its charset, and what it is in.
CHARSETS = [
    ("utf-8", "utf-8"), ("koi8-r", "koi8-r"), ("iso-2022-jp", "iso-2022-jp"), ("UTF-16", "utf-16"), ("gb2312", "gbk"),
    ("x-bad", "utf-8"), ("zip", "utf-8"), ("utf-8", "cp1252"), ("us-ascii", "latin-1"), ("unicode_escape", "utf-8"),
]  # fmt: skip
LETTERS = {"koi8-r": "Привет", "iso-2022-jp": "こんにちは", "gbk": "你好", "utf-16": "Grüße 🫖", "utf-8": "Grüße 🫖"}
NAMES = [b"a.txt", b"../../x", b"a\x00b", b"\xff", b"con", b"x" * 400, b'"q\\".bin"', b"=?utf-8?Q?=00?=", b""]


@dataclass(kw_only=True)
class Specimen:
    """Be a mail, and what is known to be in it; of garbage nothing is."""

    raw: bytes
    words: list[str] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    is_known: bool = True


def bytes_of(dice: random.Random, most: int, *, plain: bool = False) -> bytes:
    return bytes(dice.choice(range(128, 256)) if plain else dice.randrange(256) for _ in range(dice.randrange(most)))


def encoded(dice: random.Random, data: bytes, *, is_text: bool = False) -> tuple[bytes, bytes]:
    """Return a transfer encoding and data in it."""
    kinds = ["base64", "quoted-printable"] + (["8bit", ""] if b"\0" not in data or not is_text else [])
    kind = dice.choice(kinds if is_text or not set(data) & {10, 13} else kinds[:2])
    if kind == "base64":
        lines, width = base64.b64encode(data), dice.choice([20, 76, 998])
        return b"base64", b"\r\n".join(lines[at : at + width] for at in range(0, len(lines), width))
    if kind == "quoted-printable":
        return b"Quoted-Printable", b"=\r\n".join(
            b"".join(b"=%02X" % byte for byte in data[at : at + 20]) for at in range(0, len(data), 20)
        )
    return kind.encode(), data


def leaf(dice: random.Random, known: Specimen) -> bytes:
    """Return a part, and note what is in it."""
    if dice.random() < 0.4:
        word = f"word{dice.randrange(10**9)}"
        known.words.append(word)
        declared, actual = dice.choice(CHARSETS)
        text = f"{word} {LETTERS.get(actual, 'Grüße')} {word}".encode(actual)
        kind, body = encoded(dice, text, is_text=True)
        subtype = dice.choice([b"plain", b"html"])
        head = b"Content-Type: text/%s; charset=%s" % (subtype, declared.encode())
    elif dice.random() < 0.3:
        inner = Specimen(raw=b"")
        body = mail(dice, leaf(dice, inner))
        known.files.append(body)
        head, kind = b"Content-Type: message/rfc822", b""
    else:
        data = bytes_of(dice, 2000, plain=dice.random() < 0.5)
        known.files.append(data)
        kind, body = encoded(dice, data)
        head = b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=" + dice.choice(
            NAMES
        )
    return head + (b"\r\nContent-Transfer-Encoding: " + kind if kind else b"") + b"\r\n\r\n" + body


def tree(dice: random.Random, known: Specimen, depth: int) -> bytes:
    """Return a part, with others in it."""
    if depth == 0 or dice.random() < 0.2:
        return leaf(dice, known)
    boundary = b"b%d" % dice.randrange(10**9)
    parts = [tree(dice, known, depth - 1) for _ in range(dice.randrange(1, 4))]
    kind = dice.choice([b"mixed", b"alternative", b"related", b"signed", b"x-unheard-of"])
    body = b"".join(b"\r\n--" + boundary + b"\r\n" + part for part in parts)
    return b"Content-Type: multipart/%s; boundary=%s\r\n\r\n%s\r\n--%s--\r\n" % (kind, boundary, body, boundary)


def mail(dice: random.Random, part: bytes) -> bytes:
    """Return a part as a mail, under headers that are no good."""
    lines = [
        b"From: " + dice.choice([b"<>", b"Ann <ann@example.org", b"@", b"=?utf-8?Q?=00?= <a@b>", b"a@b, c@d"]),
        b"Subject: " + dice.choice([b"=?utf-8?B?////?=", b"s" * 3000, b"", b"=?a?b?c?=", b"a\r\n b\r\n\tc", b"\xff"]),
        b"Date: " + dice.choice([b"now", b"Fri, 99 Foo 99999 99:99:99 +9999", b""]),
        b"Message-ID: " + dice.choice([b"", b"<same@x>", b"<%s@x>" % (b"i" * 500), b"<%d@x>" % dice.randrange(10**9)]),
        b"References: " + b"<r@x> " * dice.choice([0, 1, 500]),
    ]  # fmt: skip
    dice.shuffle(lines)
    return b"\r\n".join([*lines[: dice.randrange(len(lines) + 1)], b"X-Number: %d" % dice.randrange(10**9), part])


def garbage(number: int) -> bytes:
    """Return a mail that is broken in a way of its own, the same each time."""
    dice = random.Random(number)
    charset = dice.choice(
        ["utf-8", "x-bad", "utf-16", "iso-2022-jp", "cp-850", "zip", "\x00", "unicode_escape", "utf-7"]
    )
    encoding = dice.choice(["base64", "quoted-printable", "x-uuencode", "8bit", "binary", "nonsense", ""])
    inside = bytes(dice.randrange(256) for _ in range(dice.randrange(400)))
    subject = dice.choice(
        [b"=?utf-8?B?////?=", b"\xff\xfe\x00", b"s" * 3000, b"", b"=?a?b?c?=", b"a\n b\n\tc", b"\xed\xa0\x80"]
    )
    sender = dice.choice(
        [
            b"<>",
            b"Ann <ann@example.org",
            b"@",
            b"\x00@\x00",
            b"=?utf-8?Q?=00?= <a@b>",
            b"a@b, c@d, e@f",
            b"n" * 5000,
            b"(x",
        ]
    )
    date = dice.choice([b"now", b"Fri, 99 Foo 99999 99:99:99 +9999", b"", b"Thu, 01 Jan 1970 00:00:00 +0000"])
    message_id = dice.choice([b"", b"<\x00@x>", b"<same@x>", b"<" + b"i" * 500 + b"@x>", b"<%d@x>" % number])
    boundary = dice.choice([b"b", b"", b"\x00", b"b" * 300])
    kind = dice.choice(
        [b"text/plain", b"text/html", b"multipart/mixed; boundary=" + boundary, b"message/rfc822",
         b"multipart/alternative",
         b"image/png; name*0*=a''%ZZ; name*1=b", b"text/plain; charset", b"/", b"multipart/report; boundary=b",
         b"multipart/signed; boundary=b", b"application/ms-tnef"]
    )  # fmt: skip
    lines = [
        b"From: " + sender, b"Subject: " + subject, b"Date: " + date, b"Message-ID: " + message_id,
        b"References: " + b"<r@x> " * dice.choice([0, 1, 500]),
        b"Content-Type: " + kind + b"; charset=" + charset.encode(), b"Content-Transfer-Encoding: " + encoding.encode(),
        b"Content-Disposition: attachment; filename="
        + dice.choice([b"../../x", b"a\x00b", b"\xff", b"con", b"x" * 400]),
    ]  # fmt: skip
    dice.shuffle(lines)
    lines = lines[: dice.randrange(1, len(lines) + 1)]
    parts = b"".join(
        b"\r\n--" + boundary + b"\r\nContent-Type: text/html\r\n\r\n" + inside for _ in range(dice.randrange(4))
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + inside + parts + b"%d" % number


def specimen(number: int) -> Specimen:
    """Return one of the corpus, the same each time: known content in odd clothes, the same damaged, or garbage."""
    dice = random.Random(number)
    if number % 3 == 0:
        return Specimen(raw=garbage(number), is_known=False)
    known = Specimen(raw=b"")
    known.raw = mail(dice, tree(dice, known, depth=3))
    if number % 3 == 1:
        return known
    at = dice.randrange(len(known.raw))
    broken = [known.raw[:at], known.raw[:at] + bytes_of(dice, 30) + known.raw[at:], known.raw.replace(b"--", b"-", 3)]
    return Specimen(raw=dice.choice(broken) + b"%d" % number, is_known=False)


def assert_kept(message: Message, known: Specimen) -> str:
    """See that nothing of a mail is lost, and return how it was kept."""
    files = [content(item) for item in message.attachments.all()]
    files += [content(item) for item in message.inline_images.all()]
    as_it_came = known.raw in files
    if as_it_came:
        files.remove(known.raw)
    if message.text.startswith("This message could not be read"):
        assert as_it_came
        return "unreadable"
    if known.is_known:
        assert Counter(files) == Counter(known.files)
        said = message.text + message.html
        assert [word for word in known.words if word not in said] == []
        return "damaged" if as_it_came else "whole"
    if not as_it_came:
        # Then whoever reads it otherwise finds no more in it than we have kept.
        assert_same(known.raw, files, message)
    return "garbage"


def assert_same(raw: bytes, files: list[bytes], message: Message) -> None:
    """Compare with what the standard library finds in a mail."""
    waiting = [email.message_from_bytes(raw)]
    while waiting:
        part: Any = waiting.pop()
        if part.is_multipart():
            if part.get_content_maintype() == "multipart":
                waiting += part.get_payload()
            continue
        data = part.get_payload(decode=True)
        assert data in files or any(says(message, text) for text in readings(part, data)), data


def says(message: Message, text: str) -> bool:
    return all(line.strip() in message.text or line.strip() in message.html for line in text.splitlines())


def readings(part: Any, data: bytes) -> Iterator[str]:
    for charset in (part.get_content_charset(), "utf-8"):
        with suppress(LookupError, UnicodeError, TypeError):
            yield data.decode(charset)


def test_em15_two_hundred_nasty_mails_are_stored_whole_and_none_blocks_the_next(sending: Any) -> None:
    config = EmailConfig.read(sending.config)
    cursor = Cursor(uidvalidity=1, uid=0, since="2026-01-01T00:00:00+00:00")
    state = ChannelState.objects.create(channel=sending, key=cursors.key("INBOX"), value=cursor.to_json())
    ways: Counter[str] = Counter()
    for number in range(COUNT):
        known = specimen(number)
        cursor = Cursor(uidvalidity=1, uid=number + 1, since=cursor.since)
        found = reading.Found(folder="INBOX", uid=number + 1)
        (message,) = intake.store(sending, config, known.raw, found, "INBOX", cursor)
        message.refresh_from_db()
        ways[assert_kept(message, known)] += 1
        state.refresh_from_db()
        assert state.value["uid"] == number + 1
    drain()
    assert (Message.objects.count(), Update.objects.count()) == (COUNT, 0)
    assert min(ways[way] for way in ("whole", "damaged", "garbage")) >= 10, ways
