"""Be a Telegram bot: set up its webhook, read its updates, make its calls."""

from __future__ import annotations

import contextlib
import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, field_validator

from unicom.conf import settings
from unicom.errors import AuthenticationFailed, DeliveryError
from unicom.platforms import http
from unicom.platforms.base import Adapter, AdapterConfig, ChannelState
from unicom.platforms.telegram import composing, contents, errors, parsing, places, splitting, webhook
from unicom.platforms.telegram.api import BotApi
from unicom.types import DeliveryResult, InboundEvent, Limits, OutboundMessage, OutgoingFile, Pace, Part, Setup

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  the name of a header
_TOKEN = re.compile(r"(\d{1,20}):[A-Za-z0-9_-]{20,200}")
_OLDER = {"TELEGRAM_API_TOKEN": "API_TOKEN", "TELEGRAM_SECRET_TOKEN": "SECRET_TOKEN"}


class TelegramConfig(AdapterConfig):
    """Be what a Telegram channel's config must look like; ``TELEGRAM_…`` spellings of the first two are read too."""

    API_TOKEN: SecretStr = Field(
        validation_alias=AliasChoices("API_TOKEN", "TELEGRAM_API_TOKEN"), description="The token from @BotFather."
    )
    SECRET_TOKEN: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("SECRET_TOKEN", "TELEGRAM_SECRET_TOKEN"),
        description="What Telegram proves itself with at our webhook; generated.",
    )

    @field_validator("API_TOKEN")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()
        if not _TOKEN.fullmatch(token):
            raise ValueError("not a bot token; @BotFather's look like 123456789:AAE…, with 35 signs after the colon")
        return SecretStr(token)

    @field_validator("SECRET_TOKEN")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", value.get_secret_value()):
            raise ValueError("1 to 256 of A-Z, a-z, 0-9, _ and - are needed; leave it out to have one generated")
        return value

    @field_validator("API_URL")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("the address of a Bot API server is needed, such as http://localhost:8081")
        return value

    @classmethod
    def secret_keys(cls) -> frozenset[str]:
        """Name the secrets, in both spellings."""
        return super().secret_keys() | set(_OLDER)

    def secrets(self) -> list[str]:
        """Return the token, the part of it that is secret, and the webhook's secret."""
        token = self.API_TOKEN.get_secret_value()
        found = [token, token.partition(":")[2], self.SECRET_TOKEN.get_secret_value() if self.SECRET_TOKEN else ""]
        return sorted(filter(None, found), key=len, reverse=True)


class TelegramAdapter(Adapter):
    """Translate between the Bot API and us."""

    Config = TelegramConfig
    config: TelegramConfig
    opens_chats = True
    supports_buttons = True
    supports_files = True
    supports_edit = True
    supports_typing = True
    passthrough = composing.PASSTHROUGH
    limits = Limits(
        text=splitting.TEXT,
        caption=splitting.CAPTION,
        buttons=100,
        file_bytes=50 * 1024 * 1024,
        download_bytes=contents.DOWNLOAD_BYTES,
        channel_pace=Pace(count=30, seconds=1),
        chat_pace=Pace(count=1, seconds=1),
        group_pace=Pace(count=20, seconds=60),
    )

    def __init__(self, config: AdapterConfig, state: ChannelState) -> None:
        super().__init__(config, state)
        self.api = BotApi(self.config.API_TOKEN.get_secret_value(), config.API_URL or settings.UNICOM_TELEGRAM_API_URL)

    # Setting up

    @classmethod
    def prepare(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Use the names of today, and generate the webhook's secret where there is none."""
        made = dict(config)
        for older, name in _OLDER.items():
            if older in made and name not in made:
                made[name] = made.pop(older)
        if not made.get("SECRET_TOKEN"):
            made["SECRET_TOKEN"] = secrets.token_urlsafe(32)
        return made

    @classmethod
    def identify(cls, config: Mapping[str, Any]) -> str:
        """Return the bot's id, which every token begins with."""
        token = config.get("API_TOKEN") or config.get("TELEGRAM_API_TOKEN")
        found = _TOKEN.fullmatch(token.strip()) if isinstance(token, str) else None
        return found.group(1) if found else ""

    def setup(self, webhook_url: str) -> Setup:
        """Check the token and bring the webhook up to date; nothing is set that is as it should be."""
        secret = self.config.SECRET_TOKEN.get_secret_value() if self.config.SECRET_TOKEN else ""
        new = {} if secret else {"SECRET_TOKEN": secrets.token_urlsafe(32)}
        bot = webhook.check_token(self.api)
        note = webhook.bring_up_to_date(self.api, self.state, webhook_url, secret or new["SECRET_TOKEN"])
        return Setup(external_id=bot, config=new, note=self.redact(note))

    # Coming in

    def authenticate(self, headers: Mapping[str, str], body: bytes) -> None:
        """Compare the secret header, as bytes and in constant time; without a secret of ours nobody gets in."""
        expected = self.config.SECRET_TOKEN.get_secret_value() if self.config.SECRET_TOKEN else ""
        given = headers.get(SECRET_HEADER) or ""
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode()) or not expected:
            raise AuthenticationFailed("The secret of the webhook is wrong or missing.")

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Read one update."""
        return parsing.parse(payload)

    def fetch(self, reference: Mapping[str, Any]) -> AbstractContextManager[Iterator[bytes]]:
        """Ask where the file is, then open it; more than 20 MB are not to be had."""
        try:
            found = self.api.call("getFile", {"file_id": reference.get("file_id")})
        except DeliveryError as error:
            if errors.says(error, errors.TOO_BIG):
                raise DeliveryError("the file has more than 20 MB, the most a bot can fetch", code="400") from None
            raise
        path = found.get("file_path") if isinstance(found, dict) else None
        if not isinstance(path, str) or not path:
            raise DeliveryError("Telegram names no place for the file", retryable=True, code="file")
        return self.api.download(path)

    def answer_click(self, click_id: str, text: str = "") -> None:
        """Stop the button's spinning, with a word where there is something to say."""
        self.api.call("answerCallbackQuery", {"callback_query_id": click_id, "text": text[:200] or None})

    # Going out

    def check(self, message: OutboundMessage) -> None:
        """Refuse what Telegram would refuse."""
        composing.check(message)

    def split(self, message: OutboundMessage) -> list[Part]:
        """Cut a message into calls."""
        return composing.split(message)

    def deliver(self, part: Part) -> DeliveryResult:
        """Make the call; one that was surely refused for its formatting or its picture is made once more, plainer."""
        acts = {"send": self._send, "edit": self._edit, "delete": self._delete}
        if part.act not in acts:
            raise DeliveryError(f"Telegram channels cannot {part.act} yet", code="unsupported")
        return acts[part.act](part)

    def typing(self, chat: str, message: str = "") -> None:
        """Show "typing…" for five seconds."""
        self.api.call("sendChatAction", {**places.place(chat).params(), "action": "typing"})

    def redact(self, text: str) -> str:
        """Return ``text`` without the token and the secret, however they are written."""
        return self.api.redact(super().redact(text))

    def _send(self, part: Part) -> DeliveryResult:
        where = places.place(part.chat)
        params = {**where.params(), **composing.manner(part), "reply_parameters": _reply(where, part.reply_to)}
        shown = composing.rendered(part.text, part.parse_mode, part.options)
        entities = shown.entities() or None
        if part.file is None:
            sent = self._formatted("sendMessage", {**params, "text": shown.text, "entities": entities})
        else:
            sent = self._send_file(part.file, {**params, "caption": shown.text or None, "caption_entities": entities})
        return _result(where, sent)

    def _send_file(self, file: OutgoingFile, params: dict[str, Any]) -> Any:
        method, name = composing.method_for(file)
        plain = {key: value for key, value in params.items() if key not in composing.WITH_FILE}
        try:
            fitting = params if name in ("photo", "video", "animation") else plain
            return self._formatted(method, fitting, file=file, name=name)
        except DeliveryError as error:
            if name == "document" or not errors.says(error, errors.NO_PHOTO):
                raise
            return self._formatted("sendDocument", plain, file=file, name="document")

    def _formatted(
        self, method: str, params: dict[str, Any], *, file: OutgoingFile | None = None, name: str = ""
    ) -> Any:
        """Make a call; where Telegram cannot make sense of the formatting, once more without it."""
        try:
            return self._call(method, params, file, name)
        except DeliveryError as error:
            given = {key: params[key] for key in ("entities", "caption_entities") if params.get(key)}
            if not given or not errors.says(error, errors.CANNOT_PARSE):
                raise
            return self._call(method, {**params, **dict.fromkeys(given)}, file, name)

    def _call(self, method: str, params: dict[str, Any], file: OutgoingFile | None, name: str) -> Any:
        if file is None:
            return self.api.call(method, params)
        try:
            content = file.open()
        except OSError:
            raise DeliveryError(f"the file {file.name!r} is not in our storage any more", code="file") from None
        with contextlib.closing(content):
            uploads: dict[str, http.File] = {name: (file.name, content, file.content_type)}
            return self.api.call(method, params, files=uploads)

    def _edit(self, part: Part) -> DeliveryResult:
        _, params = _target(part)
        keyboard = composing.keyboard(part.buttons)
        params["reply_markup"] = keyboard or part.options.get("reply_markup")
        shown = composing.rendered(part.text, part.parse_mode, part.options)
        try:
            if not part.text:
                edited = self.api.call("editMessageReplyMarkup", params)
            else:
                edited = self._edit_text(params, shown.text, shown.entities() or None, part)
        except DeliveryError as error:
            if not errors.says(error, errors.NOT_MODIFIED):
                raise
            return DeliveryResult(external_id="", raw={"not_modified": True})
        return DeliveryResult(raw=_kept(edited))

    def _edit_text(self, params: dict[str, Any], text: str, entities: Any, part: Part) -> Any:
        preview = composing.manner(part).get("link_preview_options")
        try:
            return self._formatted(
                "editMessageText", {**params, "text": text, "entities": entities, "link_preview_options": preview}
            )
        except DeliveryError as error:
            # Only Telegram knows whether it was a text or a file with a caption.
            if not errors.says(error, errors.NO_TEXT):
                raise
            return self._formatted("editMessageCaption", {**params, "caption": text, "caption_entities": entities})

    def _delete(self, part: Part) -> DeliveryResult:
        _, params = _target(part)
        params.pop("business_connection_id", None)
        try:
            self.api.call("deleteMessage", params)
        except DeliveryError as error:
            if not errors.says(error, errors.ALREADY_GONE):
                raise
        return DeliveryResult()


def _reply(where: places.Place, reply_to: str) -> dict[str, Any] | None:
    answered = places.message(reply_to) if reply_to else None
    # A group that became a supergroup counts its messages anew: the old number would be another message.
    if answered is None or (answered[0].business, answered[0].chat) != (where.business, where.chat):
        return None
    return {"message_id": answered[1], "allow_sending_without_reply": True}


def _target(part: Part) -> tuple[places.Place, dict[str, Any]]:
    found = places.message(part.target)
    if found is None:
        raise DeliveryError(f"{part.target!r} is not the id of a Telegram message", code="no_target")
    return found[0], {**found[0].params(), "message_id": found[1]}


def _result(where: places.Place, sent: Any) -> DeliveryResult:
    if not isinstance(sent, dict) or not isinstance(sent.get("message_id"), int):
        return DeliveryResult()  # "ok" without a message: it was sent, and cannot be edited
    chat = sent.get("chat")
    chat_id = chat.get("id") if isinstance(chat, dict) else None
    there = places.Place(business=where.business, chat=str(chat_id) if isinstance(chat_id, int) else where.chat)
    return DeliveryResult(external_id=there.message(sent["message_id"]), raw=_kept(sent))


def _kept(sent: Any) -> dict[str, Any]:
    """Keep what is of use later: the number, the time, and the ids by which a file can be sent again."""
    if not isinstance(sent, dict):
        return {}
    kept = {name: sent[name] for name in ("message_id", "date", "edit_date") if name in sent}
    for name in ("photo", "document", "audio", "voice", "video", "animation"):
        described = sent.get(name)
        if isinstance(described, list) and described:
            described = described[-1]
        if isinstance(described, dict) and isinstance(described.get("file_id"), str):
            kept["file_id"] = described["file_id"]
            break
    return kept
