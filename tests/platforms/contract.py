"""Hold every adapter to the same contract, ours and a third party's alike.

A platform's test class inherits :class:`AdapterContract` and fills in what
:class:`tests.platforms.subject.Subject` asks for::

    class TestPigeon(AdapterContract):
        platform = "Pigeon"
        registered = {"Pigeon": "tests.platforms.toy.adapter.PigeonAdapter"}
        config = {"KEY": "a-long-key"}
        secrets = ["a-long-key"]
        fixtures = Path(__file__).parent / "fixtures"
        takes_webhooks = True

        def incoming(self, *, key, text):
            return {"type": "letter", "id": key, "loft": self.chat, "from": "anna", "text": text}

        def headers(self, body):
            return {"X-Pigeon-Signature": sign(body)}

``fixtures`` holds captured payloads, ``<event>.json``, each with what it means, ``<event>.expected.json``: a list of
events in the form of :func:`tests.platforms.wire_contract.as_json`.
"""

from __future__ import annotations

from tests.platforms.core_contract import CoreContract
from tests.platforms.wire_contract import WireContract


class AdapterContract(WireContract, CoreContract):
    """Be the whole contract: the adapter by itself, and the adapter within the pipeline."""


__all__ = ["AdapterContract"]
