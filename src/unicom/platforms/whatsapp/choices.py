"""Show buttons in the form WhatsApp has for so many of them: reply buttons, a list, a link, or numbered lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Literal

from unicom.platforms.cutting import utf16_length
from unicom.types import Button

Rows = Sequence[Sequence[Button]]
Form = Literal["none", "reply", "list", "link", "lines", "numbered"]
TEXT, BODY = 4096, 1024
HEADER = FOOTER = 60
REPLIES, REPLY_TITLE = 3, 20
CHOICES, CHOICE_TITLE = 10, 24
LIST_BUTTON, LINK_TITLE = 20, 20
INTERACTIVE: frozenset[Form] = frozenset({"reply", "list", "link"})


def form_of(rows: Rows) -> Form:
    """Return the form in which nothing of the buttons is cut and nothing has to be left out."""
    buttons = list(chain.from_iterable(rows))
    titles = [button.text for button in buttons if not button.url]
    if not buttons:
        return "none"
    if not titles:
        web = len(buttons) == 1 and buttons[0].url.lower().startswith(("https://", "http://"))
        return "link" if web and utf16_length(buttons[0].text) <= LINK_TITLE else "lines"
    longest = max(map(utf16_length, titles))
    if len(titles) <= REPLIES and longest <= REPLY_TITLE and len(set(titles)) == len(titles):
        return "reply"
    if len(titles) <= CHOICES and longest <= CHOICE_TITLE:
        return "list"
    return "numbered"


def addition(rows: Rows) -> str:
    """Return the lines that a text gets for what has no button of its own."""
    form = form_of(rows)
    buttons = list(chain.from_iterable(rows))
    lines: list[str] = []
    if form == "numbered":
        calling = [button.text for button in buttons if not button.url]
        lines += [f"{number}. {text}" for number, text in enumerate(calling, 1)]
    if form not in ("none", "link"):
        lines += [f"{button.text}: {button.url}" for button in buttons if button.url]
    return "\n\n" + "\n".join(lines) if lines else ""


def room(rows: Rows) -> int:
    """Return how long the text may be that these buttons stand under."""
    return (BODY if form_of(rows) in INTERACTIVE else TEXT) - utf16_length(addition(rows))


def numbered(rows: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return which button each number stands for, of buttons as they are stored; nothing unless they were numbered."""
    buttons = [
        [
            Button(
                text=str(item.get("text", "")),
                url=str(item.get("url", "")),
                token=item.get("callback_execution_id", ""),
            )
            for item in row
        ]
        for row in rows
    ]
    if form_of(buttons) != "numbered":
        return []
    return [button.token for button in chain.from_iterable(buttons) if not button.url]


def interactive(rows: Rows, text: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the interactive object that shows these buttons under a text."""
    buttons = list(chain.from_iterable(rows))
    form = form_of(rows)
    made: dict[str, Any] = {"body": {"text": text + addition(rows)}}
    if options.get("footer"):
        made["footer"] = {"text": options["footer"]}
    if options.get("header"):
        made["header"] = {"type": "text", "text": options["header"]}
    if form == "link":
        only = buttons[0]
        parameters = {"display_text": only.text, "url": only.url}
        return {**made, "type": "cta_url", "action": {"name": "cta_url", "parameters": parameters}}
    calling = [button for button in buttons if not button.url]
    if form == "reply":
        shown = [{"type": "reply", "reply": {"id": button.token, "title": button.text}} for button in calling]
        return {**made, "type": "button", "action": {"buttons": shown}}
    chosen = [{"id": button.token, "title": button.text} for button in calling]
    label = options.get("list_button") or "Choose"
    return {**made, "type": "list", "action": {"button": label, "sections": [{"rows": chosen}]}}
