"""Prove that no window of time ever holds more calls than the platform allows."""

from __future__ import annotations

import io
import random
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unicom import claiming, outbox, pacing
from unicom.errors import DeliveryError
from unicom.models import Channel, Delivery, Pace
from unicom.testing.memory import MemoryAdapter, Wire
from unicom.types import Limits
from unicom.types import Pace as Rate

PER_CHANNEL, PER_CHAT = Rate(count=10, seconds=1.0), Rate(count=1, seconds=1.0)


class Clock:
    """Be a clock the test moves."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the database's clock."""
    found = Clock()
    monkeypatch.setattr(pacing, "database_time", found)
    return found


@pytest.fixture
def paced(memory_channel: Channel, monkeypatch: pytest.MonkeyPatch) -> Channel:
    """Return a channel whose platform takes 10 a second, and 1 a second in a chat."""
    monkeypatch.setattr(MemoryAdapter, "limits", Limits(channel_pace=PER_CHANNEL, chat_pace=PER_CHAT))
    return memory_channel


def _deliveries(channel: Channel, chats: list[int]) -> list[Delivery]:
    for chat in chats:
        channel.send_message({"chat_id": f"chat{chat}", "text": "x"})
    return list(Delivery.objects.select_related("channel", "chat").order_by("pk"))


def _most_in_a_window(times: list[float], seconds: float) -> int:
    return max(sum(1 for other in times if start <= other < start + seconds) for start in times)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.floats(0, 0.4), min_size=40, max_size=60), delays=st.lists(st.floats(0, pacing.LATEST)))
def test_no_window_holds_more_than_the_limit_however_late_each_call_leaves(
    paced: Channel, clock: Clock, steps: list[float], delays: list[float]
) -> None:
    Pace.objects.all().delete()
    Delivery.objects.all().delete()
    pool = _deliveries(paced, list(range(len(steps))))
    left: list[float] = []
    for number, (step, delivery) in enumerate(zip(steps, pool, strict=True)):
        clock.now += step
        if not pacing.admit([delivery]):
            left.append(clock.now + (delays[number % len(delays)] if delays else 0.0))
    assert left
    assert _most_in_a_window(sorted(left), PER_CHANNEL.seconds) <= PER_CHANNEL.count


@pytest.mark.parametrize("seed", range(5))
def test_an_album_counts_as_its_messages(
    paced: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """In a group no window holds more than the limit, whatever albums are among what is sent as fast as it may."""
    monkeypatch.setattr(MemoryAdapter, "limits", Limits(group_pace=Rate(count=10, seconds=60.0)))
    sizes = random.Random(seed).choices([1, 2, 4, 6], weights=[5, 1, 1, 1], k=30)
    left: list[float] = []
    for delivery, size in zip(_deliveries(paced, [1] * len(sizes)), sizes, strict=True):
        delivery.chat.is_group = True
        delivery.payload = {**delivery.payload, "files": [{}] * size if size > 1 else []}
        while later := pacing.admit([delivery]):
            clock.now += (later[delivery.pk] or 0.0) + 0.001
        left += [clock.now] * size
    assert _most_in_a_window(left, 60.0) <= 10


def test_an_album_has_room_in_the_channels_window_although_other_chats_would_take_it(
    paced: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel falls silent for it, once: no window holds too much, and neither albums nor others are starved."""
    monkeypatch.setattr(MemoryAdapter, "limits", Limits(channel_pace=PER_CHANNEL))
    pool = _deliveries(paced, list(range(80)))
    sizes = {delivery.pk: 6 if number in (15, 16, 40) else 1 for number, delivery in enumerate(pool)}
    due = {delivery.pk: clock.now for delivery in pool}
    left: dict[int, float] = {}
    began = clock.now
    while len(left) < len(pool):
        ready = sorted((due[row.pk], row.pk) for row in pool if row.pk not in left and due[row.pk] <= clock.now)
        turn = [row for row in pool if row.pk in {pk for _, pk in ready[:3]}]
        for row in turn:
            row.payload = {**row.payload, "files": [{}] * sizes[row.pk] if sizes[row.pk] > 1 else []}
        later = pacing.admit(turn) if claiming.due_channels(1) else {row.pk: None for row in turn}
        for row in turn:
            if row.pk not in later:
                left[row.pk] = clock.now
            elif (wait := later[row.pk]) is not None:
                due[row.pk] = clock.now + wait
        clock.now += 0.01
    times = sorted(moment for pk, moment in left.items() for _ in range(sizes[pk]))
    assert _most_in_a_window(times, PER_CHANNEL.seconds) <= PER_CHANNEL.count
    order = sorted(left, key=lambda pk: left[pk])
    for number in (15, 16, 40):
        assert order.index(pool[number].pk) < len(pool) - 15, "its turn comes although others wait"
    assert clock.now - began < 2 * sum(sizes.values()) / PER_CHANNEL.count


def test_a_channel_kept_quiet_for_an_album_that_is_not_sent_after_all_goes_on(
    paced: Channel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryAdapter, "limits", Limits(channel_pace=PER_CHANNEL))
    first, album, other = _deliveries(paced, [1, 2, 3])
    album.payload = {**album.payload, "files": [{}] * 5}
    assert pacing.admit([first, album]) == {album.pk: None}
    assert claiming.due_channels(1) == []
    clock.now = Pace.objects.get(pk=f"channel:{paced.pk}").open_at
    assert claiming.due_channels(1) == [paced.pk]
    wait = pacing.admit([other])[other.pk]
    assert wait == pytest.approx(pacing.TURN)
    clock.now += pacing.TURN
    assert pacing.admit([other]) == {}


def test_a_chat_waits_its_second_while_other_chats_go_on(paced: Channel, clock: Clock) -> None:
    first, second, other = _deliveries(paced, [1, 1, 2])
    assert pacing.admit([first]) == {}
    later = pacing.admit([second, other])
    assert set(later) == {second.pk} and later[second.pk] == pytest.approx(1 + pacing.LATEST)
    clock.now += later[second.pk]
    assert pacing.admit([second]) == {}


def test_what_may_not_leave_takes_no_slot_of_the_channel(paced: Channel, clock: Clock) -> None:
    waiting = _deliveries(paced, [1] * 30)
    pacing.admit(waiting[:1])
    assert len(pacing.admit(waiting[1:])) == 29
    assert Pace.objects.get(pk=f"channel:{paced.pk}").tat < clock.now + 2 * PER_CHANNEL.seconds / PER_CHANNEL.count


def test_the_channels_own_pacing_replaces_the_platforms(paced: Channel, clock: Clock) -> None:
    paced.config = {"PACING": {"chat": [5, 1.0], "time_scale": 0.001}}
    paced.save()
    first, second = _deliveries(paced, [1, 1])
    pacing.admit([first])
    assert pacing.admit([second])[second.pk] < 0.1


def test_a_refusal_closes_the_chat_for_exactly_as_long_as_the_platform_says(paced: Channel, clock: Clock) -> None:
    first, second, other = _deliveries(paced, [1, 1, 2])
    pacing.refused(first, timedelta(seconds=37))
    later = pacing.admit([second, other])
    assert later == {second.pk: pytest.approx(37.0)}
    clock.now += 36.99
    assert pacing.admit([second]) != {}
    clock.now += 0.02
    assert pacing.admit([second]) == {}


def test_a_second_refusal_from_another_chat_within_five_seconds_closes_the_channel(
    paced: Channel, clock: Clock
) -> None:
    first, second, third = _deliveries(paced, [1, 2, 3])
    pacing.refused(first, timedelta(seconds=10))
    assert pacing.admit([third]) == {}
    clock.now += 4
    pacing.refused(second, timedelta(seconds=20))
    assert claiming.due_channels(10) == []
    clock.now += 20.5
    assert claiming.due_channels(10) == [paced.pk]


def test_refusals_far_apart_or_of_one_chat_leave_the_channel_open(paced: Channel, clock: Clock) -> None:
    first, again, second = _deliveries(paced, [1, 1, 2])
    pacing.refused(first, timedelta(seconds=1))
    pacing.refused(again, timedelta(seconds=1))
    assert claiming.due_channels(10) == [paced.pk]
    clock.now += 6
    pacing.refused(second, timedelta(seconds=1))
    assert claiming.due_channels(10) == [paced.pk]


def test_a_call_that_missed_its_slot_is_put_back_without_counting_as_an_attempt(
    paced: Channel, unicom_sent: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    paced.send_message({"chat_id": "one", "text": "1"})
    (claimed,) = outbox.claim(1)
    claimed.admitted_at = time.monotonic() - 1  # type: ignore[attr-defined]
    outbox.record(claimed, outbox.deliver(claimed))
    row = Delivery.objects.get()
    assert (row.state, row.attempts, unicom_sent.parts) == ("queued", 0, [])


def test_a_reply_overtakes_a_campaign_to_other_chats(paced: Channel, clock: Clock, unicom_sent: Wire) -> None:
    for chat in range(40):
        paced.send_message({"chat_id": f"bulk{chat}", "text": "offer", "priority": "bulk"})
    paced.send_message({"chat_id": "asker", "text": "answer", "priority": "reply"})
    for delivery in outbox.claim(1):
        outbox.record(delivery, outbox.deliver(delivery))
    assert [part.text for part in unicom_sent.parts] == ["answer"]


def test_a_reply_never_overtakes_within_its_own_chat(paced: Channel, clock: Clock, unicom_sent: Wire) -> None:
    paced.send_message({"chat_id": "one", "text": "first", "priority": "bulk"})
    paced.send_message({"chat_id": "one", "text": "second", "priority": "reply"})
    assert [delivery.message.text for delivery in outbox.claim(10)] == ["first"]


def test_retry_after_is_kept_by_the_outbox(shared_channel: Channel, unicom_sent: Wire) -> None:
    unicom_sent.faults.append(DeliveryError("slow down", retry_after=timedelta(seconds=600), code="429"))
    shared_channel.send_message({"chat_id": "one", "text": "1"})
    call_command("unicom_worker", "--run-once", stdout=io.StringIO())
    row = Delivery.objects.get()
    assert row.state == "queued" and row.next_attempt_at is not None
    wait = (row.next_attempt_at - row.created_at).total_seconds()
    assert 599 < wait < 660
    assert unicom_sent.parts == []
