"""Hold reading markup and cutting texts: nothing is lost, nothing is torn, nothing hangs."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unicom.platforms.cutting import utf16_length
from unicom.platforms.telegram import markup
from unicom.platforms.telegram.rich_text import RichText, Span
from unicom.platforms.telegram.splitting import MAX_ENTITIES, split
from unicom.testing.telegram.entities import normalise
from unicom.testing.telegram.errors import ApiError
from unicom.testing.telegram.html_markup import parse_html
from unicom.testing.telegram.markdown_markup import parse_markdown_v2

pytestmark = pytest.mark.once

MODES = ("HTML", "MarkdownV2", "Markdown")
OFFICIAL = {"HTML": parse_html, "MarkdownV2": parse_markdown_v2}
PIECES = [
    "*",
    "_",
    "__",
    "~",
    "||",
    "`",
    "```",
    "[",
    "]",
    "](https://example.org)",
    "(",
    ")",
    "\\",
    ">",
    "**>",
    "![",
    "\n",
]
TAGS = [
    "<b>", "</b>", "<i>", "</i>", "<a href='https://example.org'>", "</a>", "<code>", "</code>", "<pre>", "</pre>",
    "<", ">", "&lt;", "&", "<u", "<blockquote>", "</blockquote>", "<T>", "<br>", '<span class="tg-spoiler">',
]  # fmt: skip
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
marked = st.lists(st.sampled_from([*PIECES, *TAGS, "a", "b c", "😀", "é"]), max_size=25).map("".join)
long = st.lists(
    st.sampled_from(
        ["word", " ", "\n", "\n\n", "😀", "👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "x" * 50, "👍🏽", "ж", "\t", "\r\n", "   "]
    ),
    max_size=120,
).map("".join)


@given(text=anything | marked | long, limit=st.integers(12, 200))
@example(text="a" * 12 + " " * 30 + "b", limit=12)
@example(text="\n" * 50 + "b", limit=12)
def test_no_character_is_lost_and_each_part_fits(text, limit):
    parts = split(RichText(text=text), limit)
    assert all(utf16_length(part.text) <= limit for part in parts)
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    if all(unicodedata.category(char)[0] not in "ZC" for char in text):
        assert "".join(part.text for part in parts) == text
    assert all(part.text.strip() for part in parts) or len(parts) == 1 or not text.strip()


@given(
    text=long,
    cuts=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=12),
    limit=st.integers(12, 120),
)
def test_formatting_stays_on_its_characters(text, cuts, limit):
    spans = tuple(
        Span(start=start, end=min(start + length, len(text)), kind="bold")
        for start, length in cuts
        if start < len(text)
    )
    rich = RichText(text=text, spans=spans)
    before = [char for number, char in enumerate(text) if any(s.start <= number < s.end for s in spans)]
    after = [
        char
        for part in split(rich, limit)
        for number, char in enumerate(part.text)
        if any(span.start <= number < span.end for span in part.spans)
    ]
    assert "".join("".join(after).split()) == "".join("".join(before).split())


@given(text=long)
def test_no_character_seen_as_one_is_torn(text):
    for part in split(RichText(text=text), 40)[1:]:
        first = part.text[0]
        assert not unicodedata.combining(first)
        assert first not in "\u200d\ufe0f"
        assert not "\U0001f3fb" <= first <= "\U0001f3ff"


def test_cuts_are_at_paragraphs_then_lines_then_words():
    assert [part.text for part in split(RichText(text="aaaa aaaa\n\nbbb bbb"), 14)] == ["aaaa aaaa\n\n", "bbb bbb"]
    assert [part.text for part in split(RichText(text="aaaa aaaa\nbbb bbb"), 14)] == ["aaaa aaaa\n", "bbb bbb"]
    assert [part.text for part in split(RichText(text="aaaa aaaa bbb bbb"), 14)] == ["aaaa aaaa bbb ", "bbb"]
    assert [part.text for part in split(RichText(text="a" * 20), 14)] == ["a" * 14, "a" * 6]


def test_a_link_is_not_torn_where_it_fits_in_the_next_part():
    rich = markup.read("word " * 8 + "[a link of words](https://example.org)", "MarkdownV2")
    parts = split(rich, 48)
    assert [len(part.spans) for part in parts] == [0, 1]
    assert parts[1].text == "a link of words"


def test_a_hundred_entities_are_the_most_in_a_part():
    rich = markup.read("<b>a</b> <i>b</i> " * 300, "HTML")
    assert max(len(part.entities()) for part in split(rich)) == MAX_ENTITIES
    assert sum(len(part.entities()) for part in split(rich)) == 600


@given(text=anything | marked, mode=st.sampled_from(MODES))
def test_any_markup_gives_entities_that_telegram_takes(text, mode):
    for part in split(markup.read(text, mode), 30):
        normalise(part.text, part.entities())  # raises where an entity lies outside or within a character


@given(text=marked, mode=st.sampled_from(sorted(OFFICIAL)))
def test_what_telegram_would_read_is_read_alike(text, mode):
    try:
        expected, _ = normalise(*OFFICIAL[mode](text))
    except ApiError:
        return
    found = markup.read(text, mode)
    shown, _ = normalise(found.text, [])
    if mode == "HTML" and ("<T>" in text or "<br>" in text):
        return
    if "[]" in text:
        return  # a link of no words, which Telegram drops and we show
    assert shown.strip() == expected.strip()


@pytest.mark.parametrize("text", ["[*]", "[a]", "see [1] and [2]"])
def test_brackets_that_are_no_link_are_shown(text):
    assert markup.read(text, "Markdown").text == text


@given(text=anything | marked)
def test_without_markup_nothing_is_changed(text):
    assert markup.read(text, "") == RichText(text=text)


@given(text=st.text(st.sampled_from("abc .,!=é😀\n"), max_size=60), mode=st.sampled_from(MODES))
def test_plain_words_are_the_same_in_every_mode(text, mode):
    assert markup.read(text, mode) == RichText(text=text)


@given(text=marked)
def test_half_open_marks_are_shown(text):
    # What is left out is at most what a mark may be made of.
    shown = markup.read(text, "MarkdownV2").text
    assert "".join(char for char in text if char.isalpha() and ord(char) > 127) == "".join(
        char for char in shown if char.isalpha() and ord(char) > 127
    )


@pytest.mark.parametrize(
    ("mode", "source", "text", "entities"),
    [
        ("MarkdownV2", "a *b", "a *b", []),
        ("MarkdownV2", "*a _b* c_", "a _b c_", [("bold", 0, 4)]),
        ("MarkdownV2", "||s|| ~x~ __u__", "s x u", [("spoiler", 0, 1), ("strikethrough", 2, 1), ("underline", 4, 1)]),
        ("MarkdownV2", ">q\n>r||\nt", "q\nr\nt", [("expandable_blockquote", 0, 3)]),
        ("MarkdownV2", "```py\nx = 1```", "x = 1", [("pre", 0, 5)]),
        ("MarkdownV2", "[x](nowhere) 1.5!", "[x](nowhere) 1.5!", []),
        ("MarkdownV2", "![👍](tg://emoji?id=5368324170671202286)", "👍", [("custom_emoji", 0, 2)]),
        ("HTML", "a < b && List<String>", "a < b && List<String>", []),
        ("HTML", "<b>x<i>y</b>z</i>", "xyz", [("bold", 0, 2), ("italic", 1, 1)]),
        ("HTML", '<pre><code class="language-py">x</code></pre>', "x", [("pre", 0, 1)]),
        ("HTML", "<p>a</p><p>b</p>", "a\nb\n", []),
        ("HTML", "<b>open", "open", [("bold", 0, 4)]),
        ("Markdown", "*b* snake_case", "b snake_case", [("bold", 0, 1)]),
    ],
)
def test_markup_is_read_as_documented_and_with_patience(mode, source, text, entities):
    found = markup.read(source, mode)
    assert found.text == text
    assert [(item["type"], item["offset"], item["length"]) for item in found.entities()] == entities


def test_a_mention_by_id_and_a_code_blocks_language_are_kept():
    mention, pre = markup.read("[Ann](tg://user?id=42) ```py\nx```", "MarkdownV2").entities()
    assert mention["user"]["id"] == 42
    assert pre["language"] == "py"


@pytest.mark.parametrize(
    ("mode", "source"),
    [
        ("MarkdownV2", "*_" * 20_000),
        ("MarkdownV2", "[" * 20_000 + "]" * 20_000),
        ("MarkdownV2", "`a\\" * 20_000),
        ("MarkdownV2", "```" * 15_000 + "`"),
        ("HTML", "<b>" * 20_000 + "</u>" * 20_000),
        ("HTML", "<i>" * 500 + "<b>" * 20_000 + "</i>" * 1000),
        ("HTML", "<a" + " a" * 40_000),
        ("HTML", "<b><i>a" * 10_000),
        ("Markdown", "[a" * 40_000),
        ("Markdown", "[" * 30_000 + "]" * 30_000),
        ("Markdown", "[x](" * 20_000),
        ("Markdown", "[x]((a" * 16_000),
        ("Markdown", "*_" * 40_000),
        ("Markdown", "**a" * 30_000),
        ("Markdown", "_*_*" * 20_000 + "*_*_" * 20),
        ("Markdown", "***a** b*" * 11_000),
        ("Markdown", "`a" * 40_000),
        ("Markdown", "".join("`" * (n % 300) + "a" for n in range(700))),
        ("Markdown", "# " + " " * 100_000 + "x"),
        ("Markdown", "```" + " " * 100_000 + "a b"),
        ("Markdown", "| a |\n" + " " * 100_000 + "|"),
        ("Markdown", "- " * 50_000 + "x"),
        ("Markdown", "```\n" * 25_000),
        ("Markdown", "> " * 40_000),
        ("Markdown", "|" * 50_000 + "\n" + "|-" * 50_000),
    ],
    ids=lambda value: value[:8],
)
def test_hostile_markup_takes_no_time(mode, source):
    def cost(text: str) -> float:
        began = time.process_time()
        split(markup.read(text, mode))
        return time.process_time() - began

    whole = cost(source)
    # On a slow machine, or one that counts lines, by how it grows: twice as much must not take four times as long.
    assert whole < 3 or whole < 3 * cost(source[: len(source) // 2])


def test_a_hundred_thousand_characters_are_split_in_no_time():
    text = "Ein Wort – 😀 and another. " * 4000
    began = time.process_time()
    parts = split(RichText(text=text))
    assert time.process_time() - began < 1
    assert "".join(part.text for part in parts) == text


# Markdown as people and language models write it

WORDS = ["word", "two words", "snake_case", "😀", "é", "2 * 3", "C:\\dir"]
MARKS = [
    "*", "**", "***", "_", "__", "~~", "`", "``", "```", "# ", "- ", "1. ", "> ", "| ", " |", "|---|", "\n", "\n\n",
    "---", "- [x] ", "[", "]", "(", ")", "](https://example.org/wiki_(x))", "![", "\\", "<https://example.org>",
    "~", "~~~",
]  # fmt: skip
common = st.lists(st.sampled_from([*WORDS, *MARKS, " "]), max_size=30).map("".join)


@given(text=common)
def test_no_letter_of_any_markdown_is_lost_and_the_strict_fake_takes_it(text):
    rich = markup.read(text, "Markdown")
    for part in split(rich, 40):
        normalise(part.text, part.entities())
    hidden = "".join(str(span.extra.get("url", "")) + str(span.extra.get("language", "")) for span in rich.spans)
    letters = [char for char in text if char.isalnum() and char != "x"]
    shown = [char for char in rich.text + hidden if char.isalnum() and char != "x"]
    assert sorted(shown) == sorted(letters)


@given(text=common | anything)
def test_words_stay_in_their_order(text):
    source = iter(text)
    assert all(char in source for char in markup.read(text, "Markdown").text if char.isalpha())


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("**bold** and *bold*", "bold and bold", [("bold", 0, 4), ("bold", 9, 4)]),
        ("_it_ __strong__", "it strong", [("italic", 0, 2), ("bold", 3, 6)]),
        ("***both***", "both", [("bold", 0, 4), ("italic", 0, 4)]),
        ("**a *b* c**", "a b c", [("bold", 0, 5), ("bold", 2, 1)]),
        ("~~gone~~ ~not~", "gone ~not~", [("strikethrough", 0, 4)]),
        ("snake_case_name, 2 * 3 * 4", "snake_case_name, 2 * 3 * 4", []),
        ("half **open and `tick", "half **open and `tick", []),
        ("**a _b** c_", "a _b c_", [("bold", 0, 4)]),
        (r"\*not\* \# C:\dir", r"*not* # C:\dir", []),
        ("`a*b*` ``c`d``", "a*b* c`d", [("code", 0, 4), ("code", 5, 3)]),
        ("# Title #\n## C#", "Title\nC#", [("bold", 0, 5), ("bold", 6, 2)]),
        ("#hashtag", "#hashtag", []),
        ("- a\n  * b\n1. c", "• a\n  • b\n1. c", []),
        ("- [ ] a\n- [x] b", "☐ a\n☑ b", []),
        ("> a\n> **b**\nc", "a\nb\nc", [("blockquote", 0, 3), ("bold", 2, 1)]),
        ("a\n\n---\nb", "a\n\n——————————\nb", []),
        ("```py\nx = `1`\n```\nend", "x = `1`\nend", [("pre", 0, 7)]),
        ("```\nnever ended", "never ended", [("pre", 0, 11)]),
        ("```\nlast line```\nend", "last line\nend", [("pre", 0, 9)]),
        ("```a b```", "a b", [("code", 0, 3)]),
        ("[x](https://e.org/a_(b)) [y](no) <https://e.org>", "x [y](no) https://e.org", [("text_link", 0, 1)]),
        ("[**x**](https://e.org)", "x", [("bold", 0, 1), ("text_link", 0, 1)]),
        ("![a cat](https://e.org/cat.png)", "a cat", [("text_link", 0, 5)]),
        ("| a | b |\n|---|:-:|\n| 1 | **22** |", "a | b\n--+---\n1 | 22", [("pre", 0, 19)]),
        ("a | b", "a | b", []),
    ],
)
def test_markdown_is_read_as_everywhere(source, text, entities):
    found = markup.read(source, "Markdown")
    assert found.text == text
    assert sorted((item["type"], item["offset"], item["length"]) for item in found.entities()) == sorted(entities)
