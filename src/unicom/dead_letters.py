"""Keep raw payloads that could not be read or are not used yet, and read them again."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from unicom.cleaning import clean
from unicom.models import Channel, Update
from unicom.rows import insert_if_absent

if TYPE_CHECKING:
    from unicom.platforms.base import Adapter

logger = logging.getLogger("unicom")


def keep(channel: Channel, body: bytes, *, error: str) -> None:
    """Keep a payload as a dead letter; the same bytes again only count, unless what was settled fails anew."""
    logger.error("Channel %s: an update was kept as a dead letter.", channel.pk)
    _keep(channel, body, Update.State.DEAD, error)


def keep_unused(channel: Channel, body: bytes) -> None:
    """Keep a payload that this version makes nothing (or not everything) of."""
    _keep(channel, body, Update.State.KEPT, "")


def _keep(channel: Channel, body: bytes, state: str, error: str) -> None:
    digest = hashlib.sha256(body).hexdigest()
    if not insert_if_absent(Update(channel=channel, state=state, body=body, digest=digest, error=error)):
        known = Update.objects.filter(channel=channel, digest=digest)
        known.update(seen=F("seen") + 1)
        if state == Update.State.DEAD:
            # It was not stored this time. What somebody discarded stays so.
            known.filter(state__in=(Update.State.REPLAYED, Update.State.KEPT)).update(state=state, error=error)


def replay(update: Update) -> bool:
    """Read a kept payload once more; True if all of it could be stored, now or before. Idempotent."""
    from unicom.adapters import adapter_for
    from unicom.inbound import TROUBLE, read_json, store_item

    adapter: Adapter | None = None
    try:
        adapter = adapter_for(update.channel)
        body = bytes(update.body)
        with transaction.atomic():
            # Under its lock: of two who replay it at once the second finds it done.
            row = Update.objects.select_for_update(of=("self",)).filter(pk=update.pk)
            if row.values_list("state", flat=True).get() == Update.State.REPLAYED:
                return True
            for item in adapter.items(read_json(body)):
                store_item(update.channel, adapter, item, json.dumps(item).encode())
            Update.objects.filter(pk=update.pk).update(
                state=Update.State.REPLAYED, replayed_at=timezone.now(), error=""
            )
    except TROUBLE:
        raise
    except Exception as error:
        # Still unreadable: the reason is on the row, the payload stays.
        reason = clean(f"{type(error).__name__}: {error}")
        Update.objects.filter(pk=update.pk).update(error=adapter.redact(reason) if adapter else reason)
        return False
    return True
