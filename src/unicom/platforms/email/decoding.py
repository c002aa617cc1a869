"""Turn the bytes of headers and bodies into text, whatever their charset is said to be; nothing here raises."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from functools import lru_cache

from unicom.cleaning import clean

_ALIASES = {
    "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8", "iso-8859-1": "cp1252", "latin-1": "cp1252",
    "us-ascii": "utf-8", "ascii": "utf-8", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "gb2312": "gb18030",
    "gbk": "gb18030", "x-sjis": "cp932", "shift_jis": "cp932", "x-mac-roman": "mac-roman", "cp-850": "cp850",
    "utf8": "utf-8", "utf-8mb4": "utf-8", "unicode-1-1-utf-7": "utf-7", "x-gbk": "gb18030", "windows-31j": "cp932",
}  # fmt: skip
# Codecs that are no charsets of mail; some of them take time that grows with the square of the length.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_LOOKED_AT, _ENOUGH = 65_536, 64
MOST_HEADER = 20_000


@lru_cache(maxsize=256)
def _codec(charset: str) -> str:
    name = charset.strip().strip("\"'").lower().partition("*")[0]
    name = _ALIASES.get(name.replace("_", "-"), _ALIASES.get(name, name))
    try:
        found = bool("a".encode(name))
    except (LookupError, UnicodeError, ValueError):
        return ""
    return name if found and name.replace("-", "_") not in _NO_CHARSETS else ""


def text_of(data: bytes, charset: str = "") -> str:
    """Return bytes as text: in the charset that is named, else as UTF-8, else as what they look like."""
    if (exact := exactly(data, charset)) is not None:
        return str(clean(exact))
    named = _codec(charset) if charset else ""
    guessed = "" if named and named != "utf-8" else _guessed(data)
    for name in (named, guessed, "cp1252"):
        if name:
            try:
                return str(clean(data.decode(name, "replace")))
            except (LookupError, UnicodeError, ValueError):
                continue
    return data.decode("latin-1")


def exactly(data: bytes, charset: str = "") -> str | None:
    """Return bytes as text where they are what the named charset, or UTF-8, says; None where they are neither."""
    for name in dict.fromkeys((_codec(charset) if charset else "", "utf-8")):
        if name:
            try:
                return data.decode(name)
            except (UnicodeError, ValueError):
                continue
    return None


def _guessed(data: bytes) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return ""
    if len(data) < _ENOUGH:
        return ""  # of a few bytes anything can be made, Chinese above all
    best = from_bytes(data[:_LOOKED_AT]).best()
    return best.encoding if best is not None and not best.encoding.startswith(("utf_16", "utf_32")) else ""


def header_text(raw: str) -> str:
    """Return a header's value in one line, encoded words (RFC 2047) decoded as well as can be."""
    value = " ".join(_unescaped(raw[:MOST_HEADER]).split())
    if "=?" not in value:
        return str(clean(value))
    pieces: list[str] = []
    at = 0
    found = list(_WORD.finditer(value))
    joined: bytearray = bytearray()
    for number, word in enumerate(found):
        between = value[at : word.start()]
        follows = number > 0 and not between.strip()
        if not follows:
            pieces.append(between)
        data = _word_bytes(word[2], word[3])
        after = found[number + 1] if number + 1 < len(found) else None
        # A character may be cut in two between words of one charset.
        joined += data
        if not (
            after is not None and after[1].lower() == word[1].lower() and not value[word.end() : after.start()].strip()
        ):
            pieces.append(text_of(bytes(joined), word[1]))
            joined.clear()
        at = word.end()
    pieces.append(value[at:])
    return str(clean(" ".join("".join(pieces).split())))


def _word_bytes(kind: str, content: str) -> bytes:
    data = content.encode("utf-8", "surrogateescape")
    if kind in "bB":
        try:
            return base64.b64decode(data + b"=" * (-len(data) % 4)) or data
        except (binascii.Error, ValueError):
            return data
    return quopri.decodestring(data, header=True)


def _unescaped(raw: str) -> str:
    """Return a header with the 8-bit bytes it should not have as text."""
    try:
        return raw.encode("ascii", "surrogateescape").decode("utf-8")
    except UnicodeError:
        try:
            return text_of(raw.encode("utf-8", "surrogateescape"))
        except UnicodeError:
            return raw
