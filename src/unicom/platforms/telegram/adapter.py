"""Be a Telegram bot: set up its webhook, read its updates, make its calls."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, field_validator

from unicom.conf import settings
from unicom.errors import AuthenticationFailed, DeliveryError
from unicom.platforms.base import Adapter, AdapterConfig, ChannelState
from unicom.platforms.telegram import (
    changing,
    composing,
    contents,
    errors,
    parsing,
    places,
    sending,
    splitting,
    typing_signs,
    webhook,
)
from unicom.platforms.telegram.api import BotApi
from unicom.types import DeliveryResult, Health, InboundEvent, Limits, OutboundMessage, Pace, Part, Setup

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
    supports_html = True
    supports_edit = True
    supports_media_edit = True
    supports_delete = True
    supports_reactions = True
    supports_typing = True
    supports_streaming = True
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

    def health(self, webhook_url: str) -> Health:
        """Ask Telegram how the webhook is."""
        secret = self.config.SECRET_TOKEN.get_secret_value() if self.config.SECRET_TOKEN else ""
        found = webhook.look(self.api, self.state, webhook_url, secret)
        return Health(problems=tuple(map(self.redact, found.problems)), facts=found.facts)

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
        acts = {
            "send": sending.send,
            "edit": changing.edit,
            "delete": changing.delete,
            "react": changing.react,
            "read": changing.read,
        }
        done = acts[part.act](self.api, part)
        if part.act == "send":
            typing_signs.stop(self.api, part.chat)
        return done

    def show_draft(self, chat: str, draft_id: int, text: str, *, parse_mode: str = "") -> bool:
        """Show, in a private chat, an answer that is being written; of a long one its end."""
        where = places.place(chat)
        if where.business or not where.chat.isdecimal():
            return False
        shown = composing.rendered(text, "", parse_mode, {})
        last = (splitting.split(shown) or [shown])[-1]
        params = {"draft_id": draft_id, "text": last.text, "entities": last.entities() or None}
        sending.formatted(self.api, "sendMessageDraft", {**where.params(), **params})
        return True

    def typing(self, chat: str, message: str = "") -> None:
        """Show "typing…" for five seconds."""
        typing_signs.show(self.api, chat)

    def redact(self, text: str) -> str:
        """Return ``text`` without the token and the secret, however they are written."""
        return self.api.redact(super().redact(text))
