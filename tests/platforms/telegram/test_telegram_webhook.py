"""Hold setting up and letting in: the token is checked, the webhook is ours, strangers stay outside."""

from __future__ import annotations

import pytest

from tests.platforms.telegram.conftest import ORIGIN, post
from unicom.errors import AuthenticationFailed, InvalidConfig
from unicom.models import Account, Channel, Chat, Message, Update
from unicom.platforms.telegram.adapter import TelegramAdapter, TelegramConfig
from unicom.platforms.telegram.parsing import ALLOWED_UPDATES
from unicom.testing.telegram import faults

NAME = "X-Telegram-Bot-Api-Secret-Token"
BODY = b'{"update_id": 1, "message": {}}'


def test_validating_sets_the_webhook_with_a_secret_and_every_kind_of_update(channel, bot):
    """Known failure 2: a config with the documented ``API_TOKEN`` was not taken."""
    assert channel.active
    assert channel.external_id == str(bot.id)
    assert bot.webhook.url == f"{ORIGIN}/unicom/telegram/{channel.pk}"
    assert bot.webhook.secret_token == channel.config["SECRET_TOKEN"]
    assert len(bot.webhook.secret_token) >= 32
    assert set(bot.state.allowed_updates) == set(ALLOWED_UPDATES)


def test_validating_again_sets_nothing_that_is_as_it_should_be(channel, telegram):
    for _ in range(3):
        assert channel.validate()
    assert len(telegram.log.calls("setWebhook")) == 1


@pytest.mark.parametrize(
    "drift",
    [
        lambda bot, channel: setattr(bot.webhook, "url", "https://elsewhere.example.org/hook"),
        lambda bot, channel: bot.state.allowed_updates.remove("callback_query"),
        lambda bot, channel: setattr(bot.state, "allowed_updates", None),
        lambda bot, channel: channel.config.update(SECRET_TOKEN="another-secret"),
    ],
    ids=["url", "kinds", "default kinds", "secret"],
)
def test_validating_mends_what_has_drifted(channel, telegram, bot, drift):
    drift(bot, channel)
    channel.save()
    assert channel.validate()
    assert len(telegram.log.calls("setWebhook")) == 2
    assert bot.webhook.url == f"{ORIGIN}/unicom/telegram/{channel.pk}"
    assert bot.webhook.secret_token == channel.config["SECRET_TOKEN"]
    assert set(bot.state.allowed_updates) == set(ALLOWED_UPDATES)


@pytest.mark.parametrize(
    "origin", ["http://localhost:8000", "https://127.0.0.1", "http://bot.example.org", "https://192.168.1.5"]
)
def test_a_site_telegram_cannot_reach_gets_no_webhook_and_polls(channel, telegram, bot, settings, origin):
    settings.DJANGO_PUBLIC_ORIGIN = origin
    assert channel.validate()
    assert bot.webhook.url == ""
    assert len(telegram.log.calls("setWebhook")) == 1
    note = TelegramAdapter(TelegramConfig.read(channel.config), _State()).setup(f"{origin}/hook").note
    assert "unicom_poll_telegram" in note


def test_without_a_public_origin_the_channel_works_and_says_what_is_missing(db, telegram, bot, settings):
    settings.DJANGO_PUBLIC_ORIGIN = ""
    channel = Channel.objects.create(name="Shop", platform="Telegram", config={"API_TOKEN": bot.token})
    assert channel.validate()
    assert telegram.log.calls("setWebhook") == []
    note = TelegramAdapter(TelegramConfig.read(channel.config), _State()).setup("").note
    assert "DJANGO_PUBLIC_ORIGIN" in note
    assert "unicom_poll_telegram" in note


def test_a_revoked_token_makes_validating_fail_with_a_sentence(channel, bot):
    bot.revoke()
    assert channel.validate() is False
    assert not channel.active
    assert channel.error == "API_TOKEN: Telegram does not accept this token; copy it again from @BotFather"


@pytest.mark.parametrize("fault", ["500", "502", "429", "timeout_before", "malformed", "drop_after"])
def test_trouble_while_validating_is_on_the_row(channel, telegram, bot, fault):
    telegram.fail("getMe", error=fault)
    assert channel.validate() is False
    assert channel.error
    assert bot.token not in channel.error
    assert channel.validate(), "and it works again afterwards"
    assert channel.error == ""


def test_an_address_that_is_no_bot_api_server_is_said(db, telegram, bot):
    telegram.fail("getMe", error=faults.server_error(502))
    channel = Channel.objects.create(
        name="Shop", platform="Telegram", config={"API_TOKEN": bot.token, "API_URL": f"{telegram.url}/nowhere"}
    )
    assert channel.validate() is False
    assert channel.error


@pytest.mark.once
@pytest.mark.parametrize(
    "token",
    ["", "your-bot-token-from-botfather", "123", "123:abc", ":AAExampleExampleExampleExample", "1:" + "a b" * 12],
)
def test_a_token_of_another_form_is_refused_with_a_sentence(token):
    with pytest.raises(InvalidConfig) as error:
        TelegramConfig.read({"API_TOKEN": token})
    assert "@BotFather" in error.value.problems["API_TOKEN"]
    assert TelegramAdapter.identify({"API_TOKEN": token}) == ""


@pytest.mark.once
@pytest.mark.parametrize("url", ["telegram", "ftp://x", "https://user:pass@host", "http://x/?a", "http://a b"])
def test_an_api_address_of_another_form_is_refused(url):
    with pytest.raises(InvalidConfig) as error:
        TelegramConfig.read({"API_TOKEN": "1:" + "a" * 35, "API_URL": url})
    assert set(error.value.problems) == {"API_URL"}


def test_the_documented_placeholder_can_be_saved_and_is_refused_when_used(db):
    channel = Channel.objects.create(
        name="Customer Bot", platform="Telegram", config={"API_TOKEN": "your-bot-token-from-botfather"}
    )
    assert channel.validate() is False
    assert "@BotFather" in channel.error


def test_the_older_spellings_are_accepted(db, telegram, bot):
    channel = Channel.objects.create(
        name="Old",
        platform="Telegram",
        config={"TELEGRAM_API_TOKEN": bot.token, "TELEGRAM_SECRET_TOKEN": "older-secret"},
    )
    assert channel.external_id == str(bot.id)
    assert channel.validate()
    assert bot.webhook.secret_token == "older-secret"
    config = TelegramConfig.read({"TELEGRAM_API_TOKEN": bot.token, "TELEGRAM_SECRET_TOKEN": "older-secret"})
    assert config.API_TOKEN.get_secret_value() == bot.token


@pytest.mark.parametrize("given", [None, "", "wrong", "Ключ".encode().decode("latin-1"), "\xff", "a" * 257], ids=repr)
def test_a_wrong_missing_empty_or_odd_secret_is_403_and_stores_nothing(channel, client, given):
    headers = {} if given is None else {NAME: given}
    assert post(client, channel, BODY, headers) == 403
    assert [model.objects.count() for model in (Message, Update, Account, Chat)] == [0, 0, 0, 0]


def test_a_secret_that_only_begins_right_is_403(channel, client, bot):
    secret = bot.webhook.secret_token
    for given in (secret[:-1], secret + "x", secret.swapcase(), f" {secret}x"):
        assert post(client, channel, BODY, {NAME: given}) == 403
    assert post(client, channel, BODY, {NAME: secret}) == 200


@pytest.mark.parametrize("missing", [None, ""])
def test_a_channel_without_a_secret_lets_nobody_in(channel, client, missing):
    channel.config = {**channel.config, "SECRET_TOKEN": missing}
    channel.save()
    for headers in ({}, {NAME: ""}, {NAME: "None"}):
        assert post(client, channel, BODY, headers) == 403
    assert not Update.objects.exists()
    adapter = TelegramAdapter(TelegramConfig.read(channel.config), _State())
    with pytest.raises(AuthenticationFailed):
        adapter.authenticate({}, BODY)


def test_validating_gives_a_channel_without_a_secret_one(channel, bot):
    channel.config = {"API_TOKEN": bot.token}
    channel.save()
    assert channel.validate()
    assert bot.webhook.secret_token == channel.config["SECRET_TOKEN"]


class _State:
    def get(self, key, default=None):
        return default

    def set(self, key, value):
        pass
