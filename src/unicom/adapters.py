"""Open a channel's adapter with its config and state, and set a channel up."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django.db import transaction
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from unicom import health, jobs
from unicom.conf import settings
from unicom.errors import DeliveryError, InvalidConfig, UnicomError
from unicom.models import Channel, ChannelState
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter
from unicom.types import Health, Setup

logger = logging.getLogger("unicom")


class StoredState:
    """Be the adapter's view of its channel's ChannelState rows."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under ``key``."""
        row = ChannelState.objects.filter(channel=self._channel, key=key).first()
        return default if row is None else row.value

    def set(self, key: str, value: Any) -> None:
        """Keep ``value`` under ``key``; the last writer wins, and the version counts the writes."""
        with transaction.atomic():
            row, made = ChannelState.objects.select_for_update().get_or_create(
                channel=self._channel, key=key, defaults={"value": value}
            )
            if not made:
                row.value, row.version = value, row.version + 1
                row.save()


def adapter_for(channel: Channel) -> Adapter:
    """Return a channel's adapter; raises UnknownPlatform or InvalidConfig."""
    adapter = adapter_class(channel.platform)
    return adapter(adapter.Config.read(channel.config), StoredState(channel))


def webhook_url(channel: Channel) -> str:
    """Return where the platform shall send what comes in; empty where the project has no public origin."""
    origin = settings.DJANGO_PUBLIC_ORIGIN
    if not origin:
        return ""
    own = f"{channel.platform.lower()}_webhook"
    for name, args in ((own, [channel.pk]), (own, []), ("webhook", [channel.platform, channel.pk])):
        try:
            return origin + reverse(name, args=args)
        except NoReverseMatch:
            continue
    return ""


def validate(channel: Channel) -> bool:
    """Check a channel's credentials and register its webhook; the outcome is on the row. Idempotent."""
    if channel.pk is not None:
        # What is registered with the platform must be what is stored, or its webhooks would be refused.
        Channel.objects.filter(pk=channel.pk).update(config=channel.config)
    try:
        found = _set_up(channel)
    except (UnicomError, InvalidConfig) as error:
        channel.active, channel.error = False, str(error)
        channel.save(update_fields=["active", "error", "updated_at"])
        return False
    _keep(channel, found)
    return True


def recheck(channel: Channel) -> bool:
    """Set a channel up again that is down, and let its queue go on; where that fails it stays down, with the reason."""
    try:
        found = _set_up(channel)
    except (UnicomError, InvalidConfig) as error:
        Channel.objects.filter(pk=channel.pk).exclude(down_since=None).update(error=str(error))
        return False
    _keep(channel, found)
    return True


def look_after(channel: Channel) -> Health:
    """Ask the platform how a channel is, and keep what an operator should look at in its ``note``.

    Changes nothing there. Raises DeliveryError where it cannot be asked; a channel whose credentials are refused is
    down then.
    """
    adapter = adapter_for(channel)
    with contextlib.closing(adapter):
        try:
            found = adapter.health(webhook_url(channel))
        except DeliveryError as error:
            error.reason = adapter.redact(error.reason)
            if error.channel_down:
                health.channel_down(channel.pk, error.reason)
            raise
    note = " ".join(found.problems)
    if Channel.objects.filter(pk=channel.pk).exclude(note=note).update(note=note) and note:
        logger.warning("Channel %s: %s", channel.pk, note)
    channel.note = note
    return found


def _set_up(channel: Channel) -> Setup:
    """Talk with the platform; raises UnicomError or InvalidConfig with one sentence on what is wrong."""
    try:
        adapter = adapter_for(channel)
        with contextlib.closing(adapter):
            try:
                return adapter.setup(webhook_url(channel))
            except DeliveryError as error:
                raise UnicomError(adapter.redact(error.reason)) from None
    except (UnicomError, InvalidConfig):
        raise
    except Exception as error:
        # Set-up talks with a stranger's server: whatever it made of us belongs on the row, not in a crash.
        logger.exception("Setting up channel %s failed.", channel.pk)
        raise UnicomError(f"Setting the channel up failed unexpectedly ({type(error).__name__}).") from None


def _keep(channel: Channel, found: Setup) -> None:
    with transaction.atomic():
        # The network took its time: what was edited meanwhile stays, and what was found is added to it.
        fresh = Channel.objects.select_for_update().get(pk=channel.pk)
        channel.config = {**fresh.config, **found.config}
        channel.external_id = found.external_id or fresh.external_id
        channel.active, channel.error, channel.down_since, channel.validated_at = True, "", None, timezone.now()
        channel.note = found.note
        channel.save(
            update_fields=[
                "config", "external_id", "active", "error", "note", "down_since", "validated_at", "updated_at"
            ]
        )  # fmt: skip
        if adapter_class(channel.platform).supports_templates:
            jobs.enqueue("templates", str(channel.pk), {"channel": channel.pk})
    health.channel_recovered(channel.pk)
