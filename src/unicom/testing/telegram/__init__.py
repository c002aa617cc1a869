"""A strict fake of the Telegram Bot API, over real HTTP on loopback, for your tests and for trying things out.

::

    with FakeTelegram() as telegram:
        bot = telegram.add_bot("shop_bot")
        ann = telegram.user("Ann")
        ann.start(bot)
        ...  # point the code under test at telegram.url with bot.token
        assert telegram.log.sent_texts(ann.id) == ["Welcome!"]
        assert telegram.violations == []

Importing it needs neither Django nor a database.
"""

from __future__ import annotations

from unicom.testing.couriers import WebhookPolicy
from unicom.testing.queue import Disorder
from unicom.testing.telegram import faults
from unicom.testing.telegram.bots import Click, FakeBot, FakeMessage, WebhookRequest
from unicom.testing.telegram.client import Answer, ApiClient
from unicom.testing.telegram.faults import Fault
from unicom.testing.telegram.groups import FakeBusiness, FakeChannel, FakeGroup
from unicom.testing.telegram.limits import BrokenLimit, Limits
from unicom.testing.telegram.log import Call, Delivery, Log
from unicom.testing.telegram.media import SAMPLE_OGG, SAMPLE_PNG
from unicom.testing.telegram.server import FakeTelegram
from unicom.testing.telegram.users import FakeUser
from unicom.testing.telegram.world import Violation

__all__ = [
    "SAMPLE_OGG",
    "SAMPLE_PNG",
    "Answer",
    "ApiClient",
    "BrokenLimit",
    "Call",
    "Click",
    "Delivery",
    "Disorder",
    "FakeBot",
    "FakeBusiness",
    "FakeChannel",
    "FakeGroup",
    "FakeMessage",
    "FakeTelegram",
    "FakeUser",
    "Fault",
    "Limits",
    "Log",
    "Violation",
    "WebhookPolicy",
    "WebhookRequest",
    "faults",
]
