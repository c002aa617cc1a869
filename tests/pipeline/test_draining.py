"""``drain()`` and the fixtures are for a project's own tests, within a TestCase too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import TestCase, override_settings
from django.utils import timezone

from unicom.models import Channel, Chat, Delivery
from unicom.signals import message_received
from unicom.testing import drain, sent
from unicom.testing.pytest_plugin import memory_channel, unicom_drain, unicom_sent  # noqa: F401


@override_settings(UNICOM_PLATFORMS={"Memory": "unicom.testing.memory.MemoryAdapter"})
class InATestCase(TestCase):
    """Nothing commits here, so nothing runs by itself."""

    def setUp(self) -> None:
        """Have a chat, and a bot that answers."""
        channel = Channel.objects.create(name="Memory", platform="Memory", active=True)
        self.chat = Chat.objects.create(id="memory_room", channel=channel, external_id="room")
        message_received.connect(self.answer)
        self.addCleanup(message_received.disconnect, self.answer)

    def answer(self, message, **_):
        """Answer."""
        message.reply_with({"text": "pong"})

    def test_rows_stay_queued_until_they_are_drained(self):
        """Then receivers run, and what they send is delivered."""
        self.chat.channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "text": "ping"})
        message = self.chat.send_message({"text": "hello"})
        self.assertEqual((message.status, sent.parts), ("queued", []))
        self.assertEqual(drain(), 3)
        self.assertEqual(sorted(part.text for part in sent.parts), ["hello", "pong"])
        self.assertEqual(drain(), 0)

    def test_what_waits_for_a_later_time_is_left_waiting(self):
        """As a worker would leave it."""
        self.chat.send_message({"text": "hello"})
        Delivery.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=5))
        self.assertEqual(drain(), 0)


def test_the_fixtures_give_a_channel_its_wire_and_the_drain(memory_channel, unicom_sent, unicom_drain):  # noqa: F811
    """``pytest_plugins = ["unicom.testing.pytest_plugin"]``."""
    memory_channel.send_message({"chat_id": "room", "text": "hello"})
    assert unicom_drain() == 1
    assert [part.text for part in unicom_sent.parts] == ["hello"]


def test_nothing_leaves_this_machine():
    """The guard refuses before a packet is sent, whatever the code under test makes of it."""
    import socket

    from unicom.testing import NetworkBlocked, network_guard

    with network_guard() as refused:
        with pytest.raises(NetworkBlocked):
            socket.create_connection(("192.0.2.1", 80), timeout=0.1)
        assert refused == ["192.0.2.1"]
        refused.clear()
