"""Hold the set-up: what is checked, in which order, and what an operator is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.whatsapp.conftest import config_of
from unicom.models import Channel

OLD = ("PHONE_NUMBER_ID", "ACCESS_TOKEN", "APP_SECRET")


def make(whatsapp: Any, number: Any, **more: Any) -> Channel:
    """Make a channel that has not been validated."""
    return Channel.objects.create(name="Shop", platform="WhatsApp", config=config_of(whatsapp, number, **more))


@pytest.fixture(autouse=True)
def _database(db):
    pass


def test_a_channel_in_order_is_active_subscribed_and_knows_its_account(whatsapp, number):
    channel = make(whatsapp, number)
    assert not channel.active, "creating one touches no network"
    assert whatsapp.log.calls() == []
    assert channel.validate(), channel.error
    assert (channel.active, channel.external_id) == (True, number.id)
    assert channel.config["BUSINESS_ACCOUNT_ID"] == number.account.id
    assert channel.config["BUSINESS_ID"] == number.account.business_id
    assert number.account.subscribed
    assert "https://shop.example.org/unicom/whatsapp" in channel.note
    assert "VERIFY_TOKEN" in channel.note


def test_validating_again_changes_nothing(whatsapp, number):
    channel = make(whatsapp, number)
    assert channel.validate()
    config = dict(channel.config)
    assert channel.validate()
    assert channel.config == config
    assert len([call for call in whatsapp.log.calls("subscribed_apps") if call.verb == "POST"]) == 1


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("ACCESS_TOKEN", "EAAwrongwrongwrong", "System users"),
        ("PHONE_NUMBER_ID", "111111111111111", "API Setup"),
        ("APP_SECRET", "not-the-secret", "App settings > Basic"),
        ("APP_SECRET", ["not-the-secret", "nor-this"], "App settings > Basic"),
        ("BUSINESS_ACCOUNT_ID", "999999999999999", "not one of this account's"),
    ],
)
def test_what_is_wrong_is_named_with_where_to_find_it(whatsapp, number, key, value, words):
    channel = make(whatsapp, number, **{key: value})
    assert channel.validate() is False
    assert channel.error.startswith(f"{key}:")
    assert words in channel.error
    assert not channel.active
    for secret in (whatsapp.token, whatsapp.app_secret, "not-the-secret", "EAAwrong"):
        assert secret not in channel.error


def test_of_two_secrets_one_has_to_be_right(whatsapp, number):
    assert make(whatsapp, number, APP_SECRET=["the-new-one", whatsapp.app_secret]).validate()


def test_a_token_that_lacks_a_permission_is_told_of(whatsapp, number):
    whatsapp.settings.scopes = ("whatsapp_business_messaging",)
    channel = make(whatsapp, number)
    assert channel.validate(), channel.error
    assert "lacks whatsapp_business_management" in channel.note


def test_without_an_account_templates_cannot_be_had_and_the_note_says_so(whatsapp, number):
    whatsapp.fail("debug_token", error=100)
    channel = make(whatsapp, number)
    assert channel.validate(), channel.error
    assert "set BUSINESS_ACCOUNT_ID" in channel.note


def test_without_a_public_address_the_note_says_so(whatsapp, number, settings):
    settings.DJANGO_PUBLIC_ORIGIN = ""
    channel = make(whatsapp, number)
    assert channel.validate(), channel.error
    assert "DJANGO_PUBLIC_ORIGIN" in channel.note


def test_a_number_of_low_quality_is_told_of(whatsapp, number):
    number.state.quality, number.state.status = "RED", "FLAGGED"
    channel = make(whatsapp, number)
    assert channel.validate()
    assert "flagged and its quality is low" in channel.note


@pytest.mark.parametrize("fault", ["503", "drop_before", "timeout_before", "malformed"])
def test_trouble_on_the_way_is_an_error_and_not_a_crash(whatsapp, number, fault):
    whatsapp.fail("node", error=fault)
    channel = make(whatsapp, number)
    assert channel.validate() is False
    assert channel.error
    assert whatsapp.token not in channel.error


def test_the_older_spellings_are_read(whatsapp, number):
    config = config_of(whatsapp, number)
    channel = Channel.objects.create(
        name="Shop", platform="WhatsApp", config={f"WHATSAPP_{key}": value for key, value in config.items()}
    )
    assert set(OLD) <= set(channel.config)
    assert channel.validate(), channel.error


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("PHONE_NUMBER_ID", "+1 555 0100"), ("PHONE_NUMBER_ID", ""), ("PHONE_NUMBER_ID", None),
        ("ACCESS_TOKEN", "two words"), ("ACCESS_TOKEN", ""), ("APP_SECRET", ""), ("APP_SECRET", []),
        ("APP_SECRET", ["a", "b", "c"]), ("BUSINESS_ACCOUNT_ID", "my account"), ("API_URL", "graph"), ("TOKEN", "x"),
    ],
)  # fmt: skip
def test_a_bad_key_is_named(whatsapp, number, key, value):
    channel = make(whatsapp, number, **{key: value})
    assert channel.validate() is False
    assert key in channel.error
    assert whatsapp.log.calls() == []


def test_a_number_given_as_a_number_is_fine(whatsapp, number):
    channel = make(whatsapp, number, PHONE_NUMBER_ID=int(number.id))
    assert channel.external_id == number.id
    assert channel.validate(), channel.error


def test_where_webhooks_go_is_compared_with_where_they_should(whatsapp, number):
    channel = make(whatsapp, number)
    whatsapp.webhook_url = "https://elsewhere.example.org/hook"
    assert channel.validate()
    assert "WhatsApp calls https://elsewhere.example.org/hook" in channel.note
    whatsapp.webhook_url = "https://shop.example.org/unicom/whatsapp/"
    assert channel.validate()
    assert channel.note == ""
    whatsapp.settings.webhook_fields = ("account_update",)
    assert channel.validate()
    assert "Subscribe the field messages" in channel.note
    whatsapp.fail("subscriptions", error=100)
    assert channel.validate()
    assert "VERIFY_TOKEN" in channel.note
    assert whatsapp.app_secret not in channel.note
