"""Hold clicks: told once to whoever listens, always answered, and nothing for whoever must not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from unicom import buttons
from unicom.errors import InvalidMessage
from unicom.models import CallbackExecution, Message
from unicom.signals import telegram_callback_received
from unicom.testing.draining import drain


@pytest.fixture
def clicks():
    """Collect what receivers are told."""
    told = []

    def receiver(sender, callback_execution, clicking_account, original_message, tool_call, **kwargs):
        told.append((callback_execution.callback_data, clicking_account.pk, original_message.pk))

    telegram_callback_received.connect(receiver)
    yield told
    telegram_callback_received.disconnect(receiver)


def ask(channel: Any, to: Any, data: Any = "yes", **more: Any) -> Any:
    """Send a question with one button."""
    message = channel.send_message(
        {"chat_id": to.id, "text": "Well?", "buttons": [[{"text": "Yes", "callback_data": data, **more}]]}
    )
    drain()
    message.refresh_from_db()
    assert message.status == "sent", message.error
    return message


@pytest.mark.parametrize("data", ["yes", None, 0, [], {"a": [1, {"b": "ü😀"}]}, "x" * 5000, True, 1.5])
def test_a_click_brings_back_any_json_once_and_is_answered(channel, deliver, bot, ann, clicks, data):
    message = ask(channel, ann, data)
    click = ann.clicks(ann.last(bot), "Yes")
    assert deliver() == [200]
    assert clicks == [(data, f"telegram_{ann.id}", message.pk)]
    assert [answer["text"] for answer in click.answers] == [""]
    assert Message.objects.count() == 1, "a click is no message"


def test_what_the_platform_carries_is_short_and_tells_nothing(channel, bot, ann):
    ask(channel, ann, {"price": 99, "secret": "plan"})
    data = ann.last(bot).button("Yes")["callback_data"]
    assert len(data.encode()) <= 64
    assert "plan" not in data


def test_a_repeated_click_update_is_told_once_and_a_second_click_again(channel, client, telegram, bot, ann, clicks):
    from tests.platforms.telegram.conftest import post

    ask(channel, ann)
    ann.clicks(ann.last(bot), "Yes")
    ((headers, body),) = telegram.pending(bot)
    for _ in range(3):
        assert post(client, channel, body, headers) == 200
    drain()
    assert len(clicks) == 1
    bot.state.queue.clear()
    ann.clicks(ann.last(bot), "Yes")
    telegram.deliver(bot, lambda headers, body: post(client, channel, body, headers))
    drain()
    assert len(clicks) == 2


@pytest.mark.parametrize("data", ["", "x", "a.b", "é" * 50, "0" * 100, "\x00", "." * 64])
def test_a_forged_click_does_nothing_and_is_answered(channel, deliver, bot, ann, clicks, data):
    ask(channel, ann)
    click = ann.sends_callback(ann.last(bot), data)
    assert deliver() == [200]
    assert clicks == []
    assert [answer["text"] for answer in click.answers] == ["This button cannot be used."]


def test_a_changed_signature_does_nothing(channel, deliver, bot, ann, clicks):
    ask(channel, ann)
    real = ann.last(bot).button("Yes")["callback_data"]
    other = buttons.token_for("0" * 32)
    for data in (real[:-1], real[:-1] + ("A" if real[-1] != "A" else "B"), other, real.partition(".")[0]):
        click = ann.sends_callback(ann.last(bot), data)
        deliver()
        assert click.answered
    assert clicks == []


def test_an_expired_button_says_so(channel, deliver, bot, ann, clicks):
    ask(channel, ann, expires_at=timezone.now() + timedelta(hours=1))
    CallbackExecution.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    click = ann.clicks(ann.last(bot), "Yes")
    deliver()
    assert clicks == []
    assert [answer["text"] for answer in click.answers] == ["This button has expired."]


def test_somebody_elses_button_does_nothing(channel, deliver, telegram, bot, ann, clicks):
    ask(channel, ann)
    token = ann.last(bot).button("Yes")["callback_data"]
    bob = telegram.user("Bob")
    bob.start(bot)
    ask(channel, bob)
    click = bob.sends_callback(bob.last(bot), token)
    deliver()
    assert clicks == []
    assert click.answers[0]["text"] == "This button cannot be used."


def test_a_group_button_without_an_account_serves_everybody_there(channel, deliver, telegram, bot, ann, clicks):
    bob = telegram.user("Bob")
    group = telegram.group("Team", members=[ann, bob, bot])
    ann.sends(group, "hi")
    deliver()
    ask(channel, group)
    for person in (ann, bob):
        person.clicks(person.last(group), "Yes")
    deliver()
    assert [account for _, account, _ in clicks] == [f"telegram_{ann.id}", f"telegram_{bob.id}"]


def test_a_message_too_old_for_the_bot_to_see_can_still_be_clicked(channel, deliver, bot, ann, clicks):
    ask(channel, ann)
    ann.clicks(ann.last(bot), "Yes", inaccessible=True)
    deliver()
    assert len(clicks) == 1


def test_a_click_answered_too_late_is_no_error(channel, deliver, telegram, bot, ann, clicks):
    from unicom.models import Job
    from unicom.testing.telegram import faults

    ask(channel, ann)
    telegram.fail("answerCallbackQuery", error=faults.api_error(400, "Bad Request: query is too old"))
    ann.clicks(ann.last(bot), "Yes")
    deliver()
    assert len(clicks) == 1
    assert not Job.objects.exclude(state="done").exists()


def test_data_json_cannot_hold_is_refused_and_nothing_is_sent(channel, telegram, ann):
    for data in (object(), {1, 2}, float("nan"), lambda: 1):
        with pytest.raises(InvalidMessage) as error:
            channel.send_message({"chat_id": ann.id, "text": "x", "buttons": [[{"text": "Y", "callback_data": data}]]})
        assert set(error.value.problems) == {"buttons[0][0].callback_data"}
    drain()
    assert telegram.log.sent() == []
    assert not Message.objects.exists()


def test_more_buttons_than_telegram_takes_are_refused_beforehand(channel, ann):
    rows = [[{"text": str(n), "callback_data": n}] for n in range(101)]
    with pytest.raises(InvalidMessage) as error:
        channel.send_message({"chat_id": ann.id, "text": "x", "buttons": rows})
    assert set(error.value.problems) == {"buttons"}


def test_two_hundred_buttons_are_refused_and_empty_rows_are_left_out(channel, bot, ann):
    button = {"text": "x", "callback_data": 1}
    with pytest.raises(InvalidMessage) as error:
        channel.send_message({"chat_id": ann.id, "text": "?", "buttons": [[button] * 8] * 25})
    assert error.value.problems == {"buttons": "200 buttons; at most 100 can be sent"}
    assert not Message.objects.exists()
    empty: list[Any] = []
    for rows in ([empty, [button], empty], [empty], empty):
        channel.send_message({"chat_id": ann.id, "text": "?", "buttons": rows})
    drain()
    assert [message.buttons for message in ann.inbox(bot)] == [[["x"]], [], []]


def test_a_row_longer_than_telegram_shows_goes_on_in_the_next(channel, bot, ann):
    row = [{"text": str(number), "callback_data": number} for number in range(10)]
    channel.send_message({"chat_id": ann.id, "text": "?", "buttons": [row]})
    drain()
    assert [len(row) for row in ann.last(bot).buttons] == [8, 2]


@pytest.mark.parametrize("url", ["http://localhost:8000/x", "https://intranet/x", "https://exa mple.org", "ftp://a.b"])
def test_an_address_telegram_does_not_open_is_refused_beforehand(channel, ann, url):
    with pytest.raises(InvalidMessage) as error:
        channel.send_message({"chat_id": ann.id, "text": "?", "buttons": [[{"text": "x", "url": url}]]})
    assert "buttons[0][0].url" in error.value.problems


def test_a_button_can_be_clicked_again_and_again(channel, deliver, bot, ann, clicks):
    channel.send_message({"chat_id": ann.id, "text": "?", "buttons": [[{"text": "x", "callback_data": [1]}]]})
    drain()
    for _ in range(3):
        assert ann.clicks(ann.last(bot), "x") is not None
        deliver()
    assert len(clicks) == 3
