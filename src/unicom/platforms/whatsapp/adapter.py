"""Be a number of WhatsApp's Cloud API: prove and read its webhooks, make its calls, know its window and templates."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from typing import Any

from unicom.conf import settings
from unicom.errors import AnomalousPayload, AuthenticationFailed, DeliveryError
from unicom.platforms.base import Adapter, AdapterConfig, ChannelState
from unicom.platforms.whatsapp import choices, composing, files, parsing, people, setup, templates
from unicom.platforms.whatsapp.api import GraphApi
from unicom.platforms.whatsapp.config import OLDER, WhatsAppConfig
from unicom.types import (
    DeliveryResult,
    InboundEvent,
    Limits,
    OutboundMessage,
    Pace,
    Part,
    Setup,
    TemplateDefinition,
)

SIGNATURE = "X-Hub-Signature-256"
_TEMPLATE_FIELDS = "id,name,language,category,status,quality_score,parameter_format,components"


class WhatsAppAdapter(Adapter):
    """Translate between the Cloud API and us."""

    Config = WhatsAppConfig
    config: WhatsAppConfig
    opens_chats = True
    supports_buttons = True
    numbers_buttons = True
    supports_files = True
    supports_typing = True
    supports_reactions = True
    typing_lasts = 25.0
    supports_templates = True
    window = timedelta(hours=24)
    identity_keys = people.KEYS
    passthrough = composing.PASSTHROUGH
    limits = Limits(
        text=choices.TEXT,
        caption=choices.BODY,
        buttons=100,
        file_bytes=files.LARGEST,
        download_bytes=files.LARGEST,
        channel_pace=Pace(count=80, seconds=1),
        # About one message in six seconds to a person, with bursts of what six minutes allow.
        chat_pace=Pace(count=45, seconds=270),
    )

    def __init__(self, config: AdapterConfig, state: ChannelState) -> None:
        super().__init__(config, state)
        self.api = GraphApi(
            self.config.ACCESS_TOKEN.get_secret_value(),
            config.API_URL or settings.UNICOM_WHATSAPP_API_URL,
            settings.UNICOM_WHATSAPP_API_VERSION,
        )

    # Setting up

    @classmethod
    def prepare(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Use the names of today, and generate the verify token where there is none."""
        made = dict(config)
        for older, name in OLDER.items():
            if older in made and name not in made:
                made[name] = made.pop(older)
        if not made.get("VERIFY_TOKEN"):
            made["VERIFY_TOKEN"] = secrets.token_urlsafe(24)
        return made

    @classmethod
    def identify(cls, config: Mapping[str, Any]) -> str:
        """Return the number's id."""
        number = config.get("PHONE_NUMBER_ID") or config.get("WHATSAPP_PHONE_NUMBER_ID")
        if isinstance(number, str | int) and not isinstance(number, bool) and str(number).strip().isdigit():
            return str(number).strip()
        return ""

    def setup(self, webhook_url: str) -> Setup:
        """Check token, number, secret and subscription."""
        return setup.check(self.api, self.config, webhook_url)

    # Coming in

    @classmethod
    def route(cls, body: bytes) -> list[tuple[str, Any]]:
        """Give each message, status and change to the number it is for."""
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            raise AnomalousPayload("The body is not JSON.") from None
        return parsing.addresses(payload)

    @classmethod
    def addressees(cls, body: bytes) -> set[str]:
        """Name the numbers a payload is for."""
        try:
            return parsing.addressees(json.loads(body))
        except (ValueError, RecursionError, AnomalousPayload):
            return set()

    def concerns(self, address: str) -> bool:
        """Tell whether what is addressed to an account is for this number."""
        account = self.config.BUSINESS_ACCOUNT_ID
        return bool(account) and address == f"account:{account}"

    @classmethod
    def handshake(cls, query: Mapping[str, str], configs: Sequence[AdapterConfig]) -> str | None:
        """Echo the challenge to whoever knows the verify token of one of the channels."""
        given = query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
        known = [
            config.VERIFY_TOKEN.get_secret_value().encode()
            for config in configs
            if isinstance(config, WhatsAppConfig) and config.VERIFY_TOKEN is not None
        ]
        # All are compared, so that the time tells nothing.
        matches = [hmac.compare_digest(given, token) for token in known]
        if query.get("hub.mode") != "subscribe" or not any(matches):
            raise AuthenticationFailed("The verify token is wrong or missing.")
        return query.get("hub.challenge", "")

    def authenticate(self, headers: Mapping[str, str], body: bytes) -> None:
        """Compare the signature of the raw bytes with those our secrets make, in constant time."""
        algorithm, _, given = (headers.get(SIGNATURE) or "").partition("=")
        signature = given.encode("utf-8", "surrogatepass")
        matches = [
            hmac.compare_digest(signature, hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode())
            for secret in self.config.app_secrets()
        ]
        if algorithm != "sha256" or not any(matches):
            raise AuthenticationFailed("The signature of the webhook is wrong or missing.")

    def items(self, payload: Any) -> list[Any]:
        """Return one payload for each message, status and change."""
        return list(parsing.items(payload))

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Read what a payload tells."""
        return parsing.parse(payload, self.config.scope)

    @classmethod
    def numbered_choices(cls, rows: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
        """Return which button each number stands for, where the buttons were shown as numbered lines."""
        return choices.numbered(rows)

    def fetch(self, reference: Mapping[str, Any]) -> AbstractContextManager[Iterator[bytes]]:
        """Ask where the file is, then open it; its digest is checked while it is read."""
        return self._fetch(reference)

    @contextmanager
    def _fetch(self, reference: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        try:
            found = self.api.get(str(reference.get("media_id")), phone_number_id=self.config.PHONE_NUMBER_ID)
        except DeliveryError as error:
            if error.code in ("100", "33", "131052", "131053"):
                raise DeliveryError(
                    f"the file is not to be had any more; WhatsApp keeps it for seven days ({error.reason})",
                    code=error.code,
                ) from None
            raise
        url = found.get("url")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise DeliveryError("WhatsApp names no place for the file", retryable=True, code="file")
        with self.api.download(url) as chunks:
            yield _verified(chunks, str(reference.get("sha256") or found.get("sha256") or ""))

    # Going out

    @classmethod
    def address(cls, chat_id: str) -> str:
        """Return a phone number in digits alone, and ids as they are."""
        return people.address(chat_id)

    def check(self, message: OutboundMessage) -> None:
        """Refuse what WhatsApp would refuse."""
        composing.check(message)

    def split(self, message: OutboundMessage) -> list[Part]:
        """Cut a message into calls."""
        return composing.split(message)

    def template_text(self, message: OutboundMessage) -> str:
        """Return what people will read of a template with its values."""
        return templates.fill(message).text

    def templates(self) -> list[TemplateDefinition] | None:
        """Return all templates of the account, None where it is not known."""
        if not self.config.BUSINESS_ACCOUNT_ID:
            return None
        path = f"{self.config.BUSINESS_ACCOUNT_ID}/message_templates"
        return templates.read(setup.pages(self.api, path, fields=_TEMPLATE_FIELDS, limit="100"))

    def deliver(self, part: Part) -> DeliveryResult:
        """Make the call; a file is uploaded first, which nobody sees."""
        if part.act in ("edit", "delete"):
            raise DeliveryError(f"WhatsApp messages cannot be {part.act.rstrip('e')}ed", code="unsupported")
        if part.act == "read":
            self.show(part.target, typing=False)
            return DeliveryResult()
        if not part.chat:
            raise DeliveryError("the chat has no number or id to send to", code="no_recipient")
        message: dict[str, Any] = {"messaging_product": "whatsapp", **people.recipient(part.chat)}
        if part.act == "react":
            message.update(type="reaction", reaction={"message_id": part.target, "emoji": part.text})
        else:
            uploaded = files.upload(self.api, self.config.PHONE_NUMBER_ID, part.file) if part.file else None
            message.update(composing.payload(part, uploaded))
            if part.reply_to:
                message["context"] = {"message_id": part.reply_to}
        if part.delivery_id:
            message["biz_opaque_callback_data"] = part.delivery_id
        return _result(self.api.post(f"{self.config.PHONE_NUMBER_ID}/messages", message))

    def show(self, wamid: str, *, typing: bool) -> None:
        """Mark a message and those before it as read; with ``typing`` also that an answer is being written."""
        call: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
        if typing:
            call["typing_indicator"] = {"type": "text"}
        self.api.post(f"{self.config.PHONE_NUMBER_ID}/messages", call)

    def typing(self, chat: str, message: str = "") -> None:
        """Mark the message that is being answered as read, and show "typing…" for 25 seconds at most."""
        if message:
            self.show(message, typing=True)

    def redact(self, text: str) -> str:
        """Return ``text`` without the token and the secrets, however they are written."""
        return self.api.redact(super().redact(text))


def _verified(chunks: Iterator[bytes], expected: str) -> Iterator[bytes]:
    """Pass a file on, and fail at its end if it is not the one that was announced."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if expected and digest.digest() not in _digests(expected):
        raise DeliveryError("the file that came is not the one WhatsApp announced", retryable=True, code="sha256")


def _digests(text: str) -> list[bytes]:
    """Read a digest in hexadecimal or base64: WhatsApp writes both."""
    found = []
    with suppress(ValueError):
        found.append(bytes.fromhex(text))
    with suppress(ValueError):
        found.append(base64.b64decode(text, validate=True))
    return found


def _result(answer: Mapping[str, Any]) -> DeliveryResult:
    messages = answer.get("messages")
    first = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], dict) else {}
    wamid = first.get("id")
    kept = {key: answer[key] for key in ("contacts", "messages") if isinstance(answer.get(key), list)}
    return DeliveryResult(external_id=wamid if isinstance(wamid, str) else "", raw=kept)
