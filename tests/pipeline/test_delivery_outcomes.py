"""What becomes of a delivery that does not simply succeed: it waits, fails, or is unknown; it is never silent."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from unicom import decisions, jobs
from unicom.errors import DeliveryError
from unicom.models import Account, AccountChat, Channel, Chat, Delivery, Job, Message, Suppression

pytestmark = pytest.mark.django_db


def busy() -> DeliveryError:
    """Return what a platform answers that may take it later."""
    return DeliveryError("busy", retryable=True, code="503")


def wait_of(delivery: Delivery) -> float:
    """Return for how many seconds a delivery still waits."""
    delivery.refresh_from_db()
    assert delivery.next_attempt_at is not None
    return (delivery.next_attempt_at - timezone.now()).total_seconds()


def test_a_retryable_error_is_tried_again_with_growing_waits(chat, wire, drain, later):
    """1, 2, 4 … seconds; the error is on the row meanwhile, and gone once it was delivered."""
    wire.faults += [busy() for _ in range(4)]
    message = chat.send_message({"text": "x"})
    delivery = Delivery.objects.get()
    for expected in (1, 2, 4, 8):
        drain()
        assert 0.85 * expected - 0.5 <= wait_of(delivery) <= 1.15 * expected
        assert (delivery.state, delivery.error, delivery.error_code) == ("queued", "busy", "503")
        later()
    drain()
    delivery.refresh_from_db()
    message.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.error, delivery.error_code) == ("sent", 5, "", "")
    assert (message.status, message.error) == ("sent", "")
    assert len(wire.parts) == 1


def test_a_retry_holds_its_chat_and_not_the_others(channel, chat, wire, drain, later):
    """Order within a chat; other chats are not held up."""
    wire.faults.append(busy())
    chat.send_message({"text": "first"})
    drain()
    chat.send_message({"text": "second"})
    channel.send_message({"chat_id": "elsewhere", "text": "other"})
    drain()
    assert [part.text for part in wire.parts] == ["other"]
    later()
    drain()
    assert [part.text for part in wire.parts] == ["other", "first", "second"]


def test_a_chat_is_held_for_fifteen_minutes_at_most(chat, wire, drain):
    """Then the message has failed, saying so, and the next one goes."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        wire.faults += [busy() for _ in range(99)]
        first = chat.send_message({"text": "first"})
        second = chat.send_message({"text": "second"})
        began = timezone.now()
        delivery = first.deliveries.get()
        while delivery.state == "queued":
            clock.move_to(delivery.next_attempt_at)
            assert timezone.now() - began <= timedelta(minutes=15)
            drain()
            delivery.refresh_from_db()
        assert timezone.now() - began > timedelta(minutes=8)
        first.refresh_from_db()
        assert first.status == "failed"
        assert first.error == "busy (given up after 15 minutes)"
        wire.faults.clear()
        clock.shift(timedelta(seconds=2))
        drain()
        second.refresh_from_db()
        assert second.status == "sent"
        assert [part.text for part in wire.parts] == ["second"]


def test_the_hold_counts_from_the_first_attempt_not_from_the_queueing(chat, wire, drain):
    """A message that waited long for its turn has its fifteen minutes still."""
    message = chat.send_message({"text": "x"})
    long_ago = timezone.now() - timedelta(hours=2)
    Delivery.objects.update(created_at=long_ago, next_attempt_at=long_ago)
    wire.faults.append(busy())
    drain()
    message.refresh_from_db()
    assert message.status in ("queued", "sending") and Delivery.objects.get().state == "queued"


@pytest.mark.parametrize("seconds", [1, 37, 3600, 100_000])
def test_retry_after_is_honoured_exactly(chat, wire, drain, seconds):
    """Not a second sooner, whatever our own waits are, and however long."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        wire.faults.append(DeliveryError("slow down", retry_after=timedelta(seconds=seconds)))
        chat.send_message({"text": "x"})
        drain()
        assert wait_of(Delivery.objects.get()) == pytest.approx(seconds, abs=0.001)
        clock.shift(timedelta(seconds=seconds - 0.01))
        assert drain() == 0
        clock.shift(timedelta(seconds=0.02))
        assert drain() == 1
    assert len(wire.parts) == 1


def test_an_ambiguous_error_is_unknown_and_never_repeated(chat, wire, drain, later):
    """It may have arrived: nobody sends it twice by themselves."""
    wire.faults.append(DeliveryError("timed out", ambiguous=True, code="timeout"))
    message = chat.send_message({"text": "maybe"})
    following = chat.send_message({"text": "next"})
    drain()
    later()
    drain()
    message.refresh_from_db()
    following.refresh_from_db()
    assert (message.status, message.error, message.sent) == ("unknown", "timed out", False)
    delivery = message.deliveries.get()
    assert (delivery.state, delivery.error_code, delivery.next_attempt_at) == ("unknown", "timeout", None)
    assert following.status == "sent", "unknown lets the next go"
    assert [part.text for part in wire.parts] == ["next"]
    assert [message.seq, following.seq] == [1, 2]


def test_an_ambiguous_and_retryable_error_is_unknown_too(chat, wire, drain):
    """Retryable says that it may be asked again, not that it did not arrive."""
    wire.faults.append(DeliveryError("502", ambiguous=True, retryable=True))
    message = chat.send_message({"text": "maybe"})
    drain()
    message.refresh_from_db()
    assert message.status == "unknown"


@pytest.mark.parametrize(("on_unknown", "status"), [("ask", "unknown"), ("give_up", "failed"), ("resend", "sent")])
def test_on_unknown_decides_for_the_operator(channel, chat, wire, drain, later, on_unknown, status):
    """``ON_UNKNOWN``: ask, give up, or resend."""
    channel.config = {"ON_UNKNOWN": on_unknown}
    channel.save()
    wire.faults.append(DeliveryError("timed out", ambiguous=True))
    message = Chat.objects.get().send_message({"text": "maybe"})
    drain()
    later()
    drain()
    message.refresh_from_db()
    assert message.status == status
    assert len(wire.parts) == (1 if on_unknown == "resend" else 0)


def test_a_person_may_resend_or_dismiss_what_is_unknown(chat, wire, drain):
    """The outbox steps back on request only."""
    wire.faults += [DeliveryError("timed out", ambiguous=True) for _ in range(2)]
    one, two = chat.send_message({"text": "one"}), chat.send_message({"text": "two"})
    drain()
    assert decisions.resend(one.deliveries.get()) is True
    assert decisions.dismiss(two.deliveries.get()) is True
    drain()
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.status, one.error) == ("sent", "")
    assert two.status == "failed" and "dismissed" in two.error
    assert decisions.resend(one.deliveries.get()) is False
    assert decisions.dismiss(two.deliveries.get()) is False
    assert [part.text for part in wire.parts] == ["one"]


def test_a_refusal_fails_with_its_reason_and_the_next_goes(chat, wire, drain):
    """A failed delivery does not raise: it is on the row."""
    wire.faults.append(DeliveryError("the chat is closed", code="400"))
    message, following = chat.send_message({"text": "one"}), chat.send_message({"text": "two"})
    drain()
    message.refresh_from_db()
    following.refresh_from_db()
    assert (message.status, message.error) == ("failed", "the chat is closed")
    assert not message.sent and message.time_sent is None
    assert following.status == "sent"


def test_a_channel_that_is_down_keeps_its_queue_and_goes_on_when_it_is_validated(channel, chat, wire, drain, later):
    """Nothing is lost, no attempt is counted, and other channels go on."""
    wire.setup_faults.append(DeliveryError("still revoked", code="401"))
    other = Channel.objects.create(name="Other", platform="Memory", active=True)
    wire.faults.append(DeliveryError("the token was revoked", channel_down=True, code="401"))
    messages = [chat.send_message({"text": str(number)}) for number in range(3)]
    drain()
    channel.refresh_from_db()
    assert channel.down_since is not None and channel.error == "the token was revoked"
    other.send_message({"chat_id": "x", "text": "other"})
    later()
    drain()
    assert [part.text for part in wire.parts] == ["other"]
    assert {message.deliveries.get().state for message in messages} == {"queued"}
    assert messages[0].deliveries.get().attempts == 0
    channel.refresh_from_db()
    assert channel.active and channel.down_since is not None and channel.error == "still revoked"
    assert channel.validate() is True
    channel.refresh_from_db()
    assert channel.down_since is None and channel.error == ""
    drain()
    assert [part.text for part in wire.parts] == ["other", "0", "1", "2"]
    assert set(chat.messages.values_list("status", flat=True)) == {"sent"}


def test_a_channel_that_is_down_is_looked_after_and_resumes_by_itself(channel, chat, wire, drain):
    """After a minute, then as long again, a quarter of an hour at most; the platform is asked, nothing sent blindly."""
    wire.faults.append(DeliveryError("the token was revoked", channel_down=True, code="401"))
    wire.setup_faults += [DeliveryError("still revoked", code="401") for _ in range(3)]
    began = timezone.now()
    waits = []
    with time_machine.travel(began, tick=False) as clock:
        chat.send_message({"text": "x"})
        drain()
        while Channel.objects.get(pk=channel.pk).down_since is not None:
            due = Job.objects.get(kind="recheck", state="queued").next_attempt_at
            waits.append(round((due - timezone.now()).total_seconds()))
            clock.move_to(due)
            drain()
    assert waits == [60, 60, 120, 240]
    assert [part.text for part in wire.parts] == ["x"]
    assert Channel.objects.get(pk=channel.pk).error == ""
    assert not Job.objects.filter(state="queued").exists()


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_goes_down_again_at_once_is_looked_after_again(channel, chat, wire, settings):
    """Setting up works and sending does not, as with a number that is restricted: it is tried again, and again."""
    settings.UNICOM_EXECUTOR = "inline"
    wire.faults += [DeliveryError("restricted", channel_down=True, code="131031") for _ in range(3)]
    chat.send_message({"text": "x"})
    for left in (2, 1, 0):
        assert len(wire.faults) == left
        (job,) = Job.objects.filter(kind="recheck", state="queued")
        assert timedelta(seconds=55) < job.next_attempt_at - timezone.now() < timedelta(seconds=61)
        (claimed,) = jobs.QUEUE.claim(Job.objects.filter(pk=job.pk))
        # Where everything runs in the caller, the queue goes on as soon as the set-up has worked.
        assert jobs.run(claimed) is True
    assert [part.text for part in wire.parts] == ["x"]
    assert Channel.objects.get(pk=channel.pk).down_since is None


def test_a_channel_that_was_switched_off_is_not_looked_after(channel, chat, wire, drain, later):
    """Somebody wants it off: nobody calls its platform any more."""
    wire.faults.append(DeliveryError("the token was revoked", channel_down=True, code="401"))
    wire.setup_faults.append(DeliveryError("never asked", code="401"))
    chat.send_message({"text": "x"})
    drain()
    Channel.objects.filter(pk=channel.pk).update(active=False)
    later()
    drain()
    assert len(wire.setup_faults) == 1
    assert not Job.objects.filter(kind="recheck", state="queued").exists()


def test_a_config_that_broke_after_the_queueing_stops_the_channel_and_loses_nothing(channel, chat, wire, drain):
    """The sentence is on the channel; mending it and validating sends."""
    chat.send_message({"text": "x"})
    Channel.objects.filter(pk=channel.pk).update(config={"NOPE": 1})
    drain()
    channel.refresh_from_db()
    assert channel.down_since is not None and "NOPE" in channel.error
    channel.config = {}
    channel.save()
    assert channel.validate() is True
    drain()
    assert len(wire.parts) == 1


def test_a_contact_that_left_is_suppressed_and_later_sends_fail_with_the_reason(channel, chat, wire, drain):
    """Without asking the platform again; another channel may still write."""
    account = Account.objects.create(id="memory_ann", platform="Memory", external_id="ann")
    AccountChat.objects.create(account=account, chat=chat)
    wire.faults.append(DeliveryError("blocked by the user", suppress="the person blocked this bot", code="403"))
    first = chat.send_message({"text": "one"})
    drain()
    suppression = Suppression.objects.get()
    assert (suppression.channel, suppression.account) == (channel, account)
    assert suppression.reason == "the person blocked this bot"
    second = chat.send_message({"text": "two"})
    drain()
    for message, reason in ((first, "blocked by the user"), (second, "not sent: the person blocked this bot")):
        message.refresh_from_db()
        assert (message.status, message.error) == ("failed", reason)
    assert second.deliveries.get().error_code == "suppressed"
    assert wire.parts == [] and wire.faults == []
    other = Channel.objects.create(name="Other", platform="Memory", active=True)
    elsewhere = Chat.objects.create(id="memory_elsewhere", channel=other, external_id="room")
    AccountChat.objects.create(account=account, chat=elsewhere)
    elsewhere.send_message({"text": "here"})
    drain()
    assert [part.text for part in wire.parts] == ["here"]


def test_a_contact_that_let_us_write_again_is_written_to_again(channel, chat, wire, drain):
    """``ContactChanged`` comes and goes."""
    from unicom.inbound import ingest
    from unicom.types import ContactChanged, Person

    account = Account.objects.create(id="memory_ann", platform="Memory", external_id="ann")
    AccountChat.objects.create(account=account, chat=chat)
    for reachable in (False, False, True):
        ingest(channel, [ContactChanged(sender=Person(external_id="ann"), reachable=reachable, reason="left")])
        assert Suppression.objects.count() == (0 if reachable else 1)
    chat.send_message({"text": "again"})
    drain()
    assert len(wire.parts) == 1


def test_a_bug_of_an_adapter_is_unknown_and_its_message_keeps_no_secret(chat, wire, drain):
    """The call may have been made, so it is not repeated blindly."""
    wire.faults.append(KeyError("result"))
    message, following = chat.send_message({"text": "one"}), chat.send_message({"text": "two"})
    drain()
    message.refresh_from_db()
    following.refresh_from_db()
    assert (message.status, message.error) == ("unknown", "KeyError: 'result'")
    assert message.deliveries.get().error_code == "bug"
    assert following.status == "sent"


def test_a_conversation_that_moved_is_followed(chat, wire, drain):
    """The chat has its new id, and the message goes there."""
    wire.faults.append(DeliveryError("group upgraded", moved_to="room-2"))
    message = chat.send_message({"text": "x"})
    drain()
    chat.refresh_from_db()
    message.refresh_from_db()
    assert chat.external_id == "room-2" and message.status == "sent"
    assert wire.parts[0].chat == "room-2"


def test_replies_go_before_bulk_between_chats(channel, wire, drain):
    """And never within one."""
    for number in range(3):
        channel.send_message({"chat_id": f"bulk-{number}", "text": "bulk", "priority": "bulk"})
    channel.send_message({"chat_id": "ann", "text": "reply", "priority": "reply"})
    channel.send_message({"chat_id": "bob", "text": "normal"})
    drain()
    assert [part.text for part in wire.parts] == ["reply", "normal", "bulk", "bulk", "bulk"]


def test_what_waits_can_be_cancelled_and_lets_the_next_go(chat, wire, drain):
    """A cancelled message keeps its place in the history."""
    wire.faults.append(busy())
    first, second = chat.send_message({"text": "one"}), chat.send_message({"text": "two"})
    drain()
    assert decisions.cancel(first) is True
    drain()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("cancelled", "sent")
    assert decisions.cancel(second) is False
    assert Message.objects.filter(seq__isnull=True).count() == 0


def test_an_edit_whose_message_was_never_delivered_fails_alone(chat, wire, drain):
    """The message's own status does not come of its edits."""
    message = chat.send_message({"text": "one"})
    message.edit_original_message({"text": "two"})
    wire.faults.append(DeliveryError("refused"))
    drain()
    message.refresh_from_db()
    assert (message.status, message.text) == ("failed", "one")
    edit = message.deliveries.get(act="edit")
    assert (edit.state, edit.error_code) == ("failed", "no_target")


def test_a_failed_edit_leaves_the_row_as_it_was_sent(chat, wire, drain):
    """The row follows the platform."""
    message = chat.send_message({"text": "one"})
    drain()
    wire.faults.append(DeliveryError("too old to be edited"))
    message.edit_original_message({"text": "two"})
    drain()
    message.refresh_from_db()
    assert (message.status, message.text, message.edited_at) == ("sent", "one", None)
    assert message.deliveries.get(act="edit").error == "too old to be edited"
