"""How the fake reads text: UTF-16 offsets, trimming, HTML and Markdown, and the sentences of its refusals."""

from __future__ import annotations

from typing import Any

import pytest

from unicom.testing.telegram.entities import detect, normalise, read_entities, utf16_len, utf16_slice
from unicom.testing.telegram.errors import ApiError
from unicom.testing.telegram.html_markup import parse_html
from unicom.testing.telegram.markdown_markup import parse_markdown, parse_markdown_v2


def short(entities: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    extra = ("url", "language", "custom_emoji_id")
    return [
        (entity["type"], entity["offset"], entity["length"], *(entity[name] for name in extra if name in entity))
        for entity in entities
    ]


def refusal(parse: Any, source: str) -> str:
    with pytest.raises(ApiError) as caught:
        parse(source)
    assert caught.value.code == 400
    return caught.value.description.removeprefix("Bad Request: can't parse entities: ")


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>a</b> <i>b</i>", "a b", [("bold", 0, 1), ("italic", 2, 1)]),
        ("🎉<STRONG>🎉x</strong>", "🎉🎉x", [("bold", 2, 3)]),
        ("<b>a<u>b</u></>c", "abc", [("bold", 0, 2), ("underline", 1, 1)]),
        ("&lt;b&gt; &amp; &quot; &#33; &#x1F389; &nbsp; &", '<b> & " ! 🎉 &nbsp; &', []),
        ("<pre><code class='language-py'>x</code></pre>", "x", [("pre", 0, 1, "py")]),
        ("<code class='language-py'>x</code>", "x", [("code", 0, 1)]),
        ("<pre>x</pre>", "x", [("pre", 0, 1)]),
        ('<a href="https://a.b/?x=1&amp;y=2">x</a>', "x", [("text_link", 0, 1, "https://a.b/?x=1&y=2")]),
        ("<a href=nothing>x</a>", "x", []),
        ("<a>a.org</a>", "a.org", [("text_link", 0, 5, "http://a.org/")]),
        ('<a href="tg://user?id=7">x</a>', "x", [("text_mention", 0, 1)]),
        ('<span class="tg-spoiler">x</span><tg-spoiler>y</tg-spoiler>', "xy", [("spoiler", 0, 1), ("spoiler", 1, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
        (
            '<tg-emoji emoji-id="536832">👍</tg-emoji>',
            "👍",
            [("custom_emoji", 0, 2, "536832")],
        ),
        ("<b></b>x", "x", []),
        ("a > b", "a > b", []),
    ],
)
def test_html(source: str, text: str, entities: list[Any]) -> None:
    shown, found = parse_html(source)
    assert (shown, short(found)) == (text, entities)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("é<p>x</p>", 'Unsupported start tag "p" at byte offset 2'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<a href>x</a>", 'Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0'),
        ('<a ="x">x</a>', 'Empty attribute name in the tag "a" at byte offset 0'),
        ('<a href="x>x</a>', "Unclosed start tag at byte offset 0"),
        ("<a href=http://a.b>x</a>", "Unexpected end of name token at byte offset 8"),
    ],
)
def test_html_that_is_refused(source: str, sentence: str) -> None:
    assert refusal(parse_html, source) == sentence


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("*a* _b_ __c__ ~d~ ||e||", "a b c d e", [
            ("bold", 0, 1), ("italic", 2, 1), ("underline", 4, 1), ("strikethrough", 6, 1), ("spoiler", 8, 1),
        ]),
        (r"1\.5 \- \(x\) \! \\", r"1.5 - (x) ! " + "\\", []),
        ("`a.b-c*d`", "a.b-c*d", [("code", 0, 7)]),
        (r"`a\`b\\`", "a`b\\", [("code", 0, 4)]),
        ("```py\nx = 1\n```", "x = 1\n", [("pre", 0, 6, "py")]),
        ("```\nx```", "x", [("pre", 0, 1)]),
        (r"[x\.](https://a.b/\)c)", "x.", [("text_link", 0, 2, "https://a.b/)c")]),
        ("![👍](tg://emoji?id=5)", "👍", [("custom_emoji", 0, 2, "5")]),
        (">a\n>*b*\nc", "a\nb\nc", [("blockquote", 0, 3), ("bold", 2, 1)]),
        (">a\n>b||", "a\nb", [("expandable_blockquote", 0, 3)]),
        ("*🎉_x_*", "🎉x", [("bold", 0, 3), ("italic", 2, 1)]),
    ],
)  # fmt: skip
def test_markdown_v2(source: str, text: str, entities: list[Any]) -> None:
    shown, found = parse_markdown_v2(source)
    assert (shown, short(found)) == (text, entities)


@pytest.mark.parametrize("char", "]()>#+-=|{}.!")
def test_reserved_characters_of_markdown_v2(char: str) -> None:
    sentence = f"Character '{char}' is reserved and must be escaped with the preceding '\\'"
    assert refusal(parse_markdown_v2, f"a{char}") == sentence


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("é*a", "Can't find end of Bold entity at byte offset 2"),
        ("_a", "Can't find end of Italic entity at byte offset 0"),
        ("```py\nx", "Can't find end of PreCode entity at byte offset 0"),
        ("[a](b", "Can't find end of a URL at byte offset 4"),
        (">*a\nb*", "Can't find end of Bold entity at byte offset 1"),
        ("![a](b)", "Custom emoji entity must contain a tg://emoji URL"),
    ],
)
def test_markdown_v2_that_is_refused(source: str, sentence: str) -> None:
    assert refusal(parse_markdown_v2, source) == sentence


def test_older_markdown() -> None:
    text, found = parse_markdown(r"*a* _b_ `c` [d](https://a.b/) e\_f 1.5")
    assert text == "a b c d e_f 1.5"
    assert short(found) == [("bold", 0, 1), ("italic", 2, 1), ("code", 4, 1), ("text_link", 6, 1, "https://a.b/")]
    assert refusal(parse_markdown, "é_x") == "Can't find end of the entity starting at byte offset 2"


def test_lengths_count_utf16_units() -> None:
    assert [utf16_len(text) for text in ("", "ab", "é", "🎉", "👨‍👩‍👧")] == [0, 2, 1, 2, 8]
    assert utf16_slice("a🎉b", 1, 2) == "🎉"


def bold(offset: Any, length: Any) -> dict[str, Any]:
    return {"type": "bold", "offset": offset, "length": length}


@pytest.mark.parametrize(
    ("entity", "sentence"),
    [
        (bold(0, 5), "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 5"),
        (bold(2, 1), "entity begins in a middle of a UTF-16 symbol at UTF-16 offset 2"),
        (bold(0, 2), "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol"),
        (bold(-1, 1), "receive an entity with incorrect offset -1"),
        (bold(0, 0), "receive an entity with incorrect length 0"),
        (bold("0", 1), 'can\'t parse MessageEntity: Field "offset" must be of type Number'),
        ({"type": "text_link", "offset": 0, "length": 1}, "can't parse MessageEntity: Can't find field \"url\""),
        (7, "can't parse MessageEntity: expected an Object"),
    ],
)
def test_entities_that_are_refused(entity: Any, sentence: str) -> None:
    with pytest.raises(ApiError) as caught:
        normalise("a🎉b", read_entities([entity]))
    assert caught.value.description == f"Bad Request: {sentence}"


@pytest.mark.parametrize(
    ("text", "entities", "shown", "moved"),
    [
        (" \n x \n", [], "x", []),
        ("a\tb\x00c\r\nd", [], "a b c\nd", []),
        ("  x  ", [bold(2, 3)], "x", [bold(0, 1)]),
        (" x", [bold(0, 2)], " x", [bold(0, 2)]),
        ("a\r🎉b ", [bold(2, 3)], "a🎉b", [bold(1, 3)]),
        ("x  ", [bold(1, 2)], "x", []),
    ],
)
def test_trimming_moves_entities(text: str, entities: list[Any], shown: str, moved: list[Any]) -> None:
    assert normalise(text, entities) == (shown, moved)


def test_what_telegram_finds_in_a_users_text() -> None:
    found = detect("🎉 /start@shop_bot @someone #tag https://a.b/c me@a.org")
    assert [entity["type"] for entity in found] == ["bot_command", "mention", "hashtag", "url", "email"]
    assert (found[0]["offset"], found[0]["length"]) == (3, 15)
