"""Read the templates a platform has approved, keep them, and find the one a send names."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from unicom import jobs
from unicom.adapters import adapter_for
from unicom.cleaning import clean
from unicom.errors import DeliveryError
from unicom.jobs import slow_job
from unicom.models import Channel, PlatformTemplate
from unicom.types import PlatformTemplateChanged, TemplateDefinition

FRESH = timedelta(hours=24)
"""After so long the templates are read again, whatever the webhooks said."""
SENDABLE = ("approved", "active")


def find(
    channel: Channel, given: Any, key: str, problems: dict[str, str]
) -> tuple[TemplateDefinition, dict[str, Any]] | None:
    """Return the template a send names, with its values; what is wrong is added to ``problems``."""
    values = {"name": given} if isinstance(given, str) else given
    if not isinstance(values, Mapping) or not isinstance(values.get("name"), str) or not values["name"]:
        problems[key] = f"the name of a template, or an object with a name, is needed, not {given!r}"
        return None
    name, language = values["name"], values.get("language")
    known = list(PlatformTemplate.objects.filter(channel=channel, name=name).order_by("language"))
    _keep_fresh(channel, known)
    if not known:
        problems[key] = f"{name!r} is not a template of this channel; {_known(channel)}"
        return None
    spoken = [row for row in known if language in (None, row.language)]
    sendable = [row for row in spoken if row.status in SENDABLE]
    if not spoken:
        problems[f"{key}.language"] = f"{language!r} is not one of {', '.join(row.language for row in known)}"
        return None
    if len(sendable or spoken) > 1:
        problems[f"{key}.language"] = f"required: {name!r} is there in {', '.join(row.language for row in spoken)}"
        return None
    row = (sendable or spoken)[0]
    if row.reason and row.status not in SENDABLE:
        problems[key] = f"{name!r} cannot be sent: it is {row.status.replace('_', ' ')} ({row.reason})"
        return None
    return row.definition, dict(values)


def fitting(channel: Channel) -> list[str]:
    """Return the names of the templates that can be sent."""
    names = PlatformTemplate.objects.filter(channel=channel, status__in=SENDABLE).order_by("name")
    return list(names.values_list("name", flat=True).distinct())


def _known(channel: Channel) -> str:
    names = fitting(channel)
    if names:
        return f"there {'is' if len(names) == 1 else 'are'} {', '.join(names[:20])}"
    return "none is known; validate the channel to read them"


def _keep_fresh(channel: Channel, known: list[PlatformTemplate]) -> None:
    if known and known[0].synced_at < timezone.now() - FRESH:
        refresh(channel)


def refresh(channel: Channel, *, delay: timedelta | None = None) -> None:
    """Have a channel's templates read anew."""
    jobs.enqueue("templates", str(channel.pk), {"channel": channel.pk}, delay=delay)


@slow_job("templates")
def read_templates(args: dict[str, Any]) -> Callable[[], None] | None:
    """Read a channel's templates from the platform."""
    channel = Channel.objects.filter(pk=args["channel"], active=True).first()
    if channel is None:
        return None
    adapter = adapter_for(channel)
    with contextlib.closing(adapter):
        try:
            found = adapter.templates()
        except DeliveryError as error:
            raise DeliveryError(adapter.redact(error.reason), retryable=True) from None
    return partial(keep, channel, found) if found is not None else None


def keep(channel: Channel, found: list[TemplateDefinition]) -> None:
    """Make the kept templates those that were found."""
    with transaction.atomic():
        seen = set()
        for item in found:
            seen.add((item.name, item.language))
            PlatformTemplate.objects.update_or_create(
                channel=channel,
                name=clean(item.name)[:512],
                language=clean(item.language)[:20],
                defaults={
                    "category": item.category[:30],
                    "status": item.status[:30],
                    "quality": item.quality[:30],
                    "external_id": item.external_id[:255],
                    "parameter_format": item.parameter_format,
                    "components": clean([dict(part) for part in item.components]),
                    "synced_at": timezone.now(),
                    **({"reason": ""} if item.status in SENDABLE else {}),
                },
            )
        for row in PlatformTemplate.objects.filter(channel=channel):
            if (row.name, row.language) not in seen:
                row.delete()


def changed(channel: Channel, event: PlatformTemplateChanged) -> None:
    """Note at once what a webhook tells of a template, and have all of it read anew."""
    told = {name: getattr(event, name)[:30] for name in ("status", "quality", "category") if getattr(event, name)}
    if event.status:
        told["reason"] = "" if event.reason.lower() in ("", "none") else event.reason
    if told:
        PlatformTemplate.objects.filter(channel=channel, name=event.name, language=event.language).update(**told)
    refresh(channel, delay=timedelta(seconds=5))
