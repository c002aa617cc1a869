"""A button keeps what it means on our side, and its click reaches every receiver once, from whoever may click."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pipeline.simultaneous import at_once, succeeded
from unicom import buttons, signals
from unicom.errors import Expired, InvalidMessage, NotAccessible
from unicom.inbound import click
from unicom.models import Account, CallbackExecution, Channel, Job, Message, ToolCall

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(channel):
    """Return what Ann wrote."""
    return channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "text": "hello"})


@pytest.fixture
def clicked(connect) -> list[dict]:
    """Collect what receivers are told of clicks."""
    heard: list[dict] = []
    connect(signals.button_clicked, lambda **given: heard.append(given))
    return heard


def ask(message: Message, *data: object, **more: object) -> tuple[Message, list[str]]:
    """Answer with a row of buttons; return the message that carries them, and the tokens a platform would see."""
    row = [{"text": f"Button {n}", "callback_data": item, "type": "callback", **more} for n, item in enumerate(data)]
    carrier = message.reply_with({"text": "Choose", "buttons": [row]})
    return carrier, [buttons.token_for(item.pk) for item in carrier.callback_executions.order_by("text")]


def test_buttons_are_stored_in_the_shape_others_read(message):
    """``raw["interactive_buttons"]``: rows of ``{text, type, callback_execution_id | url}``."""
    carrier = message.reply_with(
        {
            "text": "Do you want to continue?",
            "buttons": [
                [
                    {"text": "Yes", "callback_data": {"action": "confirm"}, "type": "callback"},
                    {"text": "No", "callback_data": {"action": "cancel"}, "style": "danger"},
                ],
                [{"text": "Visit", "url": "https://example.com", "type": "url"}],
            ],
        }
    )
    yes, no = carrier.callback_executions.order_by("-text")
    assert carrier.raw["interactive_buttons"] == [
        [
            {"text": "Yes", "type": "callback", "callback_execution_id": yes.pk},
            {"text": "No", "type": "callback", "callback_execution_id": no.pk, "style": "danger"},
        ],
        [{"text": "Visit", "type": "url", "url": "https://example.com"}],
    ]
    assert (yes.callback_data, yes.message, yes.channel) == ({"action": "confirm"}, carrier, carrier.channel)


def test_only_an_opaque_token_of_64_bytes_at_most_reaches_the_platform(message, wire, drain):
    """Whatever the data's size; it tells nothing."""
    ask(message, {"secret": "x" * 5000})
    drain()
    token = wire.parts[0].buttons[0][0].token
    assert len(token.encode()) <= 64 and "x" * 10 not in token


# Whole floats past 2**53 come back from PostgreSQL as integers, so they are left out.
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2**53), 2**53)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=4), inner, max_size=3),
        max_leaves=5,
    )
)  # fmt: skip
def test_callback_data_of_any_json_comes_back_as_it_was(message, drain, channel, post, clicked, data):
    """dict, list, str, int, float, bool and None."""
    clicked.clear()
    _, (token,) = ask(message, data)
    drain()
    assert post(channel, {"chat": "room", "sender": "ann", "click": token}).status_code == 200
    drain()
    assert len(clicked) == 1
    assert clicked[0]["callback_execution"].callback_data == data


def test_one_receiver_gets_every_click_once_under_any_of_the_three_names(message, channel, post, drain, connect):
    """Known failure 3: one ``telegram_callback_received`` receiver gets every platform's clicks, once each."""
    assert signals.telegram_callback_received is signals.interactive_button_clicked is signals.button_clicked
    heard = []

    def receiver(sender, callback_execution, clicking_account, original_message, tool_call, **_):
        heard.append((sender, callback_execution.callback_data, clicking_account.pk, original_message.pk, tool_call))

    connect(signals.telegram_callback_received, receiver)
    carrier, (token,) = ask(message, "yes")
    drain()
    post(channel, {"id": 50, "chat": "room", "sender": "ann", "click": token})
    post(channel, {"id": 50, "chat": "room", "sender": "ann", "click": token})
    drain()
    assert heard == [(CallbackExecution, "yes", "memory_ann", carrier.pk, None)]


def test_a_click_makes_no_message(message, channel, post, drain, clicked):
    """It only triggers handlers."""
    _, (token,) = ask(message, "yes")
    drain()
    before = Message.objects.count()
    post(channel, {"chat": "room", "sender": "ann", "click": token})
    drain()
    assert Message.objects.count() == before and len(clicked) == 1


def test_a_button_can_be_clicked_again_and_again(message, channel, post, drain, clicked):
    """Developers control what a second click does."""
    _, (token,) = ask(message, "yes")
    for number in range(3):
        post(channel, {"id": 50 + number, "chat": "room", "sender": "ann", "click": token})
    drain()
    assert len(clicked) == 3
    execution = CallbackExecution.objects.get()
    assert execution.clicks == 3 and execution.last_clicked_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_are_both_kept(channel, post, settings):
    """Known failure 19: of two clicks at the same moment one was lost."""
    settings.UNICOM_EXECUTOR = "worker"
    message = channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "text": "?"})
    _, (token,) = ask(message, "yes")
    click = {"chat": "room", "sender": "ann", "click": token}
    calls = [partial(post, channel, {**click, "id": 50 + number}, by=Client()) for number in range(6)]
    assert [answer.status_code for answer in succeeded(at_once(calls))] == [200] * 6
    assert CallbackExecution.objects.get().clicks == 6
    assert Job.objects.filter(kind="click").count() == 6


def test_a_raising_click_receiver_is_run_again(message, channel, post, drain, later, connect):
    """Sent once a click, again only if a receiver raised."""
    heard = []

    def receiver(callback_execution, **_):
        heard.append(callback_execution.callback_data)
        if len(heard) == 1:
            raise ValueError

    connect(signals.button_clicked, receiver)
    _, (token,) = ask(message, "yes")
    post(channel, {"chat": "room", "sender": "ann", "click": token})
    drain()
    later()
    drain()
    assert heard == ["yes", "yes"]


def test_a_button_made_without_a_message_can_be_clicked(channel, message, post, drain, clicked):
    """Known failure 3: the documented first message has a keyboard whose buttons were made without ``message=``."""
    execution = buttons.make({"action": "confirm"}, text="Confirm")
    execution.save()
    carrier = channel.send_message(
        {
            "chat_id": "room",
            "text": "Choose an option:",
            "reply_markup": {
                "inline_keyboard": [[{"text": "Confirm", "callback_data": buttons.token_for(execution.pk)}]]
            },
        }
    )
    drain()
    post(channel, {"chat": "room", "sender": "ann", "click": buttons.token_for(execution.pk)})
    drain()
    assert [item["callback_execution"].callback_data for item in clicked] == [{"action": "confirm"}]
    assert clicked[0]["original_message"] == carrier


def test_a_plain_reply_markup_gets_rows_of_its_own(channel, message, post, drain, clicked, wire):
    """Any data in ``callback_data`` becomes a button of ours."""
    carrier = message.reply_with(
        {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "plain"}]]}}
    )
    drain()
    assert carrier.callback_executions.get().callback_data == "plain"
    post(channel, {"chat": "room", "sender": "ann", "click": wire.parts[0].buttons[0][0].token})
    drain()
    assert clicked[0]["original_message"] == carrier


def test_the_tool_call_is_passed(message, channel, post, drain, clicked):
    """So that a handler can respond to it."""
    call = ToolCall.objects.create(tool_name="ask", chat=message.chat)
    _, (token,) = ask(message, "yes", tool_call=call)
    post(channel, {"chat": "room", "sender": "ann", "click": token})
    drain()
    assert clicked[0]["tool_call"] == call


def test_clicks_that_may_not_be_do_nothing_and_are_answered_with_200(message, channel, post, drain, clicked):
    """Expired, foreign, forged, unknown: no receiver, no dead letter, and whoever clicked is told."""
    ann = message.sender
    _, (mine,) = ask(message, "mine", account=ann)
    _, (expired,) = ask(message, "old", expires_at=timezone.now() - timedelta(seconds=1))
    execution_id, _, signature = mine.partition(".")
    tokens = [
        ("bob", mine), ("ann", expired), ("ann", execution_id), ("ann", f"{execution_id}."), ("ann", ""), ("ann", "."),
        ("ann", f"{execution_id}.{signature[:-1]}"), ("ann", f"{execution_id}.{signature}x"),
        ("ann", f"{expired.partition('.')[0]}.{signature}"), ("ann", buttons.token_for("0" * 32)),
    ]  # fmt: skip
    for number, (who, token) in enumerate(tokens):
        payload = {"id": number + 10, "chat": "room", "sender": who, "click": token}
        assert post(channel, payload).status_code == 200, token
    drain()
    assert clicked == []
    assert not CallbackExecution.objects.exclude(clicks=0).exists()
    assert not channel.updates.exists()
    texts = {job.args["text"] for job in Job.objects.filter(kind="answer_click")}
    assert texts == {"This button has expired.", "This button cannot be used."}


def test_click_raises_what_a_view_answers_with(message, internal):
    """Expired and foreign are 403, unknown is 404."""
    ann = message.sender
    bob = Account.objects.create(id="memory_bob", platform="Memory", external_id="bob")
    carrier, _ = ask(message, "x")
    execution = carrier.callback_executions.get()
    click(carrier.channel, ann, execution.pk)
    with pytest.raises(PermissionError):
        click(carrier.channel, bob, execution.pk)
    with pytest.raises(NotAccessible):
        click(internal, ann, execution.pk)
    with pytest.raises(NotAccessible):
        click(carrier.channel, ann, "0" * 32)
    Account.objects.filter(pk=ann.pk).update(blocked=True)
    ann.refresh_from_db()
    with pytest.raises(PermissionError):
        click(carrier.channel, ann, execution.pk)
    ann.blocked = False
    CallbackExecution.objects.update(expires_at=timezone.now())
    with pytest.raises(Expired):
        click(carrier.channel, ann, execution.pk)


def test_a_click_seen_in_another_chat_or_channel_does_nothing(message, channel, post, drain, clicked):
    """A token that was carried away opens nothing elsewhere."""
    _, (token,) = ask(message, "x")
    other = Channel.objects.create(name="Other", platform="Memory", active=True)
    post(channel, {"chat": "elsewhere", "sender": "ann", "click": token})
    post(other, {"chat": "room", "sender": "ann", "click": token})
    drain()
    assert clicked == []


def test_a_naive_expiry_is_refused(message):
    """What it means would depend on the server's zone."""
    from datetime import datetime

    with pytest.raises(InvalidMessage) as caught:
        ask(message, "x", expires_at=datetime(2030, 1, 1))  # noqa: DTZ001  that is the point
    assert "buttons[0][0].expires_at" in caught.value.problems


def test_tokens_outlive_a_rotation_of_the_secret_key(message, settings):
    """As long as the former key is among the fallbacks."""
    token = buttons.token_for("a" * 32)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-for-this-test-of-sufficient-length-for-all-checks"
    assert buttons.execution_id_of(token) == "a" * 32
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(NotAccessible):
        buttons.execution_id_of(token)


def test_edit_original_message_in_a_handler_edits_the_carrier_and_the_row_follows(
    message, channel, post, drain, connect, wire
):
    """Known failure 5: ``original_message`` is the message that carried the buttons."""

    def receiver(callback_execution, original_message, **_):
        if callback_execution.callback_data == "settings":
            original_message.edit_original_message(
                {"text": "Settings", "buttons": [[{"text": "Back", "callback_data": "back"}]]}
            )
        else:
            original_message.edit_original_message({"text": "Main"})

    connect(signals.button_clicked, receiver)
    carrier, (token,) = ask(message, "settings")
    drain()
    carrier.refresh_from_db()
    post(channel, {"chat": "room", "sender": "ann", "click": token})
    drain()
    edit = wire.parts[-1]
    assert (edit.act, edit.target, edit.text) == ("edit", carrier.external_id, "Settings")
    carrier.refresh_from_db()
    assert (carrier.text, carrier.status) == ("Settings", "sent") and carrier.edited_at is not None
    assert carrier.raw["interactive_buttons"][0][0]["text"] == "Back"
    post(channel, {"chat": "room", "sender": "ann", "click": edit.buttons[0][0].token})
    drain()
    carrier.refresh_from_db()
    assert carrier.text == "Main" and "interactive_buttons" not in carrier.raw
    assert Message.objects.filter(is_outgoing=True).count() == 1
