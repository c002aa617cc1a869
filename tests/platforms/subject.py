"""Define what a platform's test class fills in for the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.test import Client
from django.urls import reverse

from unicom.models import Channel
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter, AdapterConfig
from unicom.types import Part


class DictState:
    """Be a ChannelState without a database, for an adapter by itself."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under ``key``."""
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Keep ``value`` under ``key``, as JSON would give it back."""
        self.values[key] = json.loads(json.dumps(value))


@cache
def _texts(folder: Path) -> list[tuple[str, str]]:
    found = sorted(path for path in folder.glob("*.json") if not path.name.endswith(".expected.json"))
    assert found, f"{folder} holds no <event>.json"
    return [(path.stem, path.read_text()) for path in found]


class Subject:
    """Be the platform under test; everything but ``platform`` has a default that fits an unassuming one."""

    platform: ClassVar[str]
    registered: ClassVar[dict[str, str]] = {}
    """UNICOM_PLATFORMS for the time of the test."""
    config: ClassVar[dict[str, Any]] = {}
    """A config that is in order, with every secret of the platform in it."""
    secrets: ClassVar[Sequence[str]] = ()
    """What in ``config`` must never be shown."""
    fixtures: ClassVar[Path | None] = None
    """The folder of ``<event>.json`` and ``<event>.expected.json``."""
    takes_webhooks: ClassVar[bool] = False
    takes_payloads: ClassVar[bool] = True
    """Whether ``parse`` is the way in; a page of our own has another."""
    opening: ClassVar[dict[str, Any]] = {"text": "Hello!"}
    """What may be sent to somebody who has not written yet."""
    chat: ClassVar[str] = "chat-1"
    """The external id of the conversation that :meth:`incoming` writes in."""

    # To be overridden

    def incoming(self, *, key: str, text: str) -> Any:
        """Return the payload of one message; the same ``key`` makes it the same message."""
        raise NotImplementedError

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers that prove a webhook."""
        return {}

    def receive(self, client: Client, channel: Channel, *, key: str, text: str) -> None:
        """Have the message come in by the way that messages of this platform take."""
        payload = self.incoming(key=key, text=text)
        if self.takes_webhooks:
            assert self.post(client, channel, json.dumps(payload).encode()).status_code == 200
        else:
            channel.receive_message(payload)

    def broken_edges(self, adapter: Adapter) -> Iterator[AbstractContextManager[Any]]:
        """Give the ways in which the platform can fail; within each, a delivery must end in a DeliveryError."""
        return iter(())

    def shown(self, part: Part) -> str:
        """Return the words a person sees of a part."""
        return part.text

    def length(self, text: str) -> int:
        """Return a text's length as the platform counts."""
        return len(text)

    # Used by the contract

    def post(self, client: Client, channel: Channel, body: bytes, **changed: str) -> Any:
        """Send a webhook as the platform does, with some of the proving headers changed."""
        return client.post(
            reverse("webhook", args=[channel.platform, channel.pk]),
            data=body,
            content_type="application/json",
            headers={**self.headers(body), **changed},
        )

    def payloads(self) -> dict[str, Any]:
        """Return every fixture's payload by the event's name."""
        return {} if self.fixtures is None else {name: json.loads(text) for name, text in _texts(self.fixtures)}

    def make(self, config: dict[str, Any]) -> Adapter:
        """Return the platform's adapter with a config, and no database behind it."""
        cls = adapter_class(self.platform)
        return cls(cls.Config.read(config), DictState())

    @property
    def Config(self) -> type[AdapterConfig]:
        """Return what the platform's config must look like."""
        return adapter_class(self.platform).Config

    @pytest.fixture(autouse=True)
    def _registered(self, settings: Any) -> None:
        settings.UNICOM_PLATFORMS = {**getattr(settings, "UNICOM_PLATFORMS", {}), **self.registered}

    @pytest.fixture
    def platform_config(self) -> dict[str, Any]:
        """Return the config of the channel under test; override it where a fake has to be started first."""
        return dict(self.config)

    @pytest.fixture
    def adapter(self, platform_config: dict[str, Any]) -> Iterator[Adapter]:
        """Return the adapter under test."""
        adapter = self.make(platform_config)
        yield adapter
        adapter.close()

    @pytest.fixture
    def channel(self, platform_config: dict[str, Any]) -> Channel:
        """Return an active channel of the platform; the test brings the database."""
        # The pace is tested elsewhere; here nobody shall wait for it.
        config = {**platform_config, "PACING": {key: [1000, 0.001] for key in ("channel", "chat", "group")}}
        return Channel.objects.create(name="Under test", platform=self.platform, config=config, active=True)
