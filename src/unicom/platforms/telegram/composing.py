"""Turn a checked message into the calls that deliver it: rendered, cut to Telegram's limits, nothing cropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from unicom.errors import UnsupportedFeature
from unicom.platforms.cutting import utf16_length
from unicom.platforms.telegram import keyboards, markup, splitting
from unicom.platforms.telegram.rich_text import RichText
from unicom.types import OutboundMessage, OutgoingFile, Part

PHOTO_BYTES = 10 * 1024 * 1024
ALBUM = 10
"""The most an album holds."""

# Keys of the Bot API that a caller may use, and the calls they belong to.
WITH_TEXT = frozenset({"link_preview_options", "disable_web_page_preview"})
WITH_FIRST = frozenset({"message_effect_id"})
WITH_LAST = frozenset({"reply_markup"})
WITH_ALL = frozenset({"disable_notification", "protect_content"})
_LOOK = {"has_spoiler", "show_caption_above_media"}
_SHAPE = {"duration", "width", "height"}
WITH_FILE: Mapping[str, frozenset[str]] = {
    "photo": frozenset(_LOOK),
    "video": frozenset({*_LOOK, *_SHAPE, "supports_streaming", "start_timestamp"}),
    "animation": frozenset({*_LOOK, *_SHAPE}),
    "audio": frozenset({"duration", "performer", "title"}),
    "voice": frozenset({"duration"}),
    "document": frozenset({"disable_content_type_detection"}),
    "video_note": frozenset({"duration", "length"}),
    "sticker": frozenset({"emoji"}),
}
"""What a file is sent as, and the keys that go with it."""
METHODS = {
    "photo": "sendPhoto", "video": "sendVideo", "animation": "sendAnimation", "audio": "sendAudio",
    "voice": "sendVoice", "document": "sendDocument", "video_note": "sendVideoNote", "sticker": "sendSticker",
}  # fmt: skip
BY_ID = frozenset({*METHODS, "image_link"})
"""Keys whose value is a file Telegram has already (its ``file_id``), or can fetch (an address)."""
WITHOUT_CAPTION = frozenset({"video_note", "sticker"})
THINGS = {"location": "sendLocation", "venue": "sendVenue", "contact": "sendContact", "poll": "sendPoll",
          "dice": "sendDice"}  # fmt: skip
"""Keys whose value is an object: the parameters of the method that sends it."""
PASSTHROUGH = frozenset(
    {*WITH_TEXT, *WITH_FIRST, *WITH_ALL, *(name for names in WITH_FILE.values() for name in names), *BY_ID, *THINGS,
     "entities"}
)  # fmt: skip
_TOGETHER = {"photo": "seen", "video": "seen", "document": "document", "audio": "audio"}
"""What may be in one album with what."""


def check(message: OutboundMessage) -> None:
    """Raise UnsupportedFeature for what Telegram would refuse, as far as can be known beforehand."""
    problems: dict[str, str] = {}
    if "entities" in message.options:
        if message.parse_mode or message.html:
            problems["entities"] = "give either entities or parse_mode"
        else:
            try:
                RichText.from_entities(message.text, message.options["entities"])
            except ValueError as error:
                problems["entities"] = str(error)
    _check_files(message, problems)
    _check_things(message.options, problems)
    if not problems:
        _check_words(message, problems)
    problems.update(keyboards.problems(message.buttons))
    if problems:
        raise UnsupportedFeature(problems)


def _check_words(message: OutboundMessage, problems: dict[str, str]) -> None:
    shown = rendered(message.text, message.html, message.parse_mode, message.options)
    has_content = message.files or (BY_ID | THINGS.keys()) & message.options.keys()
    if message.is_edit:
        length = utf16_length(shown.text)
        most = splitting.CAPTION if message.has_media or has_content else splitting.TEXT
        if length > most:
            what = "the caption of a file" if most == splitting.CAPTION else "an edited message"
            problems["text"] = f"{length:,} characters; {what} has room for {most:,}"
    elif not shown.text.strip() and not has_content:
        problems["text"] = "required: nothing of it would be seen" if message.text or message.html else "required"


def _check_files(message: OutboundMessage, problems: dict[str, str]) -> None:
    named = sorted(BY_ID & set(message.options))
    for name in named:
        value = message.options[name]
        if not isinstance(value, str) or not value.strip():
            problems[name] = f"the file_id of a file Telegram has, or an https address, is needed, not {value!r}"
    if len(named) > 1 or (named and message.files and message.is_edit):
        problems[named[-1]] = "one file by its id, in one message"
    if message.is_edit and named and named[0] in ("voice", "video_note", "sticker"):
        problems[named[0]] = f"a message cannot be made a {named[0].replace('_', ' ')} by an edit"


def _check_things(options: Mapping[str, Any], problems: dict[str, str]) -> None:
    for name in sorted(THINGS.keys() & options):
        value = options[name]
        if not isinstance(value, Mapping):
            problems[name] = f"an object with the parameters of {THINGS[name]} is needed, not {value!r}"
        elif name in ("location", "venue"):
            for key, most in (("latitude", 90), ("longitude", 180)):
                given = value.get(key)
                if isinstance(given, bool) or not isinstance(given, int | float) or abs(given) > most:
                    problems[f"{name}.{key}"] = f"a number from -{most} to {most} is needed, not {given!r}"


def by_id(options: Mapping[str, Any]) -> tuple[str, str]:
    """Return as what a file is sent that is named by its id or address, and that; both empty where none is."""
    for kind in METHODS:
        if kind in options:
            return kind, options[kind]
    return ("photo", options["image_link"]) if "image_link" in options else ("", "")


def rendered(text: str, html: str, parse_mode: str, options: Mapping[str, Any]) -> RichText:
    """Return what people will see of a text."""
    if "entities" in options and not parse_mode:
        return RichText.from_entities(text, options["entities"])
    return markup.read(html, "HTML") if html else markup.read(text, parse_mode)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """Be what one call sends, before buttons and manners are put to it."""

    text: RichText = field(default_factory=lambda: RichText(text=""))
    files: tuple[OutgoingFile, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    """What it is sent as; empty for a text."""


def split(message: OutboundMessage) -> list[Part]:
    """Return one part a call: files first, the text as the first one's caption where it fits, buttons on the last."""
    shown = rendered(message.text, message.html, message.parse_mode, message.options)
    pieces = _filed(message)
    carries = pieces and not pieces[0].kinds & WITHOUT_CAPTION and utf16_length(shown.text) <= splitting.CAPTION
    below = bool(message.buttons) or "reply_markup" in message.options
    if carries and not (below and len(pieces) == 1 and len(pieces[0].files) > 1 and shown.text):
        pieces[0] = _Piece(text=shown, files=pieces[0].files, options=pieces[0].options, kinds=pieces[0].kinds)
    elif shown.text:
        pieces += [_Piece(text=text) for text in splitting.split(shown)]
    for name in THINGS:
        if name in message.options:
            pieces.append(_Piece(options={name: message.options[name]}, kinds=frozenset({name})))
    if below and len(pieces[-1].files) > 1:
        pieces[-1:] = _without_last(pieces[-1])
    last = len(pieces) - 1
    return [
        Part(
            text=piece.text.text,
            file=piece.files[0] if len(piece.files) == 1 else None,
            files=piece.files if len(piece.files) > 1 else (),
            silent=message.silent,
            protect=message.protect,
            buttons=message.buttons if number == last else (),
            options=_options(message.options, piece, first=number == 0, last=number == last),
        )
        for number, piece in enumerate(pieces)
    ]


def _filed(message: OutboundMessage) -> list[_Piece]:
    """Return the files as calls: neighbours that fit together as albums."""
    pieces = []
    kind, file_id = by_id(message.options)
    if kind:
        pieces.append(_Piece(options={kind: file_id}, kinds=frozenset({kind})))
    for together, run in groupby(message.files, lambda file: _TOGETHER.get(kind_of(file), "")):
        files = list(run)
        size = ALBUM if together else 1
        for start in range(0, len(files), size):
            album = tuple(files[start : start + size])
            pieces.append(_Piece(files=album, kinds=frozenset(map(kind_of, album))))
    return pieces


def _without_last(album: _Piece) -> list[_Piece]:
    """Send an album's last file by itself: an album has no buttons."""
    *most, last = album.files
    before = _Piece(text=album.text, files=tuple(most), options=album.options, kinds=frozenset(map(kind_of, most)))
    return [before, _Piece(files=(last,), kinds=frozenset({kind_of(last)}))]


def _options(given: Mapping[str, Any], piece: _Piece, *, first: bool, last: bool) -> dict[str, Any]:
    fitting = WITH_ALL | (frozenset() if piece.kinds else WITH_TEXT)
    for kind in piece.kinds:
        fitting |= WITH_FILE.get(kind, frozenset())
    fitting |= WITH_FIRST if first else frozenset()
    fitting |= WITH_LAST if last else frozenset()
    options = {name: value for name, value in given.items() if name in fitting} | dict(piece.options)
    entities = piece.text.entities()
    if entities:
        options["entities"] = entities
    return options


def manner(part: Part) -> dict[str, Any]:
    """Return the parameters that are the same whatever is sent."""
    options = {name: value for name, value in part.options.items() if name not in BY_ID and name not in THINGS}
    options.pop("entities", None)
    if options.pop("disable_web_page_preview", False):
        options.setdefault("link_preview_options", {"is_disabled": True})
    if part.silent:
        options["disable_notification"] = True
    if part.protect:
        options["protect_content"] = True
    markup_ = keyboards.inline(part.buttons)
    if markup_ is not None:
        options["reply_markup"] = markup_
    return options


def kind_of(file: OutgoingFile) -> str:
    """Return what a file is sent as; what is no fit for its kind goes as a document."""
    major, _, minor = file.content_type.partition("/")
    if major == "image":
        if minor in ("jpeg", "png", "webp") and file.size <= PHOTO_BYTES:
            return "photo"
        if minor == "gif":
            return "animation"
    elif major == "audio":
        if minor in ("ogg", "opus"):
            return "voice"
        if minor in ("mpeg", "mp3", "mp4", "m4a", "x-m4a"):
            return "audio"
    elif (major, minor) == ("video", "mp4"):
        return "video"
    return "document"
