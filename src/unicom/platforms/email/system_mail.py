"""Find the channel that Django's own mail goes through, and say at a check where there is none."""

from __future__ import annotations

import re
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections
from django.db.models import Q

from unicom.conf import settings
from unicom.errors import ConfigurationError
from unicom.models import Channel
from unicom.platforms.email import addresses

PLATFORM = "Email"
BACKEND = "unicom.platforms.email.backend.EmailBackend"


def system_channel(name: str = "") -> Channel:
    """Return the channel Django's own mail goes through; raises ConfigurationError where none or several may be meant.

    Named by its name, its address or its id; without a name it is the only active one.
    """
    wanted = name or settings.UNICOM_SYSTEM_EMAIL_CHANNEL
    rows = Channel.objects.filter(platform=PLATFORM)
    if wanted:
        known = Q(name=wanted) | Q(external_id=addresses.normal(wanted))
        rows = rows.filter(known | Q(pk=int(wanted)) if re.fullmatch(r"[0-9]{1,18}", wanted) else known)
    else:
        rows = rows.filter(active=True)
    found = list(rows.order_by("pk")[:2])
    if len(found) == 1:
        return found[0]
    if wanted:
        what = "more than one e-mail channel" if found else "no e-mail channel"
        raise ConfigurationError(f"UNICOM_SYSTEM_EMAIL_CHANNEL: {what} is called {wanted!r}.")
    what = "There are several active e-mail channels" if found else "There is no active e-mail channel"
    raise ConfigurationError(f"{what}: name one in UNICOM_SYSTEM_EMAIL_CHANNEL.")


def connect() -> None:
    """Have ``manage.py check --database default`` look for that channel."""
    register(check_system_mail, Tags.database, "unicom")


def check_system_mail(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Warn where EMAIL_BACKEND is ours and mail would go nowhere."""
    if settings.email_backend != BACKEND or "default" not in (databases or []):
        return []
    if Channel._meta.db_table not in connections["default"].introspection.table_names():
        return []
    try:
        channel = system_channel()
    except ConfigurationError as error:
        problem = str(error)
    else:
        if channel.active:
            return []
        problem = f"The channel {channel.name!r}, which Django's own mail goes through, is not active."
    hint = "Make an e-mail channel, validate it, and name it in UNICOM_SYSTEM_EMAIL_CHANNEL."
    return [Warning(problem, hint=hint, id="unicom.W011")]
