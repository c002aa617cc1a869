"""Translate between us and the Pigeon Post, an imaginary platform, as an outsider would: with what is public."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr

from unicom.errors import AnomalousPayload, AuthenticationFailed, DeliveryError
from unicom.platforms.base import Adapter, AdapterConfig
from unicom.types import (
    ButtonClicked,
    Conversation,
    DeliveryResult,
    InboundEvent,
    Limits,
    MessageReceived,
    OutboundMessage,
    Part,
    Person,
    StatusChanged,
)

STATUSES = {"landed": "delivered", "read": "seen", "lost": "failed"}
LONGEST = 280


class Loft:
    """Be the wire: the letters that arrived, and the weather that keeps them from it."""

    letters: list[dict[str, Any]] = []
    weather = "fair"


class PigeonConfig(AdapterConfig):
    """Be the config of a Pigeon Post channel."""

    KEY: SecretStr = Field(min_length=8, description="Signs what the post office reports.")


class PigeonAdapter(Adapter):
    """Write letters of at most 280 characters, with seals to break."""

    Config = PigeonConfig
    config: PigeonConfig
    opens_chats = True
    supports_buttons = True
    limits = Limits(text=LONGEST, buttons=6)

    def authenticate(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check the HMAC of the body."""
        expected = hmac.new(self.config.KEY.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
        given = headers.get("X-Pigeon-Signature") or ""
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise AuthenticationFailed("The signature is not the post office's.")

    def items(self, payload: Any) -> list[Any]:
        """Take one report, or a flock of them."""
        return payload if isinstance(payload, list) else [payload]

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Read a letter, a broken seal or a sighting; feathers are of no interest."""
        kind = payload.get("type") if isinstance(payload, dict) else None
        if kind == "feather":
            return []
        if kind == "sighting" and payload.get("what") in list(STATUSES):
            status: Any = STATUSES[payload["what"]]
            return [StatusChanged(external_id=_text(payload, "letter"), status=status, raw=payload)]
        if kind not in ("letter", "seal"):
            raise AnomalousPayload("type: one of letter, seal, sighting and feather is needed.")
        key, sender = _text(payload, "id"), Person(external_id=_text(payload, "from"))
        place = Conversation(external_id=_text(payload, "loft"))
        if kind == "seal":
            token = _text(payload, "seal")
            return [ButtonClicked(key=key, sender=sender, conversation=place, token=token, raw=payload)]
        when = payload.get("at")
        if when is not None and not (type(when) is int and 0 <= when < 2**32):
            raise AnomalousPayload("at: whole seconds are needed.")
        return [
            MessageReceived(
                key=key,
                external_id=key,
                conversation=place,
                sender=sender,
                text=_text(payload, "text"),
                timestamp=None if when is None else datetime.fromtimestamp(when, UTC),
                raw=payload,
            )
        ]

    def split(self, message: OutboundMessage) -> list[Part]:
        """Write as many letters as it takes; the last one has the seals."""
        pieces = [message.text[start : start + LONGEST] for start in range(0, len(message.text), LONGEST)] or [""]
        return [*(Part(text=piece) for piece in pieces[:-1]), Part(text=pieces[-1], buttons=message.buttons)]

    def deliver(self, part: Part) -> DeliveryResult:
        """Let a pigeon go."""
        if Loft.weather == "storm":
            raise DeliveryError("No pigeon flies in a storm.", retry_after=timedelta(minutes=5))
        if Loft.weather == "fog":
            raise DeliveryError("The pigeon has not come back.", ambiguous=True)
        if part.act != "send" or len(part.text) > LONGEST:
            raise DeliveryError(f"A pigeon does not {part.act} that.", code="unfit")
        seals: Iterator[str] = (button.token for row in part.buttons for button in row)
        Loft.letters.append({"loft": part.chat, "text": part.text, "seals": list(seals)})
        return DeliveryResult(external_id=f"letter-{len(Loft.letters)}", raw={"weather": Loft.weather})


def _text(payload: Mapping[str, Any], key: str) -> str:
    if not isinstance(payload.get(key), str) or not payload[key]:
        raise AnomalousPayload(f"{key}: a text is needed.")
    return str(payload[key])
