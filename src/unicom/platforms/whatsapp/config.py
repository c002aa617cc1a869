"""Say what a WhatsApp channel's config must look like."""

from __future__ import annotations

import re
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, field_validator

from unicom.platforms.base import AdapterConfig

OLDER = {
    f"WHATSAPP_{name}": name
    for name in (
        "PHONE_NUMBER_ID", "ACCESS_TOKEN", "APP_SECRET", "VERIFY_TOKEN", "BUSINESS_ACCOUNT_ID", "BUSINESS_ID",
    )
}  # fmt: skip


def _names(name: str) -> AliasChoices:
    return AliasChoices(name, f"WHATSAPP_{name}")


class WhatsAppConfig(AdapterConfig):
    """Be a number of the Cloud API; the ``WHATSAPP_…`` spellings of its own keys are read too."""

    PHONE_NUMBER_ID: str = Field(
        validation_alias=_names("PHONE_NUMBER_ID"),
        description="The id of the number, not the number: App Dashboard > WhatsApp > API Setup.",
    )
    ACCESS_TOKEN: SecretStr = Field(
        validation_alias=_names("ACCESS_TOKEN"),
        description="A permanent token of a system user: Business Settings > Users > System users.",
    )
    APP_SECRET: SecretStr | list[SecretStr] = Field(
        validation_alias=_names("APP_SECRET"),
        description="App Dashboard > App settings > Basic; the new and the old one while it is being changed.",
    )
    VERIFY_TOKEN: SecretStr | None = Field(
        None,
        validation_alias=_names("VERIFY_TOKEN"),
        description="Any words, the same here and in App Dashboard > WhatsApp > Configuration; generated.",
    )
    BUSINESS_ACCOUNT_ID: str | None = Field(
        None,
        validation_alias=_names("BUSINESS_ACCOUNT_ID"),
        description="The id of the WhatsApp Business Account, which templates belong to; found if left out.",
    )
    BUSINESS_ID: str | None = Field(
        None,
        validation_alias=_names("BUSINESS_ID"),
        description="The id of the business portfolio, within which people's ids hold; found if left out.",
    )

    SHOW_TYPING: bool = Field(
        default=False,
        description="Mark what comes in as read and show typing… at once; for a number that a bot answers.",
    )

    @field_validator("PHONE_NUMBER_ID", "BUSINESS_ACCOUNT_ID", "BUSINESS_ID", mode="before")
    @classmethod
    def _is_id(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            return value or None
        if not isinstance(value, str) or not re.fullmatch(r"[0-9]{5,25}", value.strip()):
            raise ValueError("an id of 5 to 25 digits is needed, without + and spaces")
        return value.strip()

    @field_validator("ACCESS_TOKEN")
    @classmethod
    def _is_token(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value().strip()
        if not re.fullmatch(r"[\x21-\x7e]{8,2000}", token):
            raise ValueError("not an access token; the Cloud API's begin with EAA and have no spaces")
        return SecretStr(token)

    @field_validator("APP_SECRET")
    @classmethod
    def _are_secrets(cls, value: SecretStr | list[SecretStr]) -> SecretStr | list[SecretStr]:
        given = value if isinstance(value, list) else [value]
        if not 1 <= len(given) <= 2 or not all(item.get_secret_value().strip() for item in given):
            raise ValueError("one secret is needed, or the new and the old one")
        return value

    @field_validator("VERIFY_TOKEN")
    @classmethod
    def _is_word(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value().strip() else None

    @field_validator("API_URL")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("the address of a Graph API is needed, such as https://graph.facebook.com")
        return value

    @classmethod
    def secret_keys(cls) -> frozenset[str]:
        """Name the secrets, in both spellings."""
        names = super().secret_keys()
        return names | {older for older, name in OLDER.items() if name in names}

    def app_secrets(self) -> list[str]:
        """Return the app's secrets, the new one first."""
        given = self.APP_SECRET if isinstance(self.APP_SECRET, list) else [self.APP_SECRET]
        return [item.get_secret_value().strip() for item in given]

    @property
    def scope(self) -> str:
        """Return within what people's business-scoped ids hold."""
        return self.BUSINESS_ID or self.BUSINESS_ACCOUNT_ID or ""
