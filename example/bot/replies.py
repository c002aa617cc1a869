"""Decide what to say: plain functions from a message to the dict that is sent."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from PIL import Image, UnidentifiedImageError

from unicom.models import Attachment, Message

Reply = dict[str, Any]

ABILITIES = (
    "Here is what I can do:\n"
    "• “Hello” – I say hello back.\n"
    "• “Buttons” – I show buttons you can click.\n"
    "• “Time” – I tell you the time.\n"
    "• “Echo” and some words – I say them back.\n"
    "• Send me a picture – I tell you its size.\n"
    "• “Where is order 1048?” – a language model looks it up with a tool.\n"
    "• “Return order 1048” – its tool asks you with buttons first.\n"
    "• “Remind me in 10 seconds to drink tea” – its tool answers later.\n"
    "Anything else I simply repeat, for I am only a small set of rules."
)
JOKE = "Why did the message cross the queue? It had been told it would be delivered on the other side."


def to_message(message: Message) -> Reply:
    """Return the answer to a message."""
    attachment = message.attachments.first()
    if attachment is not None:
        return {"text": _about_file(attachment)}
    words = message.text.strip()
    for pattern, reply in _RULES:
        if found := pattern.match(words):
            return reply(message, found)
    return {"text": f"You said: “{_shortened(words)}”\n\nWrite “help” to see what else I can do."}


def to_button(action: str) -> Reply:
    """Return the answer to a click that is answered with a message of its own."""
    if action == "counter":
        return counter(0)
    return {"text": JOKE} if action == "joke" else _time()


def counter(number: int) -> Reply:
    """Return the message whose button counts: each click edits it."""
    return {
        "text": f"You have clicked {number} {'time' if number == 1 else 'times'}. Each click edits this very message.",
        "buttons": [
            [_button("Click me", action="count", to=number + 1), _button("That will do", action="finish", at=number)]
        ],
    }


def finished(number: int) -> Reply:
    """Return the counting message at its end; without buttons it loses those it had."""
    return {"text": f"You stopped at {number}. The buttons are gone: an edit can take them away, too."}


def _button(text: str, **data: Any) -> dict[str, Any]:
    # The data stays in our database; the platform only carries an opaque token.
    return {"text": text, "callback_data": {"type": "demo", **data}, "type": "callback"}


def _greet(message: Message, found: re.Match[str]) -> Reply:
    name = message.sender_name if message.sender_name not in ("", "Guest") else ""
    greeting = f"Hello, {name}!" if name else "Hello!"
    return {"text": f"{greeting} I am the demo bot of this site. Ask me “What can you do?” or say “buttons”."}


def _help(message: Message, found: re.Match[str]) -> Reply:
    return {"text": ABILITIES}


def _buttons(message: Message, found: re.Match[str]) -> Reply:
    return {
        "text": "Here you are: two that are answered, one whose answer changes as you click, one that opens a page.",
        "buttons": [
            [_button("Tell me a joke", action="joke"), _button("What time is it?", action="time")],
            [_button("Count my clicks", action="counter")],
            [{"text": "Visit Django’s site", "url": "https://www.djangoproject.com/", "type": "url"}],
        ],
    }


def _time(*_: Any) -> Reply:
    now = timezone.localtime()
    return {"text": f"It is {now:%H:%M} ({now.tzname()}) on {now:%A}, {now.day} {now:%B %Y}."}


def _echo(message: Message, found: re.Match[str]) -> Reply:
    return {"text": _shortened(found["words"])}


def _thanks(message: Message, found: re.Match[str]) -> Reply:
    return {"text": "You are welcome!"}


def _bye(message: Message, found: re.Match[str]) -> Reply:
    return {"text": "Goodbye! What we said stays here, so come back any time."}


_RULES: list[tuple[re.Pattern[str], Callable[[Message, re.Match[str]], Reply]]] = [
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), reply)
    for pattern, reply in (
        (r"/?(help|\?|commands)\W*$|what can (you|i) do|what do you do", _help),
        (r"/?echo\s+(?P<words>.*\S)", _echo),
        (r"(please )?(show (me )?)?(the |some )?(buttons?|menu)\b|/(buttons|menu)", _buttons),
        (r"/?(the )?time\W*$|what('s| is) the (time|date)|what time is it|what day is (it|today)", _time),
        (r"(hi|hello|hey|good (morning|afternoon|evening)|/start)\b", _greet),
        (r"(thanks|thank you|thx|cheers)\b", _thanks),
        (r"(bye|goodbye|see you)\b", _bye),
    )
]


def _shortened(words: str, longest: int = 500) -> str:
    return words if len(words) <= longest else f"{words[:longest].rstrip()}…"


def _about_file(attachment: Attachment) -> str:
    if attachment.state == Attachment.State.FAILED:
        return f"I could not get that file: {attachment.error}."
    about = ", ".join(filter(None, (_size(attachment.size), attachment.content_type)))
    if attachment.kind == "image" and attachment.state == Attachment.State.STORED:
        try:
            with attachment.file.open("rb") as content, Image.open(content) as image:
                return f"A picture, how nice! It is {image.width} × {image.height} pixels ({about})."
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
            return f"This calls itself a picture, but I cannot open it ({about})."
    kind = {"image": "a picture", "audio": "a recording", "video": "a video"}.get(attachment.kind, "a file")
    named = f" called “{attachment.name}”" if attachment.name else ""
    return f"Thank you, I got {kind}{named}{f' ({about})' if about else ''}."


def _size(size: int | None) -> str:
    if not size:
        return ""
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(size / 1_000, 0.1):.1f} kB"
