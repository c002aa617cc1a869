"""Know how far a folder was read: UIDVALIDITY and the last UID (RFC 9051, 2.3.1.1), never what is unseen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from django.utils import timezone
from imapclient import IMAPClient

from unicom.platforms.base import ChannelState


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """Be how far a folder was read."""

    uidvalidity: int
    uid: int
    since: str
    """When reading began: older mail is not ours to take in when a folder is numbered anew."""
    before: int = 0
    """While a renumbered folder is gone through: its UIDs below this are taken only where they are new."""

    @classmethod
    def read(cls, value: Any) -> Self | None:
        """Return what was stored, None where nothing of use was."""
        try:
            return cls(**value)
        except TypeError:
            return None

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`read` reads."""
        return asdict(self)

    @property
    def began(self) -> datetime:
        """Return since when mail is taken in."""
        return datetime.fromisoformat(self.since)


def key(folder: str) -> str:
    """Return the name of a folder's cursor among the channel's states."""
    from unicom.ids import digest

    return f"imap:{folder if len(folder) <= 60 else digest(folder)}"


def begin(client: IMAPClient, state: ChannelState, folder: str) -> Cursor:
    """Return a folder's cursor; at the first time it stands behind the mail that is there."""
    known = Cursor.read(state.get(key(folder)))
    if known is not None:
        return known
    status = client.folder_status(folder, ["UIDVALIDITY", "UIDNEXT"])
    made = Cursor(
        uidvalidity=int(status[b"UIDVALIDITY"]),
        uid=int(status[b"UIDNEXT"]) - 1,
        since=timezone.now().replace(microsecond=0).isoformat(),
    )
    state.set(key(folder), made.to_json())
    return made
