"""Take mail out of a folder into the pipeline: each mail and the cursor's step behind it in one commit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from imapclient import SEEN, IMAPClient

from unicom import dead_letters, inbound
from unicom.adapters import StoredState
from unicom.errors import AnomalousPayload
from unicom.models import Channel, ChannelState, Message, Request
from unicom.platforms.email import cursors, guards, reading, sent_copies, trust
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.cursors import Cursor
from unicom.platforms.email.reading import Found
from unicom.types import MessageReceived

logger = logging.getLogger("unicom.email")

BATCH = 50
"""How many mails are asked for their size at once; each is then fetched by itself."""
AT_ONCE = 500
LOOK_BACK = timedelta(days=60)
"""How old mail may be, by the server's clock, that is marked as seen because its request was completed."""


def catch_up(channel: Channel, config: EmailConfig, client: IMAPClient, folder: str, stop: threading.Event) -> int:
    """Take in what came since the cursor, the oldest first; returns how many mails. Stopping anywhere loses nothing."""
    marks = config.MARK_SEEN_WHEN != "never"
    status = client.select_folder(folder, readonly=not marks)
    cursor = _cursor(channel, client, folder, status)
    is_sent = folder.upper() != "INBOX" and folder == sent_copies.folder(client)
    taken = 0
    for uids in _batches(_new_uids(client, cursor, status), BATCH):
        facts = client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"])
        for uid in uids:
            if stop.is_set():
                return taken
            cursor = replace(cursor, uid=uid)
            if uid not in facts:
                continue  # expunged meanwhile
            received = _zoned(facts[uid].get(b"INTERNALDATE"))
            if received is not None and received < cursor.began - timedelta(days=1) and cursor.before > uid:
                continue  # older than the channel: the folder was numbered anew
            raw = _fetch(client, uid, int(facts[uid].get(b"RFC822.SIZE") or 0))
            if raw is None:
                continue
            found = Found(
                folder=folder,
                uid=uid,
                uidvalidity=cursor.uidvalidity,
                received=received,
                trust={} if is_sent else trust.verdict(raw, config),
                is_sent=is_sent,
            )
            store(channel, config, raw, found, folder, cursor)
            taken += 1
            if config.MARK_SEEN_WHEN == "on_save":
                client.add_flags([uid], [SEEN], silent=True)
    if config.MARK_SEEN_WHEN == "on_request_completed":
        mark_completed(channel, client, folder, cursor.uidvalidity)
    return taken


def _cursor(channel: Channel, client: IMAPClient, folder: str, status: dict[bytes, Any]) -> Cursor:
    cursor = cursors.begin(client, StoredState(channel), folder)
    uidvalidity = int(status.get(b"UIDVALIDITY") or 0)
    if uidvalidity == cursor.uidvalidity:
        return cursor
    logger.warning("Channel %s: the folder %r was numbered anew and is read again.", channel.pk, folder)
    return replace(cursor, uidvalidity=uidvalidity, uid=0, before=int(status.get(b"UIDNEXT") or 1))


def _new_uids(client: IMAPClient, cursor: Cursor, status: dict[bytes, Any]) -> list[int]:
    coming = int(status.get(b"UIDNEXT") or 0)
    if coming and coming <= cursor.uid + 1:
        return []
    # "n:*" always names the last mail there is, however old: what was read is left out.
    criteria: list[Any] = ["UID", f"{cursor.uid + 1}:*"]
    if cursor.uid == 0 and cursor.before:
        criteria = ["SINCE", (cursor.began - timedelta(days=1)).date()]
    return sorted(uid for uid in client.search(criteria) if uid > cursor.uid)


def _batches(uids: list[int], size: int) -> Iterator[list[int]]:
    for at in range(0, len(uids), size):
        yield uids[at : at + size]


def _fetch(client: IMAPClient, uid: int, size: int) -> bytes | None:
    """Return a mail without marking it as seen; of one that is too large only as much as shows that."""
    part = b"BODY.PEEK[]" if size <= guards.MOST_BYTES else f"BODY.PEEK[]<0.{guards.MOST_BYTES + 1}>".encode()
    # Servers give the items in whatever order they like, with others among them.
    items = client.fetch([uid], [part.decode()]).get(uid, {})
    return next((value for key, value in items.items() if key.startswith(b"BODY[]") and isinstance(value, bytes)), None)


def _zoned(value: Any) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def store(
    channel: Channel, config: EmailConfig, raw: bytes, found: Found, folder: str, cursor: Cursor
) -> list[Message]:
    """Store a mail and the cursor behind it in one transaction; returns what was written.

    One that cannot be stored as what it is becomes a message that says so, and if even that fails a dead letter: the
    next mail is never held up. Raises database trouble, with nothing stored.
    """
    try:
        events = [
            event for event in reading.events(raw, config, found) if not (found.is_sent and _is_ours(channel, event))
        ]
        return _store(channel, events, folder, cursor)
    except inbound.TROUBLE:
        raise
    except Exception as error:
        logger.exception("A mail of channel %s could not be stored as it is (UID %s).", channel.pk, found.uid)
        reason = f"storing it failed ({type(error).__name__})"
    try:
        return _store(channel, [reading.unreadable(raw, reason, found)], folder, cursor)
    except inbound.TROUBLE:
        raise
    except Exception as error:
        logger.exception("A mail of channel %s could not be stored at all (UID %s).", channel.pk, found.uid)
        with transaction.atomic():
            dead_letters.keep(channel, raw, error=f"{type(error).__name__} while a mail was stored")
            _advance(channel, folder, cursor)
        return []


def _is_ours(channel: Channel, event: Any) -> bool:
    """Tell whether a mail in the folder for sent mail is the copy of one that we have sent."""
    name = getattr(event, "external_id", "")
    return bool(name) and Message.objects.filter(channel=channel, external_id=name, is_outgoing=True).exists()


def _store(channel: Channel, events: list[Any], folder: str, cursor: Cursor) -> list[Message]:
    with transaction.atomic():
        stored = []
        for event in events:
            is_message = isinstance(event, MessageReceived)
            try:
                with transaction.atomic():
                    stored.append(inbound.record(channel, event))
            except AnomalousPayload as error:
                if is_message:
                    raise
                # A report on a mail that was deleted meanwhile; what it says is kept as a message all the same.
                logger.info("Channel %s: %s", channel.pk, error)
        _advance(channel, folder, cursor)
    return [item.message for item in stored if item.message is not None and not item.is_duplicate]


def _advance(channel: Channel, folder: str, cursor: Cursor) -> None:
    ChannelState.objects.filter(channel=channel, key=cursors.key(folder)).update(
        value=cursor.to_json(), version=F("version") + 1
    )


def mark_completed(channel: Channel, client: IMAPClient, folder: str, uidvalidity: int) -> None:
    """Mark mail as seen whose request is completed; it may have been completed anywhere, in any way."""
    # What the server still has as unseen is little; what was completed lately may be much.
    unseen = client.search(["UNSEEN", "SINCE", (timezone.now() - LOOK_BACK).date()])
    completed: set[int] = set()
    for uids in _batches(unseen, AT_ONCE):
        completed.update(completed_of(channel, uids, folder, uidvalidity))
    if completed:
        client.add_flags(sorted(completed), [SEEN], silent=True)


def completed_of(channel: Channel, uids: list[int], folder: str, uidvalidity: int) -> QuerySet[Message, Any]:
    """Return which of a folder's mails have a completed request, by their UIDs."""
    found = Message.objects.filter(
        channel=channel,
        imap_uid__in=uids,
        requests__status=Request.Status.COMPLETED,
        raw__email__uidvalidity=uidvalidity,
        raw__email__folder=folder,
    )
    return found.order_by().values_list("imap_uid", flat=True)
