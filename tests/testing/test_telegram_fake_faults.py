"""What the fake can do wrong on purpose, how it keeps the pace, and what its log tells afterwards."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator

import pytest

from unicom.testing.telegram import ApiClient, FakeBot, FakeTelegram, FakeUser, Limits, faults
from unicom.testing.telegram.limits import Pace, Sending, broken_limits

BROKEN = (OSError, http.client.HTTPException)


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as fake:
        yield fake


@pytest.fixture
def bot(telegram: FakeTelegram) -> FakeBot:
    return telegram.add_bot("shop_bot")


@pytest.fixture
def ann(telegram: FakeTelegram, bot: FakeBot) -> FakeUser:
    user = telegram.user("Ann")
    user.start(bot)
    return user


@pytest.fixture
def api(telegram: FakeTelegram, bot: FakeBot) -> Iterator[ApiClient]:
    client = telegram.client(bot, timeout=0.5)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("error", "status", "description"),
    [
        (faults.too_many(7), 429, "Too Many Requests: retry after 7"),
        ("500", 500, "Internal Server Error"),
        ("401", 401, "Unauthorized"),
        ("blocked", 403, "Forbidden: bot was blocked by the user"),
        ({"code": 400, "description": "Bad Request: CHAT_RESTRICTED"}, 400, "Bad Request: CHAT_RESTRICTED"),
    ],
)
def test_answers(
    telegram: FakeTelegram, api: ApiClient, ann: FakeUser, error: faults.Fault, status: int, description: str
) -> None:
    telegram.fail("sendMessage", error=error)
    answer = api.call("sendMessage", chat_id=ann.id, text="hi")
    assert (answer.status, answer.description) == (status, description)
    call = telegram.log.calls("sendMessage")[0]
    assert (call.status, call.description, call.effect) == (status, description, False)
    assert call.fault
    assert api.call("sendMessage", chat_id=ann.id, text="hi").status == 200
    assert telegram.log.sent_texts(ann.id) == ["hi"]


def test_retry_after_is_among_the_parameters(telegram: FakeTelegram, api: ApiClient) -> None:
    telegram.fail(error={"name": "429", "retry_after": 3})
    assert api.call("getMe").json["parameters"] == {"retry_after": 3}


def test_a_proxys_page(telegram: FakeTelegram, api: ApiClient) -> None:
    telegram.fail(error="502")
    answer = api.call("getMe")
    assert answer.status == 502
    assert answer.body.startswith(b"<html>")


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("timeout_before", False),
        ("timeout_after", True),
        ("drop_before", False),
        ("drop_unread", False),
        ("drop_after", True),
    ],
)
def test_calls_without_an_answer(
    telegram: FakeTelegram,
    api: ApiClient,
    bot: FakeBot,
    ann: FakeUser,
    name: str,
    effect: bool,
) -> None:
    telegram.fail("sendMessage", error=name)
    with pytest.raises(BROKEN):
        api.call("sendMessage", chat_id=ann.id, text="hi")
    (call,) = telegram.log.faults()
    assert (call.status, call.effect, call.fault) == (0, effect, name.replace("unread", "before"))
    assert len(ann.inbox(bot)) == effect
    assert telegram.log.sent_texts() == ["hi"] * effect
    assert api.call("sendMessage", chat_id=ann.id, text="again").status == 200


@pytest.mark.parametrize("name", ["malformed", "malformed_before"])
def test_malformed_answers(telegram: FakeTelegram, api: ApiClient, bot: FakeBot, ann: FakeUser, name: str) -> None:
    telegram.fail(error=name)
    answer = api.call("sendMessage", chat_id=ann.id, text="hi")
    with pytest.raises(json.JSONDecodeError):
        _ = answer.json
    assert len(ann.inbox(bot)) == (name == "malformed")


def test_slow_answers(telegram: FakeTelegram, api: ApiClient) -> None:
    telegram.fail(error=faults.slow(0.1))
    started = time.monotonic()
    assert api.call("getMe").status == 200
    assert time.monotonic() - started >= 0.1


def test_faults_are_for_a_method_a_chat_a_bot_and_so_many_times(
    telegram: FakeTelegram, api: ApiClient, bot: FakeBot, ann: FakeUser
) -> None:
    bob = telegram.user("Bob")
    bob.start(bot)
    telegram.fail("sendMessage", chat_id=ann.id, bot=bot, times=2)
    telegram.fail("sendMessage", bot=telegram.add_bot())
    send = [api.call("sendMessage", chat_id=user.id, text="x").status for user in (bob, ann, bob, ann, ann)]
    assert send == [200, 500, 200, 500, 200]
    assert telegram.faults_left == 1
    telegram.calm()
    assert telegram.faults_left == 0


def test_an_unknown_fault_is_named(telegram: FakeTelegram) -> None:
    with pytest.raises(ValueError, match="'explosion' is not one of 401, 429"):
        telegram.fail(error="explosion")


def test_downloads_can_fail(telegram: FakeTelegram, api: ApiClient, bot: FakeBot, ann: FakeUser) -> None:
    photo = ann.sends_photo(bot).json["photo"][0]["file_id"]
    path = api.call("getFile", file_id=photo).result["file_path"]
    telegram.fail("file", error="502")
    assert [api.download(path).status for _ in range(2)] == [502, 200]


def test_chaos_is_repeatable_and_logged() -> None:
    outcomes = []
    for _ in range(2):
        with FakeTelegram() as telegram:
            bot = telegram.add_bot()
            ann = telegram.user("Ann")
            ann.start(bot)
            api = telegram.client(bot)
            telegram.chaos(42, {"429": 0.2, "500": 0.1, "drop_after": 0.1, "drop_unread": 0.1}, methods=["sendMessage"])
            for number in range(60):
                try:
                    api.call("sendMessage", chat_id=ann.id, text=str(number))
                except BROKEN:
                    continue
            telegram.calm()
            assert api.call("sendMessage", chat_id=ann.id, text="calm").status == 200
            api.close()
            calls = telegram.log.calls("sendMessage")
            outcomes.append([call.fault for call in calls])
            assert [call.text for call in calls if call.effect] == telegram.log.sent_texts(ann.id)
            assert len(ann.inbox(bot)) == len(telegram.log.sent_texts())
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0]) == {"", "429", "500", "drop_after", "drop_before"}


# Pace


def pace(limits: Limits | None = None) -> Pace:
    return Pace(limits or Limits(slack=0.0), 1.0)


def test_one_message_a_second_to_one_chat() -> None:
    checked = pace()
    assert checked.check(0.0, 1, 7, 1) is None
    assert checked.check(0.0, 1, 8, 1) is None
    assert checked.check(0.5, 1, 7, 1) == (1, "more than 1 in 1 s for one chat")
    assert checked.check(1.6, 1, 7, 1) is None


def test_asking_too_early_lengthens_the_wait() -> None:
    checked = pace()
    checked.check(0.0, 1, 7, 1)
    checked.check(0.5, 1, 7, 1)
    assert checked.check(1.0, 1, 7, 1) == (2, "sent 1 s before retry_after had elapsed")
    assert checked.check(2.9, 1, 7, 1) is not None


def test_a_short_burst_may_be_allowed() -> None:
    checked = pace(Limits(chat_burst=3, slack=0.0))
    assert [checked.check(0.1 * number, 1, 7, 1) for number in range(3)] == [None] * 3
    assert checked.check(0.3, 1, 7, 1) == (3, "more than 3 in 3 s for one chat")


def test_thirty_a_second_for_a_bot() -> None:
    checked = pace()
    assert [checked.check(0.0, 1, chat, 1) for chat in range(30)] == [None] * 30
    assert checked.check(0.5, 1, 99, 1) == (1, "more than 30 in 1 s for one bot")
    assert checked.check(0.5, 2, 99, 1) is None


def test_twenty_a_minute_for_a_group_and_an_album_counts_whole() -> None:
    checked = pace()
    assert checked.check(0.0, 1, -7, 10) is None
    assert checked.check(1.0, 1, -7, 9) is None
    assert checked.check(2.0, 1, -7, 2) == (58, "more than 20 in 60 s for one group")


def test_enforcement_over_http() -> None:
    with FakeTelegram(enforce_limits=True) as telegram:
        bot = telegram.add_bot()
        ann = telegram.user("Ann")
        ann.start(bot)
        api = telegram.client(bot)
        statuses = [api.call("sendMessage", chat_id=ann.id, text="x").status for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert [str(violation) for violation in telegram.violations] == [
            "sendMessage: sent 1 s before retry_after had elapsed"
        ]
        assert api.call("sendChatAction", chat_id=ann.id, action="typing").status == 200
        assert telegram.log.broken_limits() == []
        assert len(telegram.log.broken_limits(refused_too=True)) == 1
        api.close()


def test_an_injected_429_holds_as_any_other() -> None:
    with FakeTelegram(enforce_limits=True, time_scale=0.01) as telegram:
        bot = telegram.add_bot()
        ann = telegram.user("Ann")
        ann.start(bot)
        api = telegram.client(bot)
        telegram.fail("sendMessage", error=faults.too_many(30))
        statuses = [api.call("sendMessage", chat_id=ann.id, text="x").status for _ in range(2)]
        assert statuses == [429, 429]
        assert "before retry_after" in str(telegram.violations[0])
        time.sleep(0.35)
        assert api.call("sendMessage", chat_id=ann.id, text="x").status == 200
        api.close()


def test_early_retries_are_found_in_the_log() -> None:
    with FakeTelegram(time_scale=0.01) as telegram:
        bot = telegram.add_bot()
        ann = telegram.user("Ann")
        ann.start(bot)
        api = telegram.client(bot)
        telegram.fail("sendMessage", error=faults.too_many(30))
        for text in ("refused", "too early"):
            api.call("sendMessage", chat_id=ann.id, text=text)
        time.sleep(0.35)
        api.call("sendMessage", chat_id=ann.id, text="in time")
        assert [call.text for call in telegram.log.early_retries()] == ["too early"]
        api.close()


def test_time_can_be_scaled() -> None:
    with FakeTelegram(enforce_limits=True, time_scale=0.001) as telegram:
        bot = telegram.add_bot()
        ann = telegram.user("Ann")
        ann.start(bot)
        api = telegram.client(bot)
        for _ in range(5):
            assert api.call("sendMessage", chat_id=ann.id, text="x").status == 200
            time.sleep(0.002)
        assert telegram.log.broken_limits() == []
        api.close()


def test_broken_limits_are_found_in_any_window() -> None:
    def sending(at: float, chat_id: int, weight: int = 1) -> Sending:
        return Sending(time=at, bot_id=1, chat_id=chat_id, weight=weight)

    limits = Limits(slack=0.0)
    assert broken_limits([sending(float(at), 7) for at in range(100)], limits) == []
    (broken,) = broken_limits([sending(0.0, 7), sending(0.99, 7)], limits)
    assert (broken.scope.kind, broken.count, broken.allowed) == ("chat", 2, 1)
    (broken,) = broken_limits([sending(number / 31.5, number) for number in range(31)], limits)
    assert (broken.scope.kind, broken.count) == ("bot", 31)
    (broken,) = broken_limits([sending(number * 2.9, -7) for number in range(21)], limits)
    assert (broken.scope.kind, broken.count, broken.window) == ("group", 21, 60.0)
    assert broken_limits([sending(0.0, -7, 40)], limits) == []


# The log


def test_the_log_can_be_asked_and_waited_for(telegram: FakeTelegram, api: ApiClient, ann: FakeUser) -> None:
    api.call("sendMessage", chat_id=ann.id, text=" hi ")
    api.call("sendMessage", chat_id=5, text="nobody")
    ok, refused = telegram.log.calls("sendmessage")
    assert (ok.chat_id, ok.text, ok.message_ids, ok.weight) == (ann.id, "hi", (2,), 1)
    assert (refused.chat_id, refused.status, refused.message_ids) == (5, 400, ())
    assert abs(ok.wall - time.time()) < 5
    assert ok.time <= refused.time <= time.monotonic()
    assert len(telegram.log) == 2
    assert telegram.log.wait_for(lambda log: len(log) == 2, 0.01)
    assert not telegram.log.wait_for(lambda log: len(log) == 3, 0.01)
