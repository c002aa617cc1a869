"""Hold the e-mail platform to the contract, against the sink."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.contract import AdapterContract
from tests.platforms.email.conftest import plain_mail
from unicom.platforms.base import Adapter
from unicom.testing.smtp import SmtpSink


class TestEmail(AdapterContract):
    platform = "Email"
    config = {
        "EMAIL_ADDRESS": "support@example.com",
        "EMAIL_PASSWORD": "pass-word-1",
        "IMAP_PASSWORD": "pass-word-2",
        "SMTP_PASSWORD": "pass-word-3",
        "SMTP": {"host": "127.0.0.1", "port": 9, "use_ssl": False},
    }
    secrets = ["pass-word-1", "pass-word-2", "pass-word-3"]
    fixtures = Path(__file__).parent / "fixtures"
    chat = "no chat of ours"

    @pytest.fixture
    def platform_config(self) -> Iterator[dict[str, Any]]:
        with SmtpSink(users={"support@example.com": "pass-word-3"}) as sink:
            yield {**self.config, "SMTP": {"host": "127.0.0.1", "port": sink.port, "use_ssl": False}}

    def incoming(self, *, key: str, text: str) -> Any:
        mail = plain_mail(text=text, message_id=f"<{key}@example.org>", References="<root@example.org>")
        return {"raw_base64": base64.b64encode(mail.encode()).decode()}

    def broken_edges(self, adapter: Adapter) -> Iterator[AbstractContextManager[Any]]:
        @contextmanager
        def nobody_listens() -> Iterator[None]:
            before = adapter.config
            adapter.config = type(before).read(self.config)
            yield
            adapter.config = before

        yield nobody_listens()
