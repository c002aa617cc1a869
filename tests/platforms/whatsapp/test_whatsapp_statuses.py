"""Hold statuses: any order, any number, early ones, times, prices, reasons, and our own id in them."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from unicom.models import Delivery, Job, Message, Suppression, Update
from unicom.signals import message_status_changed
from unicom.testing.draining import drain

FIELDS = ("status", "sent", "delivered", "seen", "time_delivered", "time_seen", "error")


@pytest.fixture(autouse=True)
def _silence(whatsapp):
    whatsapp.settings.auto_statuses = ()


@pytest.fixture
def answer(greeted: Any) -> Any:
    """Return a message that was handed to WhatsApp."""
    message = greeted.reply_with({"text": "Yes?"})
    drain()
    message.refresh_from_db()
    assert message.status == "sent", message.error
    return message


def tell(whatsapp: Any, ann: Any, number: Any, status: str, at: float, **more: Any) -> None:
    """Have one status told."""
    sent = ann.inbox(number)[-1].sent if ann.inbox(number) else list(whatsapp.world.messages.values())[-1]
    with whatsapp.world.lock:
        whatsapp.world.tell_status(sent, status, at=at, **more)


def test_wa06_each_status_brings_the_documented_fields(answer, whatsapp, number, ann, deliver):
    base = int(time.time()) + 10
    for step, (status, name) in enumerate((("sent", "sent"), ("delivered", "delivered"), ("read", "seen"))):
        tell(whatsapp, ann, number, status, base + step)
        deliver()
        answer.refresh_from_db()
        assert (answer.status, getattr(answer, name)) == (name, True)
        if status != "sent":  # when it was sent we know ourselves, and before WhatsApp says so
            assert getattr(answer, f"time_{name}") == datetime.fromtimestamp(base + step, tz=UTC)


def test_wa06_who_has_read_it_has_got_it(answer, whatsapp, number, ann, deliver):
    tell(whatsapp, ann, number, "read", time.time())
    deliver()
    answer.refresh_from_db()
    assert (answer.status, answer.delivered, answer.seen) == ("seen", True, True)
    assert answer.time_delivered == answer.time_seen


def test_wa06_a_voice_message_that_was_played_was_seen(answer, whatsapp, number, ann, deliver):
    tell(whatsapp, ann, number, "played", time.time())
    deliver()
    answer.refresh_from_db()
    assert answer.status == "seen"


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])), ids="-".join)
def test_wa07_all_orders_of_statuses_end_in_the_same_row(answer, whatsapp, number, ann, deliver, order):
    base = int(time.time()) + 10
    times = {"sent": base, "delivered": base + 1, "read": base + 2}
    for status in order:
        tell(whatsapp, ann, number, status, times[status])
        deliver()
    answer.refresh_from_db()
    assert {name: getattr(answer, name) for name in FIELDS} == {
        "status": "seen", "sent": True, "delivered": True, "seen": True, "error": "",
        "time_delivered": datetime.fromtimestamp(base + 1, tz=UTC),
        "time_seen": datetime.fromtimestamp(base + 2, tz=UTC),
    }  # fmt: skip
    assert Delivery.objects.get().state == "seen"
    assert Delivery.objects.get().result["pricing"]["billable"] is True


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "failed", "delivered"])), ids="-".join)
def test_wa07_delivered_wins_over_failed_whatever_came_first(answer, whatsapp, number, ann, deliver, order):
    base = int(time.time()) + 10
    error = {"code": 131026, "title": "Message undeliverable"}
    for step, status in enumerate(order):
        tell(whatsapp, ann, number, status, base + step, error=error if status == "failed" else None)
    deliver()
    answer.refresh_from_db()
    delivery = Delivery.objects.get()
    assert (answer.status, answer.error, answer.delivered) == ("delivered", "", True)
    assert (delivery.state, delivery.error, delivery.error_code) == ("delivered", "", "")


def test_wa07_three_times_the_same_tells_receivers_once(answer, whatsapp, number, ann, deliver):
    told = []

    def receiver(sender, message, previous, **kwargs):
        told.append((previous, message.status))

    message_status_changed.connect(receiver)
    try:
        for _ in range(3):
            tell(whatsapp, ann, number, "delivered", 1_790_000_000)
        deliver()
    finally:
        message_status_changed.disconnect(receiver)
    assert told == [("sent", "delivered")]


def test_wa08_a_status_that_comes_before_our_call_has_returned_is_joined_later(greeted, whatsapp, number, ann, client):
    from tests.platforms.whatsapp.conftest import post
    from unicom import outbox

    greeted.reply_with({"text": "Quick"})
    [delivery] = outbox.claim(1)
    outcome = outbox.deliver(delivery)
    # WhatsApp has it, tells so, and only now do we write what its answer was.
    tell(whatsapp, ann, number, "delivered", time.time())
    for headers, body in whatsapp.pending():
        assert post(client, body, headers) == 200
    assert not Update.objects.filter(state="dead").exists()
    outbox.record(delivery, outcome)
    Job.objects.filter(kind="receipt").update(next_attempt_at="2020-01-01T00:00:00Z")
    drain()
    message = Message.objects.get(is_outgoing=True)
    assert (message.status, message.delivered) == ("delivered", True)


def test_wa27_our_delivery_id_travels_as_opaque_data(answer, whatsapp, number, ann):
    assert ann.last(number).payload["biz_opaque_callback_data"] == str(Delivery.objects.get().pk)


def test_wa27_a_status_with_our_id_clears_up_a_delivery_that_was_in_doubt(greeted, whatsapp, number, ann, deliver):
    whatsapp.fail("messages", error="drop_after")
    message = greeted.reply_with({"text": "Did it arrive?"})
    drain()
    message.refresh_from_db()
    assert (message.status, message.external_id) == ("unknown", None)
    tell(whatsapp, ann, number, "delivered", time.time())
    deliver()
    message.refresh_from_db()
    assert (message.status, message.error) == ("delivered", "")
    assert message.external_id == ann.last(number).wamid
    assert len(ann.inbox(number)) == 1, "it was not sent again"


def test_wa25_price_and_category_are_kept(answer, whatsapp, number, ann, deliver):
    tell(whatsapp, ann, number, "delivered", time.time())
    deliver()
    assert Delivery.objects.get().result["pricing"] == {
        "billable": True, "pricing_model": "PMP", "category": "service", "type": "regular",
    }  # fmt: skip


def test_wa14_a_failure_keeps_code_details_and_a_sentence(answer, whatsapp, number, ann, deliver):
    error = {"code": 131026, "title": "Nothing to match on", "error_data": {"details": "Receiver is incapable."}}
    tell(whatsapp, ann, number, "failed", time.time(), error=error)
    deliver()
    answer.refresh_from_db()
    delivery = Delivery.objects.get()
    assert (answer.status, delivery.error_code) == ("failed", "131026")
    for words in ("Receiver is incapable.", "the person has no WhatsApp", "code 131026"):
        assert words in answer.error


def test_wa13_who_stopped_marketing_is_not_sent_any_and_can_still_be_answered(
    answer, whatsapp, number, ann, deliver, channel
):
    tell(whatsapp, ann, number, "failed", time.time(), error={"code": 131050, "title": "stopped"})
    deliver()
    suppression = Suppression.objects.get()
    assert (suppression.scope, suppression.account.pk) == ("marketing", f"whatsapp_{ann.phone}")
    message = answer.chat.send_message({"text": "Your order is there."})
    drain()
    message.refresh_from_db()
    assert message.status == "sent"


def test_a_status_for_an_unknown_message_is_200_and_kept(channel, whatsapp, number, ann, deliver):
    value = {"statuses": [{"id": "wamid.WHO", "status": "delivered", "timestamp": "1790000000", "recipient_id": "49"}]}
    whatsapp.world.post(number.state, "messages", value, key="x")
    assert deliver() == [200]
    assert Update.objects.get().state == "kept", "the same number may be used by others: it is no fault"


def test_the_status_of_a_reaction_is_no_fault(answer, whatsapp, number, ann, deliver):
    question = Message.objects.get(is_outgoing=False)
    question.react_with("👍")
    drain()
    sent = whatsapp.log.sent()[-1]
    assert sent.params["reaction"] == {"message_id": question.external_id, "emoji": "👍"}
    with whatsapp.world.lock:
        whatsapp.world.tell_status(whatsapp.world.messages[sent.wamid], "delivered")
    assert deliver() == [200]
    assert not Update.objects.filter(state="dead").exists()


def test_wa27_a_status_that_came_before_the_connection_broke_clears_it_up_too(greeted, whatsapp, number, ann, client):
    from tests.platforms.whatsapp.conftest import post
    from unicom import outbox

    whatsapp.fail("messages", error="drop_after")
    greeted.reply_with({"text": "Did it arrive?"})
    [delivery] = outbox.claim(1)
    outcome = outbox.deliver(delivery)
    tell(whatsapp, ann, number, "delivered", time.time())
    for headers, body in whatsapp.pending():
        assert post(client, body, headers) == 200
    outbox.record(delivery, outcome)
    assert Delivery.objects.get().state == "unknown"
    Job.objects.filter(kind="receipt").update(next_attempt_at="2020-01-01T00:00:00Z")
    drain()
    assert Message.objects.get(is_outgoing=True).status == "delivered"
    assert not Job.objects.filter(kind="receipt").exclude(state="done").exists()
