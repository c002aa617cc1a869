"""Tell when a recipient is not to be disturbed, by the clock where they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from datetime import tzinfo as zone_of_time
from zoneinfo import ZoneInfo

from django.utils import timezone

from unicom.models import Account, Chat, DraftMessage


def end(draft: DraftMessage, chat: Chat | None, now: datetime) -> datetime | None:
    """Return when the quiet hours of a draft's recipients end, or None where none of them has any now."""
    begins, ends = draft.quiet_from, draft.quiet_until
    if begins is None or ends is None:
        return None
    found = [until for zone in _zones(draft, chat) if (until := _end_in(zone, begins, ends, now)) is not None]
    return max(found, default=None)


def _end_in(zone: zone_of_time, begins: time, ends: time, now: datetime) -> datetime | None:
    local = now.astimezone(zone)
    hour = local.time()
    wraps = begins > ends
    is_quiet = (hour >= begins or hour < ends) if wraps else begins <= hour < ends
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if wraps and hour >= begins else 0)
    until = datetime.combine(day, ends, tzinfo=zone)
    # Where clocks go back an hour comes twice: the first time it is over already.
    return next((moment for moment in (until, until.replace(fold=1)) if moment > now), None)


def _zones(draft: DraftMessage, chat: Chat | None) -> Iterable[zone_of_time]:
    """Return the time zones of whom a draft is for; the site's own for who has none."""
    people = Account.objects.select_related("member")
    if chat is not None:
        known = list(people.filter(account_chats__chat=chat)[:50])
    else:
        known = list(people.filter(external_id__in=draft.to or [draft.chat_id])[:50])
    zones = {_zone(account.time_zone or (account.member.time_zone if account.member else "")) for account in known}
    return zones or {timezone.get_default_timezone()}


def _zone(name: str) -> zone_of_time:
    try:
        return ZoneInfo(name) if name else timezone.get_default_timezone()
    except (ValueError, OSError, KeyError):
        return timezone.get_default_timezone()
