"""Note how far a visitor has read, and that what we sent was seen."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from unicom import live, statuses
from unicom.models import AccountChat, Delivery
from unicom.platforms.webchat import history
from unicom.types import RANK, SEEN

MOST = 200
"""How many messages one mark makes seen, the newest; older ones that were never marked stay as they are."""


def mark_read(part: AccountChat, message_id: str) -> bool:
    """Note that a visitor has read up to a message; whether that was news. Never steps back; raises NotAccessible."""
    seq = history.seq_of(part.chat_id, message_id)
    if seq <= part.read_seq:
        return False
    now = timezone.now()
    with transaction.atomic():
        if not AccountChat.objects.filter(pk=part.pk, read_seq__lt=seq).update(read_seq=seq):
            return False
        reached = Delivery.objects.filter(
            chat_id=part.chat_id,
            act="send",
            state__in=[state for state, rank in RANK.items() if rank < RANK[SEEN]],
            message__seq__gt=part.read_seq,
            message__seq__lte=seq,
        )
        for delivery in reached.order_by("-message__seq")[:MOST]:
            statuses.receipt(delivery, SEEN, at=now)
        live.read(
            part.chat, message_id=message_id, name=part.account.name, is_outgoing=False, account_id=part.account_id
        )
        live.chat_changed(part.chat)
    part.read_seq = seq
    return True
