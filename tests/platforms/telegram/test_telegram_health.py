"""Hold how a channel tells that it is well, or what is to be looked at."""

from __future__ import annotations

import logging
import time

import pytest

from unicom import health
from unicom.errors import DeliveryError
from unicom.models import Channel, Job
from unicom.testing.draining import drain


def test_a_channel_that_is_well_says_nothing_and_tells_the_facts(channel, telegram):
    found = channel.check_health()
    assert (found.problems, channel.note) == ((), "")
    assert found.facts["url"].endswith(f"/telegram/{channel.pk}")
    assert found.facts["pending_update_count"] == 0
    assert len(telegram.log.calls("setWebhook")) == 1, "looking changes nothing"


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        (lambda bot: setattr(bot.webhook, "url", ""), "is not set, not https://"),
        (
            lambda bot: setattr(bot.webhook, "url", "https://elsewhere.example/hook"),
            "is https://elsewhere.example/hook",
        ),
        (lambda bot: setattr(bot.state, "allowed_updates", ["message"]), "other kinds of updates"),
    ],
    ids=["removed", "elsewhere", "kinds"],
)
def test_a_webhook_that_has_drifted_is_told_and_mended_by_validating(channel, bot, drift, said):
    drift(bot)
    assert said in channel.check_health().problems[0]
    channel.refresh_from_db()
    assert said in channel.note
    assert channel.validate()
    assert channel.check_health().problems == ()


def test_another_secret_than_ours_is_told(channel):
    from unicom.models import ChannelState

    ChannelState.objects.all().delete()
    assert "another secret" in channel.check_health().problems[0]


def test_what_waits_and_what_went_wrong_is_told(channel, bot, ann):
    for number in range(3):
        ann.sends(bot, str(number))
    assert channel.check_health().problems == (), "a few are on their way"
    bot.webhook.last_error_date = int(time.time())
    bot.webhook.last_error_message = "Wrong response from the webhook: 503 Service Unavailable"
    assert channel.check_health().problems == (
        "3 updates wait at Telegram, which keeps them for 24 hours.",
        "Telegram says of our webhook: Wrong response from the webhook: 503 Service Unavailable.",
    )
    bot.state.queue.clear()
    assert len(channel.check_health().problems) == 1
    bot.webhook.last_error_date -= 2 * 3600
    assert channel.check_health().problems == ()


def test_a_backlog_is_told_without_an_error(channel, bot, ann):
    for number in range(120):
        ann.sends(bot, str(number))
    assert channel.check_health().problems == ("120 updates wait at Telegram, which keeps them for 24 hours.",)


def test_the_worker_asks_now_and_then_and_warns_once(channel, bot, caplog):
    bot.webhook.url = "https://elsewhere.example/hook"
    with caplog.at_level(logging.WARNING, logger="unicom"):
        for _ in range(3):
            health.look_around()
            drain()
    assert "elsewhere.example" in Channel.objects.get().note
    assert len([record for record in caplog.records if "elsewhere" in record.message]) == 1
    assert set(Job.objects.filter(kind="health").values_list("state", flat=True)) == {"done"}


def test_a_platform_that_has_no_such_thing_is_not_asked(db):
    Channel.objects.create(name="Inside", platform="Internal")
    health.look_around()
    assert not Job.objects.exists()


def test_a_token_that_is_not_accepted_any_more_takes_the_channel_down(channel, bot):
    bot.revoke()
    with pytest.raises(DeliveryError):
        channel.check_health()
    channel.refresh_from_db()
    assert channel.down_since is not None


def test_trouble_while_asking_costs_nothing(channel, telegram):
    telegram.fail("getWebhookInfo", error="500")
    health.look_around()
    drain()
    assert Job.objects.get(kind="health").state == "done"
    channel.refresh_from_db()
    assert (channel.down_since, channel.active) == (None, True)
