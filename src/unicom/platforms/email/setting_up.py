"""Set a mailbox up: find its servers, log in to each, and note where reading begins."""

from __future__ import annotations

from typing import Any

from unicom.errors import InvalidConfig
from unicom.platforms.base import ChannelState
from unicom.platforms.email import addresses, cursors, imap, smtp, transport
from unicom.platforms.email.config import EmailConfig
from unicom.types import Setup


def set_up(config: EmailConfig, state: ChannelState) -> Setup:
    """Check that mail can be sent and read; raises DeliveryError or InvalidConfig with the reason. Idempotent."""
    _check_credentials(config)
    config, found = _with_servers(config)
    notes = []
    if config.EMAIL_BACKEND:
        transport.backend(config)
    elif config.SMTP is not None:
        smtp.check(config.SMTP, transport.login(config, state))
    if config.IMAP is not None:
        with imap.opened(config, state) as client:
            for folder in config.FOLDERS:
                cursors.begin(client, state, folder)
    else:
        notes.append("Nothing is read: IMAP is not set.")
    return Setup(external_id=addresses.normal(config.EMAIL_ADDRESS), config=found, note=" ".join(notes))


def _check_credentials(config: EmailConfig) -> None:
    has_password = bool(config.login("IMAP")[1] or config.login("SMTP")[1])
    is_open = config.IMAP is None and (config.EMAIL_BACKEND or (config.SMTP and config.SMTP.is_loopback))
    if not (has_password or config.OAUTH2 or is_open):
        raise InvalidConfig({"EMAIL_PASSWORD": "required, or OAUTH2"})


def _with_servers(config: EmailConfig) -> tuple[EmailConfig, dict[str, Any]]:
    """Return the config with the servers that were not named, and what to keep of them."""
    wants_smtp = config.SMTP is None and not config.EMAIL_BACKEND
    # Who names where mail is sent and nothing else may want to send only; who names nothing wants both.
    wants_imap = config.IMAP is None and config.SMTP is None and not config.EMAIL_BACKEND
    if not (wants_smtp or wants_imap):
        return config, {}
    from unicom.platforms.email import discovery

    servers = discovery.discover(config.EMAIL_ADDRESS)
    found: dict[str, Any] = {}
    if wants_smtp and servers.smtp is not None:
        found["SMTP"] = servers.smtp
    if wants_imap and servers.imap is not None:
        found["IMAP"] = servers.imap
    missing = [name for name, wanted in (("IMAP", wants_imap), ("SMTP", wants_smtp)) if wanted and name not in found]
    if missing:
        raise InvalidConfig(
            dict.fromkeys(missing, f"required: no server was found for {config.domain}; name its host and port")
        )
    stored = {name: server.model_dump(exclude_defaults=False) for name, server in found.items()}
    return config.model_copy(update=found), stored
