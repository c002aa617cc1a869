"""Read what a caller wants sent: every key checked, every problem named, nothing saved yet."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File

from unicom import buttons, idempotency, identities, media, platform_templates, template_images, templating
from unicom.cleaning import text_problem
from unicom.errors import InvalidMessage
from unicom.ids import chat_key
from unicom.models import CallbackExecution, Channel, Chat, Message
from unicom.models.message import PRIORITY_BULK, PRIORITY_NORMAL, PRIORITY_REPLY
from unicom.platforms.base import Adapter
from unicom.types import Answered, Button, OutboundMessage, OutgoingFile, TemplateDefinition

COMMON_KEYS = frozenset(
    {
        "chat_id", "text", "html", "type", "file_path", "attachments", "base64_image", "base64_audio", "buttons",
        "reply_markup", "parse_mode", "reply_to_message_id", "silent", "protect", "priority", "idempotency_key",
        "cancel_on_reply", *templating.KEYS,
    }
)  # fmt: skip
FILE_KEYS = frozenset({"file_path", "attachments", "base64_image", "base64_audio"})
ADDRESS_KEYS = frozenset({"subject", "to", "cc", "bcc", "reply_to", "from_name", "list_unsubscribe", "skip_reacher"})
TEMPLATE_KEYS = frozenset({"template", "on_closed_window"})
EDIT_KEYS = frozenset({"text", "html", "buttons", "reply_markup", "parse_mode"})
PRIORITIES = {"reply": PRIORITY_REPLY, "normal": PRIORITY_NORMAL, "bulk": PRIORITY_BULK}
PARSE_MODES = ("HTML", "Markdown", "MarkdownV2")
TYPES = ("text", "html", "image", "audio", "video", "file")


@dataclass(kw_only=True, slots=True)
class WishedFile:
    """Be a file a caller wants sent, not copied yet."""

    name: str
    size: int
    content_type: str
    path: Path | None = None
    data: bytes = b""
    file: File[bytes] | None = None

    def described(self, stored_path: str = "") -> OutgoingFile:
        """Return it as the adapter sees it."""
        return OutgoingFile(
            path=stored_path,
            name=media.clean_name(self.name),
            content_type=self.content_type,
            kind=media.kind_of(self.content_type),
            size=self.size,
        )

    def store(self, stored: list[str]) -> OutgoingFile:
        """Copy it into our storage, noting the path in ``stored`` so that a failure can take it away again."""
        with self._opened() as content:
            path = media.store(content, self.name)[0]
        stored.append(path)
        return self.described(path)

    def _opened(self) -> AbstractContextManager[IO[bytes]]:
        if self.path is not None:
            return self.path.open("rb")
        return io.BytesIO(self.data) if self.file is None else _opened(self.file)


@dataclass(kw_only=True, slots=True)
class Wish:
    """Be what a caller wants sent, read and checked."""

    chat: Chat | None = None
    new_chat: str = ""
    """The external id of a conversation this opens."""
    answered: Message | None = None
    text: str = ""
    html: str = ""
    subject: str = ""
    addresses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    from_name: str = ""
    list_unsubscribe: str = ""
    skip_reacher: bool = False
    answers: Answered | None = None
    is_automatic: bool = False
    files: list[WishedFile] = field(default_factory=list)
    rows: list[list[Button]] = field(default_factory=list)
    executions: list[CallbackExecution] = field(default_factory=list)
    parse_mode: str = ""
    silent: bool = False
    protect: bool = False
    cancel_on_reply: bool = False
    priority: int = PRIORITY_NORMAL
    idempotency_key: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)
    is_edit: bool = False
    has_media: bool = False
    """What is edited has a file."""
    template: TemplateDefinition | None = None
    before: Wish | None = None
    """The template that goes first where the chat is closed; this message waits until it opens."""

    def outbound(self, files: tuple[OutgoingFile, ...] | None = None) -> OutboundMessage:
        """Return it as the adapter sees it."""
        return OutboundMessage(
            text=self.text,
            html=self.html,
            subject=self.subject,
            from_name=self.from_name,
            list_unsubscribe=self.list_unsubscribe,
            skip_reacher=self.skip_reacher,
            answers=self.answers,
            is_automatic=self.is_automatic,
            to=self.addresses.get("to", ()),
            cc=self.addresses.get("cc", ()),
            bcc=self.addresses.get("bcc", ()),
            reply_to=self.addresses.get("reply_to", ()),
            files=tuple(item.described() for item in self.files) if files is None else files,
            buttons=tuple(tuple(row) for row in self.rows),
            parse_mode=self.parse_mode,
            silent=self.silent,
            protect=self.protect,
            is_reply=self.answered is not None,
            is_edit=self.is_edit,
            has_media=self.has_media,
            options=self.options,
            template=self.template,
        )

    def sender_name(self, user: Any) -> str:
        """Return the name shown as the sender's."""
        if self.from_name:
            return self.from_name
        return (user.get_full_name() or user.get_username()) if user is not None else "Bot"


def read(
    adapter: Adapter,
    channel: Channel,
    data: Any,
    problems: dict[str, str],
    *,
    chat: Chat | None,
    answered: Message | None,
    user: Any = None,
) -> Wish:
    """Read a send; what is wrong with it is added to ``problems``, key by key."""
    wish = Wish(chat=chat, answered=answered)
    if not isinstance(data, Mapping):
        problems["message"] = f"a dict is needed, not {type(data).__name__}"
        return wish
    given = {key: value for key, value in data.items() if value is not None}
    addresses = ADDRESS_KEYS if adapter.supports_addresses else frozenset()
    templates = TEMPLATE_KEYS if adapter.supports_templates else frozenset()
    _keys(adapter, channel, given, COMMON_KEYS | addresses | templates, problems)
    _content(adapter, templating.rendered(channel, given, problems, user=user), problems, wish)
    if adapter.supports_addresses and "/t/" in wish.html:
        # A mail takes a template's images along: who reads it may not be let to our site.
        wish.html = template_images.embedded(wish.html)
    _place(adapter, channel, given, problems, wish)
    _manner(adapter, given, problems, wish)
    _template(channel, given, problems, wish)
    says_something = wish.text.strip() or wish.html.strip() or wish.files or wish.options or "template" in given
    if not says_something and not {"text", "html"} & set(problems) and not any(given.get(key) for key in FILE_KEYS):
        problems["text"] = "required: a message needs text, html or a file"
    if not problems and wish.idempotency_key:
        place = {"chat_id": wish.chat.pk if wish.chat else chat_key(channel.platform, channel.pk, wish.new_chat)}
        plain = {key: value for key, value in given.items() if key not in ("buttons", "reply_markup")}
        if wish.rows:
            # Tokens differ each time; what the buttons say and mean does not.
            meaning = {execution.pk: execution.callback_data for execution in wish.executions}
            plain["buttons"] = [
                [[b.text, b.url or meaning.get(b.token.partition(".")[0])] for b in row] for row in wish.rows
            ]
        plain.update({"reply_to_message_id": wish.answered.pk} if wish.answered else {})
        wish.content = idempotency.fingerprint({**plain, **place})
    return wish


def read_edit(adapter: Adapter, channel: Channel, data: Any, problems: dict[str, str], *, message: Message) -> Wish:
    """Read an edit; a key that is absent leaves that part of the message as it is, but for the buttons."""
    wish = Wish(chat=message.chat, is_edit=True)
    if not isinstance(data, Mapping):
        problems["data"] = f"a dict is needed, not {type(data).__name__}"
        return wish
    given = {key: value for key, value in data.items() if value is not None}
    known = EDIT_KEYS | (FILE_KEYS - {"attachments"} if adapter.supports_media_edit else frozenset())
    _keys(adapter, channel, given, known, problems)
    _content(adapter, given, problems, wish)
    wish.has_media = bool(message.media)
    if len(wish.files) > 1:
        problems["file_path"] = "a message that is edited gets one file"
    if "text" not in given and "html" not in given:
        if not {"buttons", "reply_markup", *FILE_KEYS, *adapter.passthrough} & set(given):
            problems.setdefault("text", "required: an edit needs text, html, buttons or reply_markup")
        wish.text, wish.html = message.text, message.html
    elif not (wish.text.strip() or wish.html.strip() or wish.files or wish.has_media) and not {"text", "html"} & set(
        problems
    ):
        problems["text"] = "required: a message cannot become empty"
    _manner(adapter, given, problems, wish)
    return wish


def _keys(
    adapter: Adapter, channel: Channel, given: Mapping[Any, Any], known: frozenset[str], problems: dict[str, str]
) -> None:
    for key in given:
        if not isinstance(key, str):
            problems[repr(key)] = "keys must be text"
        elif key not in known and key not in adapter.passthrough:
            problems[key] = f"not a key of a {channel.platform} message"


def _content(adapter: Adapter, given: Mapping[Any, Any], problems: dict[str, str], wish: Wish) -> None:
    for key in ("text", "html", "subject", "from_name", "list_unsubscribe"):
        if key in given and key not in problems:
            if sentence := text_problem(given[key]):
                problems[key] = sentence
            else:
                setattr(wish, key, given[key])
    for key in ("to", "cc", "bcc", "reply_to"):
        if key in given and key not in problems:
            value = [given[key]] if isinstance(given[key], str) else given[key]
            if not isinstance(value, list | tuple) or any(text_problem(item) for item in value):
                problems[key] = f"a list of addresses is needed, not {given[key]!r}"
            else:
                wish.addresses[key] = tuple(value)
    if wish.html and not adapter.supports_html:
        wish.text = wish.text or html_to_text(wish.html)
        wish.html = ""
    elif wish.html and not adapter.supports_addresses:
        wish.text = wish.text or html_to_text(wish.html)
    _files(given, problems, wish)
    _buttons(given, problems, wish)


def html_to_text(html: str) -> str:
    """Return the words of some HTML, line by line."""
    from django.utils.html import strip_tags

    html = re.sub(r"(?is)<(style|script|title)\b.*?</\1\s*>", "", html)
    broken = re.sub(r"(?i)<br\s*/?>|</(p|div|h[1-6]|li|tr)>", "\n", html)
    import html as entities

    return re.sub(r"\n{3,}", "\n\n", entities.unescape(strip_tags(broken))).strip()


def _files(given: Mapping[Any, Any], problems: dict[str, str], wish: Wish) -> None:
    paths = [("file_path", given["file_path"])] if "file_path" in given else []
    attachments = given.get("attachments", [])
    if not isinstance(attachments, list | tuple):
        problems["attachments"] = f"a list of paths is needed, not {type(attachments).__name__}"
        attachments = []
    paths += [(f"attachments[{number}]", path) for number, path in enumerate(attachments)]
    for key, value in paths:
        if isinstance(value, File):
            _file(key, value, problems, wish)
            continue
        if not isinstance(value, str | Path) or not str(value):
            problems[key] = f"the path of a file, or a File, is needed, not {value!r}"
            continue
        path = media.readable_path(str(value)) if "\x00" not in str(value) else None
        if path is None:
            problems[key] = f"there is no file {str(value)!r}"
            continue
        try:
            with path.open("rb") as content:
                head = content.read(4096)
        except OSError as error:
            problems[key] = f"{str(value)!r} cannot be read ({error.strerror})"
            continue
        wish.files.append(
            WishedFile(name=path.name, size=path.stat().st_size, content_type=media.detect(head, path.name), path=path)
        )
    for key, major in (("base64_image", "image"), ("base64_audio", "audio")):
        if key in given:
            _base64(key, major, given[key], problems, wish)


def _file(key: str, value: File[bytes], problems: dict[str, str], wish: Wish) -> None:
    name = (value.name or "file").replace("\\", "/").rsplit("/", 1)[-1]
    try:
        with _opened(value) as content:
            head: Any = content.read(4096)
            size = content.seek(0, io.SEEK_END)
            content.seek(0)
    except FileNotFoundError:
        problems[key] = f"there is no file {name!r}"
    except (OSError, ValueError, TypeError) as error:
        problems[key] = f"{name!r} cannot be read ({type(error).__name__})"
    else:
        if not isinstance(head, bytes):
            problems[key] = f"{name!r} is open as text; open it as bytes"
            return
        wish.files.append(WishedFile(name=name, size=size, content_type=media.detect(head, name), file=value))


def _opened(file: File[bytes]) -> AbstractContextManager[IO[bytes]]:
    """Open a file from its beginning; one of the caller's stays open."""
    content: Any = file.open("rb")
    return content if isinstance(file, media.StoredFile) else nullcontext(content)


def _base64(key: str, major: str, value: Any, problems: dict[str, str], wish: Wish) -> None:
    try:
        declared, comma, encoded = value.partition(",") if value.startswith("data:") else ("", ",", value)
        data = base64.b64decode("".join(encoded.split()), validate=True) if comma else b""
    except (AttributeError, ValueError, binascii.Error):
        data, declared = b"", ""
    content_type = media.detect(data[:4096], declared=declared.removeprefix("data:")) if data else ""
    if not content_type.startswith(f"{major}/"):
        problems[key] = f"base64 of an {major} is needed, with or without data:…;base64, before it"
        return
    ending = content_type.partition("/")[2].removeprefix("x-")
    wish.files.append(WishedFile(name=f"{major}.{ending}", size=len(data), content_type=content_type, data=data))


def _buttons(given: Mapping[Any, Any], problems: dict[str, str], wish: Wish) -> None:
    if "buttons" in given and "reply_markup" in given:
        problems["reply_markup"] = "give either buttons or reply_markup"
    elif "buttons" in given and "buttons" not in problems:
        wish.rows, wish.executions = buttons.read(given["buttons"], problems)
    elif "reply_markup" in given and "reply_markup" not in problems:
        found = buttons.read_markup(given["reply_markup"], problems)
        if found is not None:
            wish.rows, wish.executions = found
        elif "reply_markup" not in problems:
            try:
                wish.options["reply_markup"] = buttons.plain(given["reply_markup"])
            except (TypeError, ValueError, RecursionError) as error:
                problems["reply_markup"] = f"cannot be written as JSON ({error})"


def _place(adapter: Adapter, channel: Channel, given: Mapping[Any, Any], problems: dict[str, str], wish: Wish) -> None:
    if "chat_id" in given and "chat_id" not in problems:
        _find_chat(adapter, channel, given["chat_id"], problems, wish)
    if "reply_to_message_id" in given and wish.answered is None:
        value = "" if text_problem(str(given["reply_to_message_id"])) else given["reply_to_message_id"]
        answered = Message.objects.select_related("chat").filter(pk=str(value), channel=channel).first()
        place = wish.chat or (answered.chat if answered else None)
        if answered is None and place is not None:
            answered = Message.objects.filter(chat=place, external_id=str(value)).first()
        if answered is None or (place is not None and answered.chat_id != place.pk):
            problems["reply_to_message_id"] = f"{value!r} is not a message of this chat"
        else:
            wish.answered, wish.chat = answered, place
    if wish.answered is not None:
        wish.priority = PRIORITY_REPLY
    is_addressed = any(wish.addresses.get(key) for key in ("to", "cc", "bcc"))
    if wish.chat is None and not wish.new_chat and "chat_id" not in problems and not is_addressed:
        problems["chat_id"] = "required"


def _find_chat(adapter: Adapter, channel: Channel, value: Any, problems: dict[str, str], wish: Wish) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int) or text_problem(str(value)) or not str(value):
        problems["chat_id"] = f"the id of a chat is needed, not {value!r}"
        return
    text = str(value)
    if wish.chat is not None:
        if text not in (wish.chat.pk, wish.chat.external_id):
            problems["chat_id"] = f"{text!r} is another chat than {wish.chat.pk!r}"
        return
    if len(text) > 255:
        problems["chat_id"] = f"{text[:40]!r}… has {len(text):,} characters; an id has at most 255"
        return
    wish.chat = (
        Chat.objects.filter(pk=text, channel=channel).first()
        or Chat.objects.filter(external_id=text, channel=channel).first()
    )
    if wish.chat is not None:
        return
    if adapter.opens_chats and not text.startswith(f"{channel.platform.lower()}_"):
        _open_or_find(adapter, channel, text, problems, wish)
    else:
        problems["chat_id"] = f"{text!r} is not a chat of channel {channel.name!r}"


def _open_or_find(adapter: Adapter, channel: Channel, text: str, problems: dict[str, str], wish: Wish) -> None:
    """Take an id the platform knows; the person may have a chat under another one of theirs."""
    try:
        address = adapter.address(text)
    except InvalidMessage as error:
        problems.update(error.problems)
        return
    wish.chat = (
        Chat.objects.filter(external_id=address, channel=channel).first() if address != text else None
    ) or identities.find_chat(channel, address)
    if wish.chat is None:
        wish.new_chat = address


def _template(channel: Channel, given: Mapping[Any, Any], problems: dict[str, str], wish: Wish) -> None:
    if "template" in given and "template" not in problems:
        found = platform_templates.find(channel, given["template"], "template", problems)
        if found is not None:
            wish.template, values = found
            try:
                wish.options["template"] = buttons.plain(values)
            except (TypeError, ValueError, RecursionError) as error:
                problems["template"] = f"cannot be written as JSON ({error})"
    if "on_closed_window" in given and "on_closed_window" not in problems:
        _before(channel, given["on_closed_window"], problems, wish)


def _before(channel: Channel, value: Any, problems: dict[str, str], wish: Wish) -> None:
    if isinstance(value, str) and value.startswith("template:"):
        value = value.removeprefix("template:").strip()
    elif not isinstance(value, Mapping):
        problems["on_closed_window"] = f"'template:<name>', or an object as under template, is needed, not {value!r}"
        return
    found = platform_templates.find(channel, value, "on_closed_window", problems)
    if found is not None:
        definition, values = found
        wish.before = Wish(template=definition, options={"template": values}, priority=wish.priority)


def _manner(adapter: Adapter, given: Mapping[Any, Any], problems: dict[str, str], wish: Wish) -> None:
    for key in ("silent", "protect", "cancel_on_reply", "skip_reacher"):
        if key in given:
            if isinstance(given[key], bool):
                setattr(wish, key, given[key])
            else:
                problems[key] = f"{given[key]!r} is not True or False"
    if "priority" in given:
        if given["priority"] in PRIORITIES:
            wish.priority = PRIORITIES[given["priority"]]
        else:
            problems["priority"] = f"{given['priority']!r} is not one of {', '.join(PRIORITIES)}"
    if "parse_mode" in given:
        if given["parse_mode"] in PARSE_MODES:
            wish.parse_mode = given["parse_mode"]
        else:
            problems["parse_mode"] = f"{given['parse_mode']!r} is not one of {', '.join(PARSE_MODES)}"
    if "type" in given and given["type"] not in TYPES:
        problems["type"] = f"{given['type']!r} is not one of {', '.join(TYPES)}"
    if "idempotency_key" in given:
        key = given["idempotency_key"]
        if not isinstance(key, str) or not 0 < len(key) <= 255 or text_problem(key):
            problems["idempotency_key"] = f"a text of 1 to 255 characters is needed, not {key!r}"
        else:
            wish.idempotency_key = key
    for key in adapter.passthrough & set(given) - COMMON_KEYS:
        try:
            wish.options[key] = buttons.plain(given[key])
        except (TypeError, ValueError, RecursionError) as error:
            problems[key] = f"cannot be written as JSON ({error})"
