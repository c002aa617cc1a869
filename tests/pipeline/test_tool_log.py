"""Tool calls and their results are kept in a chat's history, in the shapes others read."""

from __future__ import annotations

import pytest

from unicom.errors import InvalidMessage
from unicom.models import Delivery, Message

pytestmark = pytest.mark.django_db

CALL = {"name": "search_database", "arguments": {"query": "user orders", "limit": 5}, "id": "call_123"}


@pytest.fixture
def message(channel):
    """Return a message that came in."""
    return channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "text": "hello"})


def test_a_call_and_its_response_are_system_messages_with_the_documented_raw(message):
    """``tool_call`` is ``{id, name, arguments}``, ``tool_response`` is ``{call_id, result, tool_name}``."""
    call = message.log_tool_interaction(tool_call=CALL)
    assert (call.media_type, call.is_outgoing, call.raw) == ("tool_call", None, {"tool_call": CALL})
    assert (call.reply_to_message, call.chat, call.seq) == (message, message.chat, 2)
    response = message.log_tool_interaction(
        tool_response={"call_id": "call_123", "result": {"orders": [1, 2], "count": 2}}
    )
    assert (response.media_type, response.is_outgoing) == ("tool_response", None)
    assert response.raw == {
        "tool_response": {
            "call_id": "call_123",
            "result": {"orders": [1, 2], "count": 2},
            "tool_name": "search_database",
        }
    }
    assert not Delivery.objects.exists(), "the system's own messages are nobody's to deliver"


def test_both_at_once_are_two_messages_the_response_answering_the_call(message):
    """And the response is what is returned."""
    response = message.log_tool_interaction(tool_call=CALL, tool_response={"result": None})
    assert response.reply_to_message.raw == {"tool_call": CALL}
    assert response.raw["tool_response"] == {"call_id": "call_123", "result": None, "tool_name": "search_database"}


def test_a_chat_logs_a_call_that_the_system_began(message):
    """``chat.log_tool_interaction``, with and without ``reply_to``."""
    chat = message.chat
    alone = chat.log_tool_interaction(tool_call={"name": "cleanup_cache", "arguments": {}, "id": "call_456"})
    assert alone.reply_to_message is None
    answering = chat.log_tool_interaction(
        tool_call={"name": "fetch_data", "arguments": {"user_id": 123}, "id": "call_789"}, reply_to=message
    )
    assert answering.reply_to_message == message
    assert [alone.seq, answering.seq] == [2, 3]


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({}, {"tool_call"}),
        ({"tool_call": {}}, {"tool_call.name"}),
        (
            {"tool_call": {"name": 5, "arguments": {1, 2}, "x": 1}},
            {"tool_call.name", "tool_call.arguments", "tool_call.x"},
        ),
        ({"tool_response": {}}, {"tool_response.call_id", "tool_response.result"}),
        ({"tool_response": {"call_id": "c", "result": float("nan")}}, {"tool_response.result"}),
        ({"tool_call": "x"}, {"tool_call"}),
        ({"tool_call": CALL, "tool_response": ["x"]}, {"tool_response"}),
    ],
    ids=lambda value: repr(sorted(map(str, value)))[:50],
)
def test_a_bad_log_entry_is_refused_whole(message, given, keys):
    """Every key is named; nothing is saved."""
    with pytest.raises(InvalidMessage) as caught:
        message.log_tool_interaction(**given)
    assert caught.value.problems.keys() == keys
    assert Message.objects.count() == 1


def test_results_with_nuls_and_lone_surrogates_are_stored(message):
    """What a tool returns is not its author's to clean."""
    row = message.log_tool_interaction(tool_call=CALL, tool_response={"result": {"a\x00": "b\x00", "c": "\ud800"}})
    row.refresh_from_db()
    assert row.raw["tool_response"]["result"] == {"a�": "b�", "c": "�"}


def test_a_message_of_another_chat_is_not_answered(message, channel):
    """``reply_to`` belongs to the chat."""
    other = channel.receive_message({"id": 2, "chat": "other", "sender": "ann", "text": "hello"})
    with pytest.raises(InvalidMessage) as caught:
        message.chat.log_tool_interaction(tool_call=CALL, reply_to=other)
    assert caught.value.problems.keys() == {"reply_to"}
