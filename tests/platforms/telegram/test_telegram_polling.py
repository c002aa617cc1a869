"""Hold polling: nothing is lost whatever fails, nothing is taken in twice, and a rival is named."""

from __future__ import annotations

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from unicom.adapters import adapter_for
from unicom.errors import ConfigurationError, DeliveryError
from unicom.inbound import take_in
from unicom.models import Channel, Message, Update
from unicom.platforms.telegram import polling
from unicom.platforms.telegram.adapter import TelegramAdapter
from unicom.platforms.telegram.polling import poll
from unicom.testing.draining import drain


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(polling, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(polling, "LONGEST_WAIT", 0.02)


def texts() -> list[str]:
    """Return what has been taken in."""
    return sorted(Message.objects.filter(is_outgoing=False).values_list("text", flat=True))


def turn(channel: Channel) -> int:
    """Fetch once, without the confirmation that the next turn would be."""
    adapter = adapter_for(channel)
    assert isinstance(adapter, TelegramAdapter)
    return polling._Session(channel, adapter, seconds=0).turn(threading.Event())


def test_polling_once_removes_the_webhook_and_takes_in_what_waits(channel, telegram, bot, ann):
    for text in ("one", "two", "three"):
        ann.sends(bot, text)
    assert bot.webhook.url
    assert poll(channel, once=True) == 3
    assert bot.webhook.url == ""
    assert texts() == ["one", "three", "two"]
    assert bot.pending_count == 0, "all are confirmed"
    assert poll(channel, once=True) == 0
    assert len(telegram.log.calls("deleteWebhook")) == 1


def test_what_comes_again_is_taken_in_once(channel, bot, ann, monkeypatch):
    ann.sends(bot, "one")
    turn(channel)
    # The process dies before it could confirm: another one gets the same update.
    assert bot.pending_count == 1
    assert poll(channel, once=True) == 1
    assert texts() == ["one"]
    assert bot.pending_count == 0


def test_what_the_database_could_not_take_is_not_confirmed(channel, bot, ann, monkeypatch):
    real, calls = take_in, []

    def failing(channel, adapter, body):
        calls.append(body)
        if len(calls) == 2:
            raise OperationalError("the database is away")
        real(channel, adapter, body)

    monkeypatch.setattr(polling, "take_in", failing)
    for text in ("one", "two", "three"):
        ann.sends(bot, text)
    with pytest.raises(OperationalError):
        poll(channel, once=True)
    assert texts() == ["one"]
    assert poll(channel, once=True) >= 2
    assert texts() == ["one", "three", "two"]
    assert bot.pending_count == 0


def test_polling_goes_on_after_trouble_and_stops_when_told(channel, telegram, bot, ann, monkeypatch):
    stop, real, calls = threading.Event(), take_in, []

    def failing(channel, adapter, body):
        calls.append(body)
        if len(calls) == 1:
            raise OperationalError("the database is away")
        real(channel, adapter, body)
        stop.set()

    monkeypatch.setattr(polling, "take_in", failing)
    for fault in ("500", "502", "malformed_before", "drop_before"):
        telegram.fail("getUpdates", error=fault)
    ann.sends(bot, "one")
    assert poll(channel, stop=stop) == 1
    assert texts() == ["one"]
    assert bot.pending_count == 0, "stopping confirms what was taken in"


def test_an_offset_is_said_once_and_not_kept(channel, telegram, bot, ann):
    # After a quiet week Telegram numbers updates anew, maybe lower: an old offset would confirm them unseen.
    ann.sends(bot, "one")
    poll(channel, once=True)
    offsets = [call.params.get("offset") for call in telegram.log.calls("getUpdates")]
    assert offsets[0] is None
    assert offsets[-1] is not None
    before = len(offsets)
    turn(channel)
    assert telegram.log.calls("getUpdates")[before].params.get("offset") is None


def test_another_taker_is_named_and_waited_for(channel, telegram, bot, ann, caplog):
    from unicom.testing.telegram import faults

    telegram.fail("getUpdates", error=faults.api_error(409, "Conflict: terminated by other getUpdates request"))
    with pytest.raises(DeliveryError) as error:
        poll(channel, once=True)
    assert error.value.code == "409"
    telegram.fail("getUpdates", error=faults.api_error(409, "Conflict: terminated by other getUpdates request"))
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    poll(channel, stop=stop)
    timer.join()
    assert "another process polls this bot" in caplog.text


def test_a_revoked_token_ends_polling_and_is_on_the_row(channel, bot):
    bot.revoke()
    assert poll(channel) == 0
    channel.refresh_from_db()
    assert "@BotFather" in channel.error


def test_an_unreadable_update_is_kept_and_holds_up_nothing(channel, bot, ann):
    bot.push("message", {"message_id": "odd"})
    ann.sends(bot, "fine")
    assert poll(channel, once=True) == 2
    assert texts() == ["fine"]
    assert Update.objects.get().state == "dead"


def test_a_channel_of_another_platform_cannot_be_polled(db):
    with pytest.raises(ConfigurationError):
        poll(Channel.objects.create(name="Notes", platform="Internal"))


def test_the_command_takes_in_what_waits(channel, bot, ann):
    ann.sends(bot, "one")
    out = io.StringIO()
    call_command("unicom_poll_telegram", "--run-once", stdout=out)
    assert out.getvalue() == "Shop: 1 taken in; nothing else waits.\n"
    assert texts() == ["one"]
    drain()


def test_the_command_says_what_is_missing(db):
    with pytest.raises(CommandError, match="no active Telegram channel"):
        call_command("unicom_poll_telegram", "--run-once")
    with pytest.raises(CommandError, match="77 is not the id"):
        call_command("unicom_poll_telegram", "77", "--run-once")


@pytest.mark.django_db(transaction=True)
def test_the_development_server_polls_by_itself_and_leaves_a_live_webhook_alone(
    transactional_db, channel, telegram, bot, ann, settings, monkeypatch
):
    live = channel
    other = telegram.add_bot("local_bot")
    settings.DJANGO_PUBLIC_ORIGIN = "http://localhost:8000"
    mine = Channel.objects.create(name="Local", platform="Telegram", config={"API_TOKEN": other.token})
    assert mine.validate()
    ann.sends(bot, "to the live site")
    ann.start(other)
    stop = polling.start_in_process()
    try:
        assert telegram.log.wait_for(lambda log: _is_taken_in("/start") and not other.pending_count)
    finally:
        stop.set()
        _join("unicom-telegram")
    assert texts() == ["/start"]
    assert bot.webhook.url.endswith(f"/telegram/{live.pk}")
    assert bot.pending_count == 1


def _is_taken_in(text: str) -> bool:
    return Message.objects.filter(text=text).exists()


def _join(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name.startswith(name):
            thread.join(timeout=3)
