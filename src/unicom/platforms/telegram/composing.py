"""Turn a checked message into the calls that deliver it: rendered, cut to Telegram's limits, nothing cropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unicom.errors import UnsupportedFeature
from unicom.platforms.cutting import utf16_length
from unicom.platforms.telegram import markup, splitting
from unicom.platforms.telegram.rich_text import RichText
from unicom.types import Button, OutboundMessage, OutgoingFile, Part

PHOTO_BYTES = 10 * 1024 * 1024
STYLES = ("primary", "success", "danger")
# Keys of the Bot API that a caller may use, and the calls they belong to.
WITH_TEXT = frozenset({"link_preview_options", "disable_web_page_preview"})
WITH_FILE = frozenset({"has_spoiler", "show_caption_above_media"})
WITH_FIRST = frozenset({"message_effect_id"})
WITH_LAST = frozenset({"reply_markup"})
WITH_ALL = frozenset({"disable_notification", "protect_content"})
PASSTHROUGH = WITH_TEXT | WITH_FILE | WITH_FIRST | WITH_ALL | {"entities"}


def check(message: OutboundMessage) -> None:
    """Raise UnsupportedFeature for what Telegram would refuse, as far as can be known beforehand."""
    problems: dict[str, str] = {}
    if "entities" in message.options:
        if message.parse_mode:
            problems["entities"] = "give either entities or parse_mode"
        else:
            try:
                RichText.from_entities(message.text, message.options["entities"])
            except ValueError as error:
                problems["entities"] = str(error)
    if not problems:
        shown = rendered(message.text, message.parse_mode, message.options)
        if message.is_edit:
            length = utf16_length(shown.text)
            if length > splitting.TEXT:
                problems["text"] = f"{length:,} characters; an edited message has room for {splitting.TEXT:,}"
        elif not shown.text.strip() and not message.files:
            problems["text"] = "required: nothing of it would be seen" if message.text else "required"
    for y, row in enumerate(message.buttons):
        for x, button in enumerate(row):
            if button.url and not button.url.lower().startswith(("https://", "http://", "tg://")):
                problems[f"buttons[{y}][{x}].url"] = f"{button.url!r} must begin with https://, http:// or tg://"
    if problems:
        raise UnsupportedFeature(problems)


def rendered(text: str, parse_mode: str, options: Mapping[str, Any]) -> RichText:
    """Return what people will see of a text."""
    if "entities" in options and not parse_mode:
        return RichText.from_entities(text, options["entities"])
    return markup.read(text, parse_mode)


def split(message: OutboundMessage) -> list[Part]:
    """Return one part a call: files first, the text as the first one's caption where it fits, buttons on the last."""
    shown = rendered(message.text, message.parse_mode, message.options)
    texts: list[RichText] = []
    captions: list[RichText] = [RichText(text="")] * len(message.files)
    if message.files and utf16_length(shown.text) <= splitting.CAPTION:
        captions[0] = shown
    elif shown.text:
        texts = splitting.split(shown)
    pieces: list[tuple[RichText, OutgoingFile | None]] = [*zip(captions, message.files, strict=True)]
    pieces += [(text, None) for text in texts]
    last = len(pieces) - 1
    return [
        Part(
            text=text.text,
            file=file,
            silent=message.silent,
            protect=message.protect,
            buttons=message.buttons if number == last else (),
            options=_options(message.options, text, has_file=file is not None, first=number == 0, last=number == last),
        )
        for number, (text, file) in enumerate(pieces)
    ]


def _options(given: Mapping[str, Any], text: RichText, *, has_file: bool, first: bool, last: bool) -> dict[str, Any]:
    fitting = WITH_ALL | (WITH_FILE if has_file else WITH_TEXT)
    fitting |= WITH_FIRST if first else frozenset()
    fitting |= WITH_LAST if last else frozenset()
    options = {name: value for name, value in given.items() if name in fitting}
    entities = text.entities()
    if entities:
        options["entities"] = entities
    return options


def keyboard(rows: Sequence[Sequence[Button]]) -> dict[str, Any] | None:
    """Return an InlineKeyboardMarkup, None where there is no button."""
    shown = [[_button(button) for button in row] for row in rows if row]
    return {"inline_keyboard": shown} if shown else None


def _button(button: Button) -> dict[str, str]:
    made = {"text": button.text}
    made.update({"url": button.url} if button.url else {"callback_data": button.token})
    if button.style in STYLES:
        made["style"] = button.style
    return made


def manner(part: Part) -> dict[str, Any]:
    """Return the parameters that are the same whatever is sent."""
    options = dict(part.options)
    options.pop("entities", None)
    if options.pop("disable_web_page_preview", False):
        options.setdefault("link_preview_options", {"is_disabled": True})
    if part.silent:
        options["disable_notification"] = True
    if part.protect:
        options["protect_content"] = True
    markup_ = keyboard(part.buttons)
    if markup_ is not None:
        options["reply_markup"] = markup_
    return options


def method_for(file: OutgoingFile) -> tuple[str, str]:
    """Return the method that sends a file, and the name it goes by; what is no fit for its kind goes as a document."""
    major, _, minor = file.content_type.partition("/")
    if major == "image":
        if minor in ("jpeg", "png", "webp") and file.size <= PHOTO_BYTES:
            return "sendPhoto", "photo"
        if minor == "gif":
            return "sendAnimation", "animation"
    elif major == "audio":
        if minor in ("ogg", "opus"):
            return "sendVoice", "voice"
        if minor in ("mpeg", "mp3", "mp4", "m4a", "x-m4a"):
            return "sendAudio", "audio"
    elif (major, minor) == ("video", "mp4"):
        return "sendVideo", "video"
    return "sendDocument", "document"
