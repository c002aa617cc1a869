"""Hold the in-memory platform that projects test with to the contract, too: what passes with it shall pass outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.contract import AdapterContract
from unicom.errors import DeliveryError
from unicom.platforms.base import Adapter
from unicom.testing.memory import sent

SECRET = "only-the-wire-knows"
FAULTS = (
    DeliveryError("Not now.", retryable=True),
    DeliveryError("Later.", retry_after=timedelta(seconds=9)),
    DeliveryError(f"Perhaps. {SECRET}", ambiguous=True),
    DeliveryError("Never.", code="403"),
)


class TestMemory(AdapterContract):
    platform = "Memory"
    registered = {"Memory": "unicom.testing.MemoryAdapter"}
    config = {"SECRET": SECRET}
    secrets = (SECRET,)
    fixtures = Path(__file__).parent / "memory" / "fixtures"
    takes_webhooks = True

    @pytest.fixture(autouse=True)
    def _empty_wire(self) -> Iterator[None]:
        sent.clear()
        yield
        sent.clear()

    def incoming(self, *, key: str, text: str) -> Any:
        return {"id": f"in-{key}", "chat": self.chat, "sender": "anna", "text": text}

    def headers(self, body: bytes) -> dict[str, str]:
        return {"X-Secret": SECRET}

    def broken_edges(self, adapter: Adapter) -> Iterator[Any]:
        @contextmanager
        def broken(fault: DeliveryError) -> Iterator[None]:
            sent.faults.append(fault)
            yield

        return iter([broken(fault) for fault in FAULTS])
