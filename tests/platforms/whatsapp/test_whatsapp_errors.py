"""Hold the table of errors: matched on the code, each with its class, its action and a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from unicom.errors import DeliveryError
from unicom.models import Channel, Delivery, Job, Suppression
from unicom.platforms.whatsapp import errors
from unicom.testing.draining import drain

KINDS = {"throttling", "access", "recipient", "window", "template", "media", "policy", "payment", "request", "service"}


def refused(code: int, **more: object) -> DeliveryError:
    """Return the error that a code stands for."""
    return errors.refusal(400, {"code": code, "message": f"(#{code}) words that change", **more})


@pytest.mark.parametrize("code", [4, 80007, 130429, 131048, 131056, 133016, 131064])
def test_wa12_throttling_is_waited_for(code):
    error = refused(code)
    assert error.retryable
    assert not (error.ambiguous or error.channel_down or error.suppress)
    assert errors.TABLE[code].kind == "throttling"


def test_wa12_a_pair_waits_six_seconds_and_a_spam_limit_an_hour():
    assert refused(131056).retry_after == timedelta(seconds=6)
    assert refused(131048).retry_after == refused(131064).retry_after == timedelta(hours=1)


@pytest.mark.parametrize(
    ("code", "kind", "action"),
    [
        (131053, "media", "retry"), (131052, "media", "fail"), (131051, "request", "fail"),
        (131026, "recipient", "fail"), (131049, "policy", "fail"), (131050, "policy", "fail"),
        (130472, "policy", "fail"), (131042, "payment", "stop"), (190, "access", "stop"), (131047, "window", "fail"),
        (131062, "recipient", "fail"), (131000, "service", "doubt"), (131016, "service", "retry"),
        *((code, "template", "fail") for code in (132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016)),
    ],
)  # fmt: skip
def test_wa13_each_code_has_its_class_and_action(code, kind, action):
    row, error = errors.TABLE[code], refused(code)
    assert (row.kind, row.action) == (kind, action)
    assert (error.retryable, error.ambiguous, error.channel_down) == (
        action in ("retry", "wait"), action == "doubt", action == "stop",
    )  # fmt: skip
    assert error.code == str(code)


def test_wa13_every_row_is_in_order():
    for code, row in errors.TABLE.items():
        assert row.kind in KINDS, code
        assert row.says, code
        assert (row.action == "wait") == (row.seconds > 0), code
        assert bool(row.suppress) == bool(row.suppress_scope), code


def test_wa14_the_words_decide_nothing_and_details_and_trace_are_kept():
    error = refused(131047, title="Rate limit hit", error_data={"details": "the details"}, fbtrace_id="Az8or2y")
    assert not error.retryable
    for words in ("the details", "code 131047", "trace Az8or2y", "24 hours"):
        assert words in error.reason


@pytest.mark.parametrize(
    ("status", "problem", "action"),
    [
        (400, {"code": 999999, "message": "new"}, "fail"),
        (500, {"code": 999999, "message": "new"}, "doubt"),
        (400, {"message": "no code"}, "fail"),
        (401, {}, "stop"),
        (429, {"code": "4"}, "retry"),
        (400, {"code": True, "message": 3, "error_data": [], "fbtrace_id": {}}, "fail"),
    ],
)
def test_wa14_an_unknown_code_says_what_it_can(status, problem, action):
    error = errors.refusal(status, problem)
    assert error.reason
    assert (error.retryable, error.ambiguous, error.channel_down) == (
        action == "retry", action == "doubt", action == "stop",
    )  # fmt: skip


def answer(greeted: Any) -> Any:
    """Send an answer, and have it tried once."""
    message = greeted.reply_with({"text": "Yes?"})
    drain()
    message.refresh_from_db()
    return message


def test_wa12_a_throttled_message_is_delivered_later_and_once(greeted, whatsapp, number, ann):
    whatsapp.fail("messages", error=131056)
    message = answer(greeted)
    assert (message.status, Delivery.objects.get().error_code) == ("queued", "131056")
    Delivery.objects.update(next_attempt_at="2020-01-01T00:00:00Z")
    drain()
    message.refresh_from_db()
    assert (message.status, len(ann.inbox(number))) == ("sent", 1)


def test_wa13_a_token_that_ran_out_stops_the_channel_and_loses_nothing(greeted, channel, whatsapp, number, ann):
    token = whatsapp.settings.token
    whatsapp.settings.token = "EAAanother"
    message = answer(greeted)
    channel.refresh_from_db()
    assert (message.status, channel.down_since is not None) == ("queued", True)
    assert "System users" in channel.error
    assert token not in channel.error
    whatsapp.settings.token = token
    assert channel.validate()
    drain()
    message.refresh_from_db()
    assert (message.status, len(ann.inbox(number))) == ("sent", 1)


@pytest.mark.parametrize("fault", ["drop_after", "timeout_after", "malformed", "502", 131000])
def test_what_may_have_arrived_is_unknown_and_not_sent_again(greeted, whatsapp, number, ann, fault):
    whatsapp.fail("messages", error=fault)
    message = answer(greeted)
    assert message.status == "unknown"
    drain()
    assert len(ann.inbox(number)) <= 1


@pytest.mark.parametrize("fault", ["503", 131016, 2])
def test_what_surely_did_not_arrive_is_tried_again(greeted, whatsapp, number, ann, fault):
    whatsapp.fail("messages", error=fault)
    assert answer(greeted).status == "queued"
    Delivery.objects.update(next_attempt_at="2020-01-01T00:00:00Z")
    drain()
    assert len(ann.inbox(number)) == 1


def test_wa13_who_stopped_marketing_is_noted_at_once(greeted, whatsapp):
    whatsapp.fail("messages", error=131050)
    assert answer(greeted).status == "failed"
    assert Suppression.objects.get().scope == "marketing"


def test_wa15_a_number_sends_80_a_second_unless_said_otherwise(channel, whatsapp, number):
    from unicom.platforms import adapter_class

    limits = adapter_class("WhatsApp").limits
    assert (limits.channel_pace.count, limits.channel_pace.seconds) == (80, 1)
    assert limits.chat_pace.seconds / limits.chat_pace.count == 6
    Channel.objects.filter(pk=channel.pk).update(config={**channel.config, "PACING": {"channel": [1000, 1]}})
    channel.refresh_from_db()
    assert channel.validate()
    assert not Job.objects.filter(state="parked").exists()
