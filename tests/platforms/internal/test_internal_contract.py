"""Hold the Internal platform to the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.platforms.contract import AdapterContract


class TestInternal(AdapterContract):
    platform = "Internal"
    fixtures = Path(__file__).parent / "fixtures"

    def incoming(self, *, key: str, text: str) -> Any:
        return {"id": f"message-{key}", "sender": "anna", "chat": self.chat, "text": text}
