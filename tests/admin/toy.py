"""Be a platform with one config key of every sort, for the forms made from it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from unicom.errors import DeliveryError
from unicom.platforms.base import Adapter, AdapterConfig
from unicom.types import DeliveryResult, InboundEvent, Part, Setup


class OAuth(BaseModel):
    """Be a nested config with a secret in it."""

    model_config = ConfigDict(extra="forbid")

    client_id: str
    client_secret: SecretStr


class ToyConfig(AdapterConfig):
    """Have a key of every sort."""

    TOKEN: SecretStr = Field(description="The token the platform gave you.")
    APP_SECRET: SecretStr | list[SecretStr] | None = None
    HOST: str = Field("localhost", description="Name of the server.")
    PORT: int = Field(25, ge=1, le=65535)
    RATE: float | None = None
    MODE: Literal["fast", "slow"] = "fast"
    LEVEL: Literal[1, 2] | None = None
    USE_SSL: bool = True
    CHECKED: bool | None = None
    RELAYS: list[str] = Field(default_factory=list)
    OAUTH2: OAuth | None = None


class ToyAdapter(Adapter):
    """Deliver what does not say otherwise."""

    Config = ToyConfig
    opens_chats = True
    supports_files = True
    setups: ClassVar[list[bool]] = []
    """Whether each set-up ran within a transaction."""

    def setup(self, webhook_url: str) -> Setup:
        """Refuse one token, quoting it as platforms do."""
        self.setups.append(transaction.get_connection().in_atomic_block)
        assert isinstance(self.config, ToyConfig)
        token = self.config.TOKEN.get_secret_value()
        if token == "refused-token":
            raise DeliveryError(f"The platform knows no {token}.")
        return Setup(external_id="toy-1")

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Make nothing of anything."""
        return []

    def deliver(self, part: Part) -> DeliveryResult:
        """Fail where the text says so."""
        if "fail" in part.text:
            raise DeliveryError("refused for good", code="400")
        if "maybe" in part.text:
            raise DeliveryError("timed out", ambiguous=True)
        return DeliveryResult(external_id=part.delivery_id)
