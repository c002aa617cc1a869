"""Tell what somebody wrote from the history quoted beneath it, for views that fold the latter; nothing is removed."""

from __future__ import annotations

import re

_INTRO = re.compile(
    r"(?i)^\s*>*\s*(on|am|le|el|il|op|den|em|dnia|w dniu)\b.{4,200}"
    r"(wrote|schrieb.*|écrit|escribió|ha scritto|schreef.*|skrev.*|escreveu|napisał.*)\s*:?\s*$"
)
_ORIGINAL = re.compile(
    r"(?i)^\s*-{2,}\s*(original message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|forwarded message)\s*-{2,}"
)
_HEADER = re.compile(
    r"(?i)^\s*\*?(from|von|de|da|van|sent|gesendet|envoyé|date|datum|to|an|subject|betreff|objet)\*?\s*:"
)


def split_quoted(text: str) -> tuple[str, str]:
    """Return what was written and the history beneath it; where words follow the history, all of it was written."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _begins_original(lines, number):
            return _cut(lines, number)
        if _INTRO.match(line) or (line.rstrip().endswith(":") and _INTRO.match(f"{lines[number - 1]} {line}")):
            start = number if _INTRO.match(line) else number - 1
            if _is_all_quoted(lines[number + 1 :]):
                return _cut(lines, start)
        elif line.startswith(">") and _is_all_quoted(lines[number:]):
            return _cut(lines, number)
    return text, ""


def _begins_original(lines: list[str], number: int) -> bool:
    """Tell whether a copy of another mail begins here, headers and all, as some clients put it beneath an answer."""
    if _ORIGINAL.match(lines[number]):
        return True
    block = [bool(_HEADER.match(line)) for line in lines[number : number + 4]]
    return len(block) == 4 and all(block)


def _is_all_quoted(lines: list[str]) -> bool:
    said = [line for line in lines if line.strip()]
    return bool(said) and all(line.lstrip().startswith(">") for line in said)


def _cut(lines: list[str], at: int) -> tuple[str, str]:
    own = "\n".join(lines[:at]).rstrip()
    # A mail that is nothing but history is shown as it is.
    return (own, "\n".join(lines[at:])) if own else ("\n".join(lines), "")


_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)\b([^>]*)>")
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "wbr"})
_QUOTE_CLASS = re.compile(
    r'(?i)\bclass="[^"]*\b(gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote|x_gmail_quote)\b'
)


def fold_quoted(html: str, title: str) -> str:
    """Return sanitised HTML with the history beneath the words folded under a title; all of it is still there.

    Only what nothing follows is folded, and of a mail that is nothing but history nothing is.
    """
    start, end = _history(html)
    if start < 0 or not _shows_something(html[:start]):
        return html
    return f"{html[:start]}<details><summary>{title}</summary>{html[start:end]}</details>{html[end:]}"


def _history(html: str) -> tuple[int, int]:
    """Return where the history begins and ends: the first quotation, outermost, behind which nothing is shown."""
    open_tags: list[tuple[str, int, bool]] = []
    quotes: list[tuple[int, int]] = []
    for found in _TAG.finditer(html):
        closing, name, attributes = found[1], found[2].lower(), found[3]
        if name in _VOID:
            continue
        if not closing:
            is_quote = name == "blockquote" or bool(_QUOTE_CLASS.search(attributes))
            open_tags.append((name, found.start(), is_quote))
            continue
        while open_tags:
            opened, start, is_quote = open_tags.pop()
            if opened == name:
                if is_quote:
                    quotes.append((start, found.end()))
                break
    last = [quote for quote in quotes if not _shows_something(html[quote[1] :])]
    return min(last, default=(-1, -1))


def _shows_something(html: str) -> bool:
    return "<img" in html.lower() or bool(_TAG.sub("", html).replace("&nbsp;", " ").replace("\xa0", " ").strip())
