"""Say what a mailbox's Channel.config may hold, and how its servers are to be reached."""

from __future__ import annotations

import ipaddress
import re
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from unicom.platforms.base import AdapterConfig
from unicom.platforms.email.addresses import problem

# Where a connection starts in clear and is encrypted by a command.
STARTTLS_PORTS = frozenset({25, 143, 587, 2525})
Security = Literal["tls", "starttls", "opportunistic"]


class _Server(BaseModel):
    """Say where a server is and how the connection to it is encrypted."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(ge=1, le=65535)
    use_ssl: bool = True
    """On ports that start in clear (587, 143, 25) this means STARTTLS."""
    starttls: bool | None = None
    """Whether encryption starts by a command, where the port does not tell."""
    ca_file: str = ""
    """A file with the certificates to trust, for servers of one's own."""

    @field_validator("ca_file")
    @classmethod
    def _is_there(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError(f"there is no file {value!r}")
        return value

    @property
    def security(self) -> Security:
        """Return how the connection becomes safe."""
        if not self.use_ssl:
            return "opportunistic"
        by_port = self.port in STARTTLS_PORTS
        return "starttls" if (by_port if self.starttls is None else self.starttls) else "tls"

    @property
    def is_loopback(self) -> bool:
        """Tell whether the server is this machine, the only place a password may reach in clear."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def tls(self) -> ssl.SSLContext:
        """Return what verifies the server's certificate and name."""
        return _context(self.ca_file)


@lru_cache(maxsize=32)
def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _is_network(value: str) -> bool:
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen > 0  # the whole internet is not ours


class ImapServer(_Server):
    """Say where mail is read."""

    port: int = Field(993, ge=1, le=65535)
    protocol: Literal["IMAP"] = "IMAP"


class SmtpServer(_Server):
    """Say where mail is handed over."""

    port: int = Field(587, ge=1, le=65535)
    protocol: Literal["SMTP"] = "SMTP"


class OAuth2Config(BaseModel):
    """Say how access tokens are had, for hosts that take no passwords."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    client_id: str = Field(min_length=1)
    client_secret: SecretStr = SecretStr("")
    refresh_token: SecretStr
    provider: Literal["google", "microsoft", "other"] = "other"
    tenant: str = Field("common", pattern=r"^[\w.\-]+$")
    token_url: str = Field("", pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)(:\d+)?/.*|)$")
    scope: str = ""


class EmailConfig(AdapterConfig):
    """Be the config of one mailbox; servers that are not named are discovered when the channel is validated."""

    EMAIL_ADDRESS: str = Field(description="The address of the mailbox.", max_length=254)
    EMAIL_PASSWORD: SecretStr | None = Field(None, description="Its password; an app password where the host has them.")
    EMAIL_FROM_NAME: str = Field("", description="The name shown beside the address.", max_length=200)
    IMAP: ImapServer | None = Field(None, description="Where mail is read: host, port, use_ssl. Empty: discovered.")
    SMTP: SmtpServer | None = Field(
        None, description="Where mail is handed over: host, port, use_ssl. Empty: discovered."
    )
    IMAP_USERNAME: str = Field("", description="The name to log in with for reading, where it is not the address.")
    IMAP_PASSWORD: SecretStr | None = Field(None, description="The password for reading, where it is another one.")
    SMTP_USERNAME: str = Field("", description="The name to log in with for sending, where it is not the address.")
    SMTP_PASSWORD: SecretStr | None = Field(None, description="The password for sending, where it is another one.")
    OAUTH2: OAuth2Config | None = Field(None, description="Instead of a password: client_id, refresh_token, provider.")
    EMAIL_BACKEND: str = Field("", description="A Django e-mail backend to send through instead of SMTP.")
    EMAIL_BACKEND_OPTIONS: dict[str, str | int | bool] = Field(
        default_factory=dict, description="What that backend is made with."
    )
    FOLDERS: list[str] = Field(["INBOX"], description="The folders that are read.", min_length=1, max_length=50)
    SENT_COPY: bool = Field(True, description="Put a copy of what is sent into the mailbox's folder for it.")  # noqa: FBT003
    MARK_SEEN_WHEN: Literal["never", "on_save", "on_request_completed"] = Field(
        "never", description="When mail that came in is marked as read in the mailbox."
    )
    TRACKING: bool = Field(True, description="Notice opens and clicks of HTML mail.")  # noqa: FBT003
    TRACKING_PARAMETER_ID: str = Field(
        "", description="A query parameter that a clicked link gets, with the mail's id.", pattern=r"^[\w.\-]{0,50}$"
    )
    PLUS_ADDRESSING: bool = Field(
        False,  # noqa: FBT003
        description="Have answers come to address+token, which finds the conversation where a client names no ids.",
    )
    AUTHSERV_ID: str = Field("", description="The name our own mail server signs Authentication-Results with.")
    TRUSTED_RELAYS: list[str] = Field(
        default_factory=list,
        description="Names, addresses or networks of relays of ours: what they note of incoming mail is believed.",
        max_length=50,
    )

    @field_validator("EMAIL_ADDRESS")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if sentence := problem(value):
            raise ValueError(sentence)
        return value

    @field_validator("EMAIL_FROM_NAME", "IMAP_USERNAME", "SMTP_USERNAME", "AUTHSERV_ID")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        if any(ord(character) < 32 for character in value):
            raise ValueError("contains a line break or another control character")
        return value

    @field_validator("EMAIL_BACKEND")
    @classmethod
    def _is_another_backend(cls, value: str) -> str:
        if value == "unicom.platforms.email.backend.EmailBackend":
            raise ValueError("it sends through a channel, and a channel cannot send through itself")
        return value

    @field_validator("TRUSTED_RELAYS")
    @classmethod
    def _are_relays(cls, value: list[str]) -> list[str]:
        for item in value:
            is_name = bool(re.fullmatch(r"(?i)(?=.*[a-z])[a-z0-9_](?:[a-z0-9_.\-]{0,251}[a-z0-9_])?\.?", item.strip()))
            if not (is_name or _is_network(item)):
                raise ValueError(f"{item[:60]!r} is neither the name of a host nor an address or a network")
        return value

    @property
    def domain(self) -> str:
        """Return the domain of the mailbox."""
        return self.EMAIL_ADDRESS.rpartition("@")[2].lower()

    def login(self, protocol: Literal["IMAP", "SMTP"]) -> tuple[str, str]:
        """Return the name and the password for a server; the password is empty where there is none."""
        own: Any = (self.IMAP_USERNAME, self.IMAP_PASSWORD)
        if protocol == "SMTP":
            own = (self.SMTP_USERNAME, self.SMTP_PASSWORD)
        secret = own[1] or self.EMAIL_PASSWORD
        return own[0] or self.EMAIL_ADDRESS, secret.get_secret_value() if secret else ""
