"""Hold the table: what each refusal of the Bot API means."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from unicom.errors import DeliveryError
from unicom.platforms.telegram.errors import foreign_answer, refusal

pytestmark = pytest.mark.once


def meaning(error: DeliveryError) -> dict[str, Any]:
    """Return what is set on an error, for comparing."""
    names = ("retryable", "ambiguous", "channel_down", "suppress", "moved_to")
    return {name: getattr(error, name) for name in names if getattr(error, name)}


@pytest.mark.parametrize(
    ("status", "description", "expected"),
    [
        (400, "Bad Request: chat not found", {}),
        (400, "Bad Request: message is too long", {}),
        (400, "Bad Request: BUTTON_DATA_INVALID", {}),
        (400, "Bad Request: not enough rights to send text messages to the chat", {}),
        (400, "Bad Request: TOPIC_CLOSED", {}),
        (400, "", {}),
        (401, "Unauthorized", {"channel_down": True}),
        (404, "Not Found", {"channel_down": True}),
        (403, "Forbidden: bot was blocked by the user", {"suppress": "the user blocked the bot"}),
        (400, "Bad Request: USER_IS_BLOCKED", {"suppress": "the user blocked the bot"}),
        (403, "Forbidden: user is deactivated", {"suppress": "the user's account is deleted"}),
        (400, "Bad Request: INPUT_USER_DEACTIVATED", {"suppress": "the user's account is deleted"}),
        (
            403,
            "Forbidden: bot can't initiate conversation with a user",
            {"suppress": "the user has never started the bot"},
        ),
        (403, "Forbidden: bot can't send messages to bots", {"suppress": "it is a bot, which bots cannot write to"}),
        (403, "Forbidden: bot was kicked from the supergroup chat", {"suppress": "the bot was removed from the chat"}),
        (403, "Forbidden: bot is not a member of the channel chat", {"suppress": "the bot was removed from the chat"}),
        (403, "Forbidden: the group chat was deleted", {"suppress": "the chat was deleted"}),
        (403, "Forbidden: something new", {}),
        (409, "Conflict: terminated by other getUpdates request", {"retryable": True}),
        (413, "Request Entity Too Large", {}),
        (500, "Internal Server Error", {"ambiguous": True}),
        (502, "Bad Gateway", {"ambiguous": True}),
        (503, "Service Unavailable", {"retryable": True}),
        (504, "Gateway Timeout", {"ambiguous": True}),
    ],
)
def test_a_refusal_means(status, description, expected):
    error = refusal(status, description, {})
    assert meaning(error) == expected
    assert error.code == str(status)
    assert error.reason.startswith("Telegram: ")
    assert description in error.reason


@pytest.mark.parametrize(
    ("description", "parameters", "seconds"),
    [
        ("Too Many Requests: retry after 491", {"retry_after": 491}, 491),
        ("Too Many Requests: retry after 17", {}, 17),
        ("Too Many Requests", {}, 5),
        ("Too Many Requests", {"retry_after": "x"}, 5),
        ("Too Many Requests", {"retry_after": -3}, 1),
        ("Too Many Requests", {"retry_after": 10**30}, 7 * 86400),
    ],
)
def test_a_429_says_how_long_to_wait(description, parameters, seconds):
    assert refusal(429, description, parameters).retry_after == timedelta(seconds=seconds)


def test_a_migration_says_where_to():
    error = refusal(
        400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": -1003000000001}
    )
    assert meaning(error) == {"moved_to": "-1003000000001"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, {"ambiguous": True}),
        (301, {"channel_down": True}),
        (403, {"retryable": True}),
        (407, {"retryable": True}),
        (500, {"ambiguous": True}),
        (502, {"ambiguous": True}),
        (503, {"retryable": True}),
        (504, {"ambiguous": True}),
    ],
)
def test_an_answer_that_is_not_the_bot_apis_means(status, expected):
    assert meaning(foreign_answer(status)) == expected


def test_an_endless_description_is_cut():
    assert len(refusal(400, "x" * 10_000, {}).reason) < 600
