"""Know which mailboxes are to be listened to; what has not changed since the last look is not read again."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import TextField
from django.db.models.functions import Cast
from imapclient import IMAPClient

from unicom import health
from unicom.errors import InvalidConfig
from unicom.ids import digest
from unicom.models import Channel
from unicom.platforms.email.config import EmailConfig

logger = logging.getLogger("unicom.email")

PLATFORM = "Email"
BATCH = 200
"""How many channels are read at once."""


@dataclass(kw_only=True)
class Mailbox:
    """Be one channel's mailbox and the connection to it."""

    channel: Channel
    config: EmailConfig
    fingerprint: str
    client: IMAPClient | None = None
    is_idle: bool = False
    has_news: bool = False
    """The server said something at the moment it went idle."""
    is_busy: bool = False
    is_gone: bool = False
    """The channel is not to be listened to any more; whoever works on it hangs up."""
    failures: int = 0
    put_down: bool = False
    due: float = field(default_factory=time.monotonic)


class Wanted:
    """Be the active mailboxes: a look is one query that decrypts nothing, as long as no channel is written."""

    def __init__(self) -> None:
        self._seals: dict[int, str] = {}
        self._mailboxes: dict[int, Mailbox] = {}

    def look(self) -> dict[int, Mailbox]:
        """Return the mailboxes by their channels' ids: the same ones as the last time where their config is."""
        # As text it stays encrypted; it looks other than before whenever its channel is saved.
        seal = Cast("config", TextField())
        seals = dict(Channel.objects.filter(platform=PLATFORM, active=True).order_by().values_list("pk", seal))
        written = [pk for pk, value in seals.items() if self._seals.get(pk) != value]
        read: dict[int, Mailbox | None] = dict.fromkeys(written)
        read.update((channel.pk, _mailbox(channel)) for channel in _readable(written))
        found: dict[int, Mailbox] = {}
        for pk in seals:
            known = self._mailboxes.get(pk)
            mailbox = read.get(pk, known)
            if mailbox is not None:
                found[pk] = known if known is not None and known.fingerprint == mailbox.fingerprint else mailbox
        self._seals, self._mailboxes = seals, found
        return dict(found)


def _readable(keys: Sequence[int]) -> Iterator[Channel]:
    for at in range(0, len(keys), BATCH):
        yield from health.readable(Channel.objects.filter(pk__in=keys[at : at + BATCH]))


def _mailbox(channel: Channel) -> Mailbox | None:
    try:
        config = EmailConfig.read(channel.config)
    except InvalidConfig:
        return None  # it says so itself, in the admin
    if config.IMAP is None:
        return None
    return Mailbox(channel=channel, config=config, fingerprint=digest(repr(sorted(channel.config.items()))))
