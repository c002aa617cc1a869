"""Two parties of one project exchange messages, requests, buttons, replies and edits over an Internal channel."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pipeline.simultaneous import at_once, succeeded
from unicom import signals
from unicom.errors import AnomalousPayload
from unicom.models import Account, AccountChat, Channel, Chat, Job, Message, Request, Update

pytestmark = pytest.mark.django_db

HELLO = {"sender": "billing", "chat": "invoices", "text": "Invoice 7 is due"}


def test_internal_works_without_config(internal, drain):
    """Known failure 1: made without config, active at once, validated, and it sends and receives."""
    assert internal.active and internal.validate() is True
    message = internal.receive_message(HELLO)
    reply = message.reply_with({"text": "Paid"})
    drain()
    reply.refresh_from_db()
    assert (reply.status, reply.sent, reply.reply_to_message) == ("sent", True, message)
    assert [m.text for m in Message.objects.order_by("seq")] == ["Invoice 7 is due", "Paid"]


def test_a_message_comes_with_its_rows(internal):
    """Account, chat, membership, request, job."""
    message = internal.receive_message({**HELLO, "id": "7", "sender_name": "Billing", "chat_name": "Invoices"})
    assert (message.sender_id, message.sender_name) == ("internal_billing", "Billing")
    assert (message.chat_id, message.chat.name) == (f"internal_{internal.pk}_invoices", "Invoices")
    assert (message.external_id, message.seq, message.raw["id"]) == ("7", 1, "7")
    assert Request.objects.get().status == "QUEUED"
    assert AccountChat.objects.count() == Job.objects.count() == 1


def test_two_parties_talk_in_one_chat(internal, connect, drain):
    """Each is an account; what one writes, the other's receiver answers through the same chat."""
    heard = []

    def warehouse(message, request, **_):
        heard.append((message.sender_id, message.text))
        if message.sender_id == "internal_shop":
            internal.receive_message({"sender": "warehouse", "chat_id": message.chat_id, "text": "Packed"})
            request.status = Request.Status.COMPLETED
            request.save()

    connect(signals.message_received, warehouse)
    internal.receive_message({"sender": "shop", "chat": "order-7", "text": "Please pack"})
    drain()
    assert heard == [("internal_shop", "Please pack"), ("internal_warehouse", "Packed")]
    assert Chat.objects.get().accounts.count() == 2
    assert sorted(Request.objects.values_list("status", flat=True)) == ["COMPLETED", "QUEUED"]


def test_a_known_chat_is_named_by_our_id(internal):
    """``chat_id`` is our key; one made programmatically works, one of another channel does not."""
    chat = Chat.objects.create(id="internal_project-9", channel=internal, metadata={"project_id": 9})
    assert internal.receive_message({"sender": "a", "chat_id": chat.pk, "text": "x"}).chat == chat
    other = Channel.objects.create(name="Other", platform="Internal")
    with pytest.raises(LookupError):
        other.receive_message({"sender": "a", "chat_id": chat.pk, "text": "x"})
    assert Message.objects.count() == 1


def test_a_repeat_gives_the_same_message(internal):
    """By its ``id``, within the channel."""
    first = internal.receive_message({**HELLO, "id": 7})
    assert internal.receive_message({**HELLO, "id": 7}) == first
    other = Channel.objects.create(name="Other", platform="Internal")
    assert other.receive_message({**HELLO, "id": 7}) != first
    assert Message.objects.count() == 2


def test_a_reply_names_what_it_answers(internal):
    """By the parties' id or ours."""
    first = internal.receive_message({**HELLO, "id": "q1"})
    for reference in ("q1", first.pk):
        answer = internal.receive_message({"sender": "shop", "chat": "invoices", "text": "ok", "reply_to": reference})
        assert answer.reply_to_message == first


def test_buttons_are_clicked_by_their_id(internal, connect, drain):
    """``{sender, chat, button}``; once each, only where they were shown, only by whom they were meant for."""
    heard = []
    connect(signals.button_clicked, lambda callback_execution, **_: heard.append(callback_execution.callback_data))
    message = internal.receive_message(HELLO)
    carrier = message.reply_with({"text": "Pay?", "buttons": [[{"text": "Yes", "callback_data": {"pay": True}}]]})
    drain()
    button = carrier.callback_executions.get().pk
    internal.receive_message({"id": 1, "sender": "billing", "chat": "invoices", "button": button})
    internal.receive_message({"id": 1, "sender": "billing", "chat": "invoices", "button": button})
    internal.receive_message({"sender": "billing", "chat": "elsewhere", "button": button})
    internal.receive_message({"sender": "billing", "chat": "invoices", "button": "0" * 32})
    drain()
    assert heard == [{"pay": True}]


def test_an_edit_reaches_receivers(internal, connect, drain):
    """``{…, edit: <id>, text}``."""
    heard = []
    connect(signals.message_edited, lambda message, previous, **_: heard.append((previous, message.text)))
    internal.receive_message({**HELLO, "id": "q1"})
    internal.receive_message({**HELLO, "edit": "q1", "text": "Invoice 8 is due"})
    drain()
    assert heard == [("Invoice 7 is due", "Invoice 8 is due")]
    assert Message.objects.count() == 1


def test_our_own_message_can_be_edited(internal, drain):
    """The row is the delivery, so it follows at once."""
    message = internal.receive_message(HELLO).reply_with({"text": "one"})
    drain()
    message.refresh_from_db()
    message.edit_original_message({"text": "two"})
    drain()
    message.refresh_from_db()
    assert (message.text, message.status) == ("two", "sent") and message.edited_at is not None


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"sender": "a"}, {"sender": "a", "chat": "b"}, {"chat": "b", "text": "x"}, {**HELLO, "sender": ""},
        {**HELLO, "sender": True}, {**HELLO, "sender": ["a"]}, {**HELLO, "chat": " "}, {**HELLO, "text": 5},
        {**HELLO, "text": ""}, {**HELLO, "text": None}, {**HELLO, "timestamp": "yesterday"},
        {**HELLO, "timestamp": "2024-01-01T00:00:00"}, {**HELLO, "timestamp": 5}, {**HELLO, "edit": ["x"]},
        {"sender": "a", "chat": "b", "button": {"x": 1}},
    ],
    ids=repr,
)  # fmt: skip
def test_a_payload_of_another_shape_is_refused_with_nothing_stored(internal, payload):
    """The caller is our own code: it is told."""
    with pytest.raises(AnomalousPayload):
        internal.receive_message(payload)
    assert not any(model.objects.exists() for model in (Message, Account, Chat, Update, Job))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payload=st.dictionaries(
        st.sampled_from(["sender", "sender_name", "chat", "chat_id", "chat_name", "text", "html", "id", "reply_to",
                         "timestamp", "edit", "button"]),
        st.text(st.characters(codec=None), max_size=5) | st.integers() | st.none() | st.lists(st.text(max_size=2)),
    )
)  # fmt: skip
def test_whatever_is_handed_in_is_stored_or_refused(internal, payload):
    """Never another exception."""
    with contextlib.suppress(AnomalousPayload, LookupError):
        internal.receive_message(payload)


def test_a_thing_that_json_cannot_hold_is_refused(internal):
    """An object of Python's own in the payload is no message."""
    with pytest.raises((TypeError, ValueError)):
        internal.receive_message({**HELLO, "extra": object()})
    assert not Message.objects.exists()


def test_nuls_and_lone_surrogates_are_replaced(internal):
    """As anything that comes in."""
    message = internal.receive_message({**HELLO, "sender": "a\x00", "text": "x\x00\ud800"})
    message.refresh_from_db()
    assert (message.text, message.sender.external_id) == ("x��", "a�")


def test_the_time_given_is_kept(internal):
    """ISO 8601 with a zone."""
    message = internal.receive_message({**HELLO, "timestamp": "2024-02-03T04:05:06.789+01:00"})
    message.refresh_from_db()
    assert message.timestamp == datetime(2024, 2, 3, 3, 5, 6, 789000, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_receivers_answer_at_once_where_no_worker_runs(internal, connect):
    """The executor ``inline``: the call returns with the answer there."""
    connect(signals.message_received, lambda message, **_: message.reply_with({"text": f"re: {message.text}"}))
    internal.receive_message(HELLO)
    reply = Message.objects.get(is_outgoing=True)
    assert (reply.text, reply.status, reply.seq) == ("re: Invoice 7 is due", "sent", 2)


@pytest.mark.django_db(transaction=True)
def test_eight_first_messages_at_once_are_all_kept(internal):
    """One account, one chat, eight messages."""
    calls = [partial(internal.receive_message, {**HELLO, "id": n, "text": str(n)}) for n in range(8)]
    succeeded(at_once(calls))
    assert Account.objects.count() == Chat.objects.count() == 1
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 9))
