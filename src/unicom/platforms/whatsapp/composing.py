"""Turn a checked message into the calls that deliver it: cut to WhatsApp's limits, nothing cropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unicom.errors import UnsupportedFeature
from unicom.platforms.cutting import cut, utf16_length
from unicom.platforms.whatsapp import choices, files, templates
from unicom.types import OutboundMessage, Part

WHOLE = ("interactive", "location", "contacts", "reaction")
"""Keys of the Cloud API that make a message by themselves."""
AROUND = ("header", "footer", "list_button")
PASSTHROUGH = frozenset({*WHOLE, *AROUND, "preview_url", "image_link"})


def check(message: OutboundMessage) -> None:
    """Raise UnsupportedFeature for what WhatsApp would refuse, as far as can be known beforehand."""
    if message.template is not None:
        templates.fill(message)
        return
    problems: dict[str, str] = {}
    _check_options(message.options, problems)
    if message.buttons:
        _check_buttons(message, problems)
    else:
        problems.update({key: "only with buttons" for key in AROUND if message.options.get(key)})
    says_nothing = not (message.files or any(message.options.get(key) for key in (*WHOLE, "image_link")))
    if says_nothing and message.text and not message.text.strip():
        problems["text"] = "required: nothing of it would be seen"
    if problems:
        raise UnsupportedFeature(problems)


def _check_buttons(message: OutboundMessage, problems: dict[str, str]) -> None:
    if not message.text.strip():
        problems["text"] = "required: WhatsApp shows buttons under a text"
    if choices.room(message.buttons) < 1:
        count = sum(map(len, message.buttons))
        problems["buttons"] = f"{count} buttons with their texts have no room in one message"


def _check_options(options: Mapping[str, Any], problems: dict[str, str]) -> None:
    for key, most in (("header", choices.HEADER), ("footer", choices.FOOTER), ("list_button", choices.LIST_BUTTON)):
        value = options.get(key)
        if value is not None and (not isinstance(value, str) or not 0 < utf16_length(value.strip()) <= most):
            problems[key] = f"a text of at most {most} characters is needed, not {value!r}"
    if "preview_url" in options and not isinstance(options["preview_url"], bool):
        problems["preview_url"] = f"{options['preview_url']!r} is not True or False"
    link = options.get("image_link")
    if link is not None and not (isinstance(link, str) and link.lower().startswith(("https://", "http://"))):
        problems["image_link"] = f"{link!r} is not a web address"
    if "interactive" in options:
        given = options["interactive"]
        if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
            problems["interactive"] = "an object of the Cloud API with a type is needed"
    if "location" in options:
        place = options["location"]
        numbers = [place.get(key) for key in ("latitude", "longitude")] if isinstance(place, Mapping) else [None]
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            problems["location"] = "an object with the numbers latitude and longitude is needed"
    if "contacts" in options:
        given = options["contacts"]
        if not isinstance(given, list) or not given or not all(isinstance(item, Mapping) for item in given):
            problems["contacts"] = "a list of contacts of the Cloud API is needed"
    if "reaction" in options:
        given = options["reaction"]
        if not isinstance(given, Mapping) or not all(
            isinstance(given.get(key), str) for key in ("message_id", "emoji")
        ):
            problems["reaction"] = "an object with the texts message_id and emoji is needed"


def split(message: OutboundMessage) -> list[Part]:
    """Return one part a call: files first, the text as a caption where it fits, buttons under the last."""
    if message.template is not None:
        return [templates.part(message)]
    text, rows = message.text, message.buttons
    attached: list[Part] = [Part(file=file) for file in message.files]
    if message.options.get("image_link"):
        attached.insert(0, Part(options={"image_link": message.options["image_link"]}))
    attached += [Part(options={key: message.options[key]}) for key in WHOLE if message.options.get(key)]
    around = {key: message.options[key] for key in AROUND if message.options.get(key)}
    if len(attached) == 1 and rows and _heads(attached[0], rows, text):
        return [replace(attached[0], text=text, buttons=rows, options={**attached[0].options, **around})]
    if attached and not rows and utf16_length(text) <= choices.BODY and _is_captioned(attached[0]):
        return [replace(attached[0], text=text), *attached[1:]]
    texts = _texts(text, rows)
    preview = {"preview_url": message.options["preview_url"]} if "preview_url" in message.options else {}
    parts = [*attached, *(Part(text=piece, options=preview) for piece in texts)]
    if rows and parts:
        parts[-1] = replace(parts[-1], buttons=rows, options={**parts[-1].options, **around})
    return parts or [Part(text=text)]


def _is_captioned(part: Part) -> bool:
    if part.file is not None:
        return files.kind_of(part.file) in files.CAPTIONED
    return "image_link" in part.options


def _heads(part: Part, rows: choices.Rows, text: str) -> bool:
    """Tell whether a file and its text fit in one message with the buttons under them."""
    return (
        choices.form_of(rows) in ("reply", "link")
        and _is_captioned(part)
        and 0 < utf16_length(text) <= choices.room(rows)
    )


def _texts(text: str, rows: choices.Rows) -> list[str]:
    pieces = cut(text, choices.TEXT)
    most = choices.room(rows)
    if rows and pieces and utf16_length(pieces[-1]) > most:
        # Under buttons there is less room: what is over goes before.
        last = cut(pieces[-1], most)[-1]
        pieces = [*cut(text[: len(text) - len(last)], choices.TEXT), last]
    return pieces


def payload(part: Part, uploaded: tuple[str, dict[str, Any]] | None) -> dict[str, Any]:
    """Return the type and the content of a call; ``uploaded`` is the kind of the file and what names it."""
    options = part.options
    if "template" in options:
        return {"type": "template", "template": templates.with_header(options["template"], uploaded)}
    for key in WHOLE:
        if key in options:
            return {"type": key, key: options[key]}
    if "image_link" in options:
        uploaded = "image", {"link": options["image_link"]}
    form = choices.form_of(part.buttons)
    if form in choices.INTERACTIVE:
        made = choices.interactive(part.buttons, part.text, options)
        if uploaded is not None:
            kind, named = uploaded
            made["header"] = {"type": kind, kind: named}
        return {"type": "interactive", "interactive": made}
    shown = part.text + choices.addition(part.buttons)
    if uploaded is not None:
        kind, named = uploaded
        caption = {"caption": shown} if shown.strip() and kind in files.CAPTIONED else {}
        return {"type": kind, kind: {**named, **caption}}
    return {"type": "text", "text": {"body": shown, "preview_url": bool(options.get("preview_url", False))}}
