"""Test the Internal platform: parties of one project write to each other through the same pipeline as everybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from unicom.errors import AnomalousPayload, InvalidMessage, NotAccessible
from unicom.models import Account, Channel, Chat, Message, Request, Update
from unicom.signals import button_clicked, message_edited, message_received
from unicom.testing import drain

pytestmark = pytest.mark.django_db

LETTER = {"sender": "warehouse", "chat": "orders", "text": "Order 7 is packed."}


@pytest.fixture
def channel() -> Channel:
    return Channel.objects.create(name="Within", platform="Internal")


def receive(channel: Channel, **payload: Any) -> Message:
    message = channel.receive_message({**LETTER, **payload})
    assert message is not None
    return message


@pytest.fixture
def told() -> Iterator[list[tuple[str, Any]]]:
    """Note what receivers are told."""
    heard: list[tuple[str, Any]] = []

    def on_message(message: Message, **_: Any) -> None:
        heard.append(("message", message.text))

    def on_edit(message: Message, previous: str, **_: Any) -> None:
        heard.append(("edit", (previous, message.text)))

    def on_click(callback_execution: Any, clicking_account: Account, **_: Any) -> None:
        heard.append(("click", (callback_execution.callback_data, clicking_account.pk)))

    pairs = ((message_received, on_message), (message_edited, on_edit), (button_clicked, on_click))
    for signal, receiver in pairs:
        signal.connect(receiver)
    yield heard
    for signal, receiver in pairs:
        signal.disconnect(receiver)


def test_an_internal_channel_is_active_at_once(channel: Channel) -> None:
    assert channel.active
    assert channel.validate()


def test_two_parties_talk_in_one_chat(channel: Channel) -> None:
    first = receive(channel, id="1")
    second = receive(channel, id="2", sender="shop", text="Thank you!", reply_to="1")
    answer = second.reply_with({"text": "You are both welcome."})
    drain()
    answer.refresh_from_db()
    chat = Chat.objects.get()
    assert (chat.pk, chat.external_id) == (f"internal_{channel.pk}_orders", "orders")
    assert sorted(account.pk for account in chat.accounts.all()) == ["internal_shop", "internal_warehouse"]
    assert second.reply_to_message == first
    assert (answer.status, answer.reply_to_message) == ("sent", second)
    assert list(chat.messages.order_by("seq").values_list("seq", "sender_name")) == [
        (1, "warehouse"), (2, "shop"), (3, "Bot"),
    ]  # fmt: skip
    assert list(Request.objects.order_by("pk").values_list("account_id", flat=True)) == [
        "internal_warehouse", "internal_shop",
    ]  # fmt: skip


def test_a_message_may_name_our_own_chat_and_message(channel: Channel) -> None:
    first = receive(channel)
    second = channel.receive_message({"sender": "shop", "chat_id": first.chat_id, "text": "Yes?", "reply_to": first.pk})
    assert second is not None
    assert (second.chat, second.reply_to_message) == (first.chat, first)


def test_a_button_tells_its_receivers_who_clicked(channel: Channel, told: list[tuple[str, Any]]) -> None:
    question = receive(channel).reply_with({"text": "Send it?", "buttons": [[{"text": "Yes", "callback_data": [7]}]]})
    drain()
    question.refresh_from_db()
    button = question.raw["interactive_buttons"][0][0]["callback_execution_id"]
    channel.receive_message({"sender": "warehouse", "chat": "orders", "button": button})
    drain()
    assert told == [("message", "Order 7 is packed."), ("click", ([7], "internal_warehouse"))]


def test_somebody_elses_button_does_nothing(channel: Channel, told: list[tuple[str, Any]]) -> None:
    question = receive(channel).reply_with({"text": "Send it?", "buttons": [[{"text": "Yes", "callback_data": [7]}]]})
    drain()
    question.refresh_from_db()
    button = question.raw["interactive_buttons"][0][0]["callback_execution_id"]
    channel.receive_message({"sender": "stranger", "chat": "elsewhere", "button": button})
    channel.receive_message({"sender": "warehouse", "chat": "orders", "button": "no such button"})
    drain()
    assert [kind for kind, _ in told] == ["message"]


def test_an_edit_changes_the_message_and_keeps_what_it_said(channel: Channel, told: list[tuple[str, Any]]) -> None:
    message = receive(channel, id="1")
    channel.receive_message({**LETTER, "id": "2", "edit": "1", "text": "Order 8 is packed."})
    drain()
    message.refresh_from_db()
    assert message.text == "Order 8 is packed."
    assert message.raw["edits"][0]["text"] == "Order 7 is packed."
    assert ("edit", ("Order 7 is packed.", "Order 8 is packed.")) in told


def test_an_edit_of_what_never_came_is_kept_with_its_raw(channel: Channel) -> None:
    message = receive(channel, id="2", edit="1", text="Order 8 is packed.")
    assert (message.text, message.raw.get("edit")) == ("Order 8 is packed.", "1")


def test_the_same_id_is_the_same_message_and_no_id_is_a_new_one(channel: Channel) -> None:
    assert receive(channel, id="1") == receive(channel, id="1")
    assert receive(channel) != receive(channel)
    assert Message.objects.count() == 3


def test_channels_do_not_share_ids_or_chats(channel: Channel) -> None:
    other = Channel.objects.create(name="Another", platform="Internal")
    first, second = receive(channel, id="1"), receive(other, id="1")
    assert first != second
    assert first.chat != second.chat
    assert first.sender == second.sender, "one party is one account for all channels"


def test_the_chat_of_another_channel_cannot_be_written_to(channel: Channel) -> None:
    other = Channel.objects.create(name="Another", platform="Internal")
    first = receive(channel)
    with pytest.raises(NotAccessible):
        other.receive_message({"sender": "spy", "chat_id": first.chat_id, "text": "let me in"})
    with pytest.raises(InvalidMessage):
        other.send_message({"chat_id": first.chat_id, "text": "let me in"})
    assert Message.objects.count() == 1


@pytest.mark.parametrize("chat_id", ["internal_0_orders", "telegram_1_42", "webchat_x", "orders", "x" * 400])
def test_a_chat_of_ours_that_is_not_there_is_not_made_up(channel: Channel, chat_id: str) -> None:
    # Its key would be taken from whoever it belongs to.
    with pytest.raises((NotAccessible, AnomalousPayload)):
        channel.receive_message({"sender": "shop", "chat_id": chat_id, "text": "Hello?"})
    assert not Chat.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": ""}, {"sender": None}, {"sender": ["a"]}, {"sender": True}, {"chat": ""}, {"chat": {}}, {"text": ""},
        {"text": 3}, {"text": None}, {"html": ["<b>"]}, {"id": {"a": 1}}, {"id": [1]}, {"reply_to": {"a": 1}},
        {"timestamp": "yesterday"}, {"timestamp": 5}, {"timestamp": "2026-01-01T00:00:00"},
        {"timestamp": "0001-01-01T00:00:00+23:00"}, {"timestamp": "9999-12-31T23:59:59-23:00"},
        {"more": float("nan")}, {"more": {1, 2}}, {"more": b"bytes"}, {"edit": True}, {"button": {"a": 1}},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_read_is_refused_and_nothing_is_stored(channel: Channel, wrong: dict[str, Any]) -> None:
    with pytest.raises(AnomalousPayload):
        channel.receive_message({**LETTER, **wrong})
    assert not Message.objects.exists()
    assert not Account.objects.exists()
    assert not Update.objects.exists()


@pytest.mark.parametrize("payload", [None, "x", [], 3, [LETTER]])
def test_a_payload_that_is_no_object_is_refused(channel: Channel, payload: Any) -> None:
    with pytest.raises(AnomalousPayload):
        channel.receive_message(payload)


@pytest.mark.parametrize("key", ["sender", "chat", "id", "reply_to", "sender_name", "chat_name", "text"])
@pytest.mark.parametrize("size", [300, 600, 5000])
def test_a_name_of_any_length_is_kept_or_refused_the_same_on_every_database(
    channel: Channel, key: str, size: int
) -> None:
    for value in ("n" * size, "ü" * size):
        try:
            message = receive(channel, **{key: value})
        except AnomalousPayload as error:
            assert key in str(error)
        else:
            again = receive(channel, **{key: value})
            assert again.chat == message.chat and again.sender == message.sender


def test_unstorable_characters_are_replaced_and_the_rest_is_kept(channel: Channel) -> None:
    message = receive(channel, text="a\x00b\ud800c", sender_name="\x00")
    message.refresh_from_db()
    assert message.text == "a\ufffdb\ufffdc"


def test_a_blocked_party_is_stored_but_makes_no_request(channel: Channel) -> None:
    receive(channel)
    Account.objects.update(blocked=True)
    receive(channel, text="Are you there?")
    assert (Message.objects.count(), Request.objects.count()) == (2, 1)
