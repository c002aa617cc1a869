"""Prove that no order of claim, deliver, record, enqueue and lease expiry loses, doubles or reorders a message."""

from __future__ import annotations

import pytest

from tests.engine.interleaving import explore
from unicom import leases, outbox
from unicom.models import Channel, Delivery
from unicom.testing.memory import Wire

pytestmark = pytest.mark.timeout(300)


def test_every_order_of_steps_of_three_workers_delivers_each_message_once_and_in_order(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    worlds, fault = explore(shared_channel)
    assert fault == ""
    assert worlds > 100


def test_a_worker_that_ignores_the_end_of_its_lease_is_found_out(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases.Queue, "is_held", lambda queue, row: True)
    assert "out of order" in explore(shared_channel)[1]


def test_repeating_what_may_have_arrived_is_found_out(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_may_repeat", lambda delivery: True)
    assert "doubled" in explore(shared_channel)[1]


def test_a_lane_that_is_not_promoted_is_found_out(
    shared_channel: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases.Queue, "promote", lambda queue, lane: None)
    assert "left behind" in explore(shared_channel)[1]


def test_a_claim_that_looks_past_what_is_under_way_is_stopped_by_the_database_itself(
    shared_channel: Channel, unicom_sent: Wire
) -> None:
    shared_channel.send_message({"chat_id": "one", "text": "0"})
    shared_channel.send_message({"chat_id": "one", "text": "1"})
    assert len(outbox.claim(1)) == 1
    Delivery.objects.update(at_front=True)
    with pytest.raises(Exception, match=r"unicom_delivery_one_a_chat|UNIQUE constraint failed"):
        Delivery.objects.filter(state="queued").update(state="sending")
    assert outbox.claim(10) == []
