"""Keep a copy of what was sent in the mailbox, as a mail client does; if that fails, nothing is sent again."""

from __future__ import annotations

from dataclasses import replace

from imapclient import SEEN, IMAPClient

from unicom.errors import DeliveryError
from unicom.platforms.base import ChannelState
from unicom.platforms.email import composing, imap
from unicom.platforms.email.config import EmailConfig
from unicom.types import Part

NAMES = ("Sent", "Sent Items", "Sent Mail", "Sent Messages", "Gesendet", "Gesendete Objekte", "Envoyés", "Enviados")


def folder(client: IMAPClient) -> str:
    """Return the mailbox's folder for what was sent, or nothing."""
    return imap.special_folder(client, b"\\Sent", NAMES)


def keep(config: EmailConfig, state: ChannelState, part: Part) -> bool:
    """Append the mail to the folder for sent mail unless it is there; tells whether it did. Raises DeliveryError."""
    message_id = part.options.get("message_id", "")
    with imap.opened(config, state) as client:
        place = folder(client)
        if not place:
            raise DeliveryError("the mailbox has no folder for sent mail", code="no_folder")
        client.select_folder(place)
        # The server may have put it there itself, or an earlier try did and broke before it knew.
        if message_id and client.search(["HEADER", "Message-ID", message_id]):
            return False
        # Without what only the recipient shall see.
        options = {key: value for key, value in part.options.items() if key not in ("delivery", "tracking")}
        mail = composing.compose(config, replace(part, options=options))
        client.append(place, mail, flags=(SEEN,))
        return True
