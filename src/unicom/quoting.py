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
