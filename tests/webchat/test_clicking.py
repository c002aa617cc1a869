"""A button in the web chat is clicked by its visitor, through the REST endpoint, as on any platform."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webchat.conftest import click
from unicom import signals
from unicom.models import Account, CallbackExecution, Channel, Chat, Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def clicked(connect) -> list[dict]:
    """Collect what receivers are told of clicks."""
    heard: list[dict] = []
    connect(signals.interactive_button_clicked, lambda **given: heard.append(given))
    return heard


@pytest.fixture
def carrier(chat: Chat, drain: Callable[[], int]) -> Message:
    """Return a message with a callback and a link, shown to the guest."""
    message = chat.send_message(
        {
            "text": "Continue?",
            "buttons": [
                [{"text": "Yes", "callback_data": {"action": "confirm"}, "type": "callback", "style": "primary"}],
                [{"text": "Visit", "url": "https://example.com", "type": "url"}],
            ],
        }
    )
    drain()
    return message


def test_buttons_are_shown_in_the_documented_shape(guest, chat, carrier):
    """Rows of ``{text, type, callback_execution_id | url, style?}``."""
    shown = guest.messages(chat.pk)["messages"][-1]["interactive_buttons"]
    button = carrier.callback_executions.get().pk
    assert shown == [
        [{"text": "Yes", "type": "callback", "callback_execution_id": button, "style": "primary"}],
        [{"text": "Visit", "type": "url", "url": "https://example.com"}],
    ]


def test_a_click_is_answered_and_told_once(guest, chat, carrier, clicked, drain):
    """Known failure 3: ``{callback_execution_id, channel_id?}`` → ``{success: true}``, and one signal."""
    response = click(guest, carrier)
    assert (response.status_code, response.json()) == (200, {"success": True})
    drain()
    assert len(clicked) == 1
    assert clicked[0]["callback_execution"].callback_data == {"action": "confirm"}
    assert clicked[0]["clicking_account"] == Account.objects.get()
    assert clicked[0]["original_message"] == carrier
    assert clicked[0]["tool_call"] is None
    assert click(guest, carrier, channel_id=chat.channel_id).status_code == 200
    drain()
    assert len(clicked) == 2


def test_expired_and_foreign_are_403_and_unknown_is_404(guest, stranger, chat, carrier, clicked, drain):
    """And no receiver is told."""
    assert click(stranger, carrier).status_code == 403
    other = Channel.objects.create(name="Other", platform="WebChat")
    assert click(guest, carrier, channel_id=other.pk).status_code == 404
    for unknown in ("0" * 32, "x", "\x00", "x" * 5000):
        assert guest.call("post", "button-click/", {"callback_execution_id": unknown}).status_code == 404
    for bad in (None, 5, "", [1], {"a": 1}):
        assert guest.call("post", "button-click/", {"callback_execution_id": bad}).status_code == 400
    assert guest.call("post", "button-click/", {}).status_code == 400
    CallbackExecution.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = click(guest, carrier)
    assert (response.status_code, response.json()) == (403, {"error": "This button has expired."})
    drain()
    assert clicked == []


def test_a_button_meant_for_one_person_is_theirs_alone(guest, chat, carrier, new_user):
    """Also within a chat of several."""
    other = new_user("bob")
    other.say("hello")
    bob = Account.objects.get(pk__startswith="webchat_user_")
    chat.accounts.add(bob)
    CallbackExecution.objects.update(account=bob)
    assert click(guest, carrier).status_code == 403
    assert click(other, carrier).status_code == 200


def test_a_blocked_visitor_clicks_nothing(guest, carrier):
    """403."""
    Account.objects.update(blocked=True)
    assert click(guest, carrier).status_code == 403


def test_a_button_of_another_platform_is_unknown_here(guest, chat):
    """Its id opens nothing in the web chat."""
    memory = Channel.objects.create(name="Memory", platform="Memory", active=True)
    room = Chat.objects.create(id="memory_room", channel=memory, external_id="room")
    carrier = room.send_message({"text": "x", "buttons": [[{"text": "A", "callback_data": 1}]]})
    assert click(guest, carrier).status_code == 404


def test_edit_original_message_in_a_handler_changes_what_the_visitor_sees(guest, chat, carrier, connect, drain):
    """Known failure 5: edits the message that carried the buttons, and the stored row follows."""

    def confirm(original_message, **_):
        original_message.edit_original_message({"text": "Confirmed", "buttons": []})

    connect(signals.button_clicked, confirm)
    click(guest, carrier)
    drain()
    shown = guest.messages(chat.pk)["messages"]
    assert [message["text"] for message in shown] == ["hello", "Confirmed"]
    assert shown[-1]["id"] == carrier.pk and shown[-1]["interactive_buttons"] is None


def test_a_bot_s_answer_with_new_buttons_can_be_clicked_in_turn(guest, chat, carrier, connect, drain):
    """A navigation menu; buttons made without ``message=`` are clickable."""

    def answer(callback_execution, original_message, **_):
        if callback_execution.callback_data == "end":
            original_message.reply_with({"text": "done"})
        else:
            original_message.reply_with({"text": "Sure?", "buttons": [[{"text": "End", "callback_data": "end"}]]})

    connect(signals.telegram_callback_received, answer)
    click(guest, carrier)
    drain()
    question = Message.objects.get(text="Sure?")
    assert click(guest, question).status_code == 200
    drain()
    assert [m["text"] for m in guest.messages(chat.pk)["messages"]] == ["hello", "Continue?", "Sure?", "done"]
