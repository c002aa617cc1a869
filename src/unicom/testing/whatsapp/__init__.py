"""A strict fake of WhatsApp's Cloud API, over real HTTP on loopback, for your tests and for trying things out.

::

    with FakeWhatsApp(webhook_mode="manual") as whatsapp:
        number = whatsapp.add_number()
        ann = whatsapp.user("Ann")
        ann.sends(number, "Hello")
        ...  # point the code under test at whatsapp.url with number.id, whatsapp.token and whatsapp.app_secret
        assert whatsapp.log.sent_texts(ann.phone) == ["Welcome!"]
        assert whatsapp.violations == []

Importing it needs neither Django nor a database.
"""

from __future__ import annotations

from unicom.testing.couriers import WebhookPolicy
from unicom.testing.faults import Fault
from unicom.testing.queue import Disorder
from unicom.testing.whatsapp import faults
from unicom.testing.whatsapp.log import Call, Delivery, Limits, Log
from unicom.testing.whatsapp.server import FakeWhatsApp, WebhookRequest
from unicom.testing.whatsapp.users import SAMPLE_PNG, FakeMessage, FakeNumber, FakeUser
from unicom.testing.whatsapp.world import Violation

__all__ = [
    "SAMPLE_PNG",
    "Call",
    "Delivery",
    "Disorder",
    "FakeMessage",
    "FakeNumber",
    "FakeUser",
    "FakeWhatsApp",
    "Fault",
    "Limits",
    "Log",
    "Violation",
    "WebhookPolicy",
    "WebhookRequest",
    "faults",
]
