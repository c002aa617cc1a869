"""How the fake delivers updates: webhooks with retries, long polling, and by hand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from unicom.testing.telegram import ApiClient, Disorder, FakeBot, FakeTelegram, FakeUser, WebhookPolicy


class Receiver:
    """A webhook that keeps what it gets and answers what it is told."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.secrets: list[str | None] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda update: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                update = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.secrets.append(self.headers.get("X-Telegram-Bot-Api-Secret-Token"))
                receiver.updates.append(update)
                self.send_response(receiver.answer(update))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?x=1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.updates]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram(time_scale=0.01) as fake:
        yield fake


@pytest.fixture
def bot(telegram: FakeTelegram) -> FakeBot:
    return telegram.add_bot("shop_bot")


@pytest.fixture
def ann(telegram: FakeTelegram) -> FakeUser:
    return telegram.user("Ann")


@pytest.fixture
def api(telegram: FakeTelegram, bot: FakeBot) -> Iterator[ApiClient]:
    client = telegram.client(bot)
    yield client
    client.close()


# Webhooks


def test_a_webhook_gets_every_update_with_the_secret(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser, receiver: Receiver
) -> None:
    ann.start(bot)
    answer = api.call("setWebhook", url=receiver.url, secret_token="s-3_Cret", max_connections=2)
    assert answer.json == {"ok": True, "result": True, "description": "Webhook was set"}
    ann.sends(bot, "hello")
    assert telegram.settle()
    assert receiver.texts() == ["/start", "hello"]
    assert receiver.secrets == ["s-3_Cret"] * 2
    assert receiver.updates[1]["update_id"] == receiver.updates[0]["update_id"] + 1
    assert api.call("getWebhookInfo").result == {
        "url": receiver.url,
        "has_custom_certificate": False,
        "pending_update_count": 0,
        "max_connections": 2,
        "ip_address": "127.0.0.1",
    }


def test_an_answer_other_than_2xx_is_tried_again_and_told(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser, receiver: Receiver
) -> None:
    statuses = iter([500, 403, 302, 204])
    receiver.answer = lambda update: next(statuses)
    api.call("setWebhook", url=receiver.url)
    ann.sends(bot, "hello")
    assert telegram.settle()
    assert receiver.texts() == ["hello"] * 4
    assert len({update["update_id"] for update in receiver.updates}) == 1
    assert [row.status for row in telegram.log.deliveries(bot_id=bot.id)] == [500, 403, 302, 204]
    info = api.call("getWebhookInfo").result
    assert info["last_error_message"] == "Wrong response from the webhook: 302 Found"
    assert abs(info["last_error_date"] - time.time()) < 10


def test_nobody_listening_is_told(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    api.call("setWebhook", url="http://127.0.0.1:9/hook")
    ann.sends(bot, "hello")
    assert telegram.log.wait_for(lambda log: len(log.deliveries()) >= 2)
    info = api.call("getWebhookInfo").result
    assert (info["pending_update_count"], info["last_error_message"]) == (1, "Connection refused")
    assert not telegram.settle(0.01)


def test_a_chat_that_fails_keeps_its_order_and_holds_up_no_other(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser, receiver: Receiver
) -> None:
    bob = telegram.user("Bob")
    failures = iter([500, 500, 500])
    receiver.answer = lambda update: next(failures, 200) if update["message"]["text"] == "a1" else 200
    api.call("setWebhook", url=receiver.url)
    for user, text in ((ann, "a1"), (ann, "a2"), (bob, "b1")):
        user.sends(bot, text)
    assert telegram.settle()
    accepted = list(dict.fromkeys(reversed(receiver.texts())))
    assert accepted.index("a2") < accepted.index("a1")
    assert receiver.texts().index("b1") < receiver.texts().index("a2")


def test_an_update_is_given_up_in_the_end(ann: FakeUser, receiver: Receiver) -> None:
    receiver.answer = lambda update: 500
    policy = WebhookPolicy(attempts=2, first_delay=0.1)
    with FakeTelegram(time_scale=0.01, webhook_policy=policy) as telegram:
        bot = telegram.add_bot()
        api = telegram.client(bot)
        api.call("setWebhook", url=receiver.url)
        telegram.user("Ann").sends(bot, "hello")
        assert telegram.settle()
        assert "was given up" in str(telegram.violations[0])
        api.close()


def test_copies_and_disorder(receiver: Receiver) -> None:
    with FakeTelegram(disorder=Disorder(copies=3, shuffle_seconds=0.1, seed=5)) as telegram:
        bot = telegram.add_bot()
        api = telegram.client(bot)
        ann = telegram.user("Ann")
        api.call("setWebhook", url=receiver.url)
        sent = [ann.sends(bot, f"m{number}").text for number in range(20)]
        assert telegram.settle()
        assert sorted(receiver.texts()) == sorted(sent * 3)
        assert list(dict.fromkeys(receiver.texts())) != sent
        api.close()


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"url": "http://example.org/"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": "https://example.org:8000/"}, "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"),
        ({"url": "https://intranet/"}, "bad webhook: Failed to resolve host: Name or service not known"),
        ({"url": "https://[x/"}, "bad webhook: invalid webhook URL specified"),
        ({"url": "https://example.org/", "secret_token": "a b"}, "secret token contains unallowed characters"),
        ({"url": "https://example.org/", "secret_token": "x" * 257}, "secret token is too long"),
        ({"url": "https://example.org/", "allowed_updates": "message"}, "can't parse allowed_updates JSON object"),
    ],
)
def test_webhooks_that_are_refused(api: ApiClient, params: dict[str, str], sentence: str) -> None:
    assert api.call("setWebhook", **params).description == f"Bad Request: {sentence}"


def test_loopback_webhooks_may_be_forbidden(receiver: Receiver) -> None:
    with FakeTelegram(allow_loopback_webhooks=False) as telegram:
        api = telegram.client(telegram.add_bot())
        assert api.call("setWebhook", url=receiver.url).status == 400
        api.close()


def test_setting_and_deleting_say_what_was_done(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    hook = {"url": "https://example.org/hook", "allowed_updates": ["message"]}
    assert api.call("setWebhook", **hook).json["description"] == "Webhook was set"
    assert api.call("setWebhook", **hook).json["description"] == "Webhook is already set"
    assert api.call("deleteWebhook", drop_pending_updates=True).json["description"] == "Webhook was deleted"
    assert api.call("setWebhook", url="").json["description"] == "Webhook is already deleted"


def test_allowed_updates_stay_until_others_are_given(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser
) -> None:
    message = ann.start(bot)
    api.call("getUpdates", allowed_updates=["message_reaction", "nonsense"])
    assert [str(violation) for violation in telegram.violations] == [
        "getUpdates: allowed_updates: 'nonsense' is no kind of update"
    ]
    api.call("getUpdates", offset=-1)
    ann.sends(bot, "not asked for")
    ann.reacts(message, "👍")
    assert [list(update)[1] for update in api.call("getUpdates").result] == ["message", "message_reaction"]
    api.call("getUpdates", allowed_updates=[])
    ann.reacts(message)
    ann.sends(bot, "asked for by default")
    assert [list(update)[1] for update in api.call("getUpdates").result][2:] == ["message"]


# Polling


def test_polling_confirms_by_offset(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    for text in ("one", "two", "three"):
        ann.sends(bot, text)
    first, second = api.call("getUpdates", limit=2).result
    assert api.call("getUpdates", limit=1).result == [first]
    rest = api.call("getUpdates", offset=second["update_id"] + 1).result
    assert [update["message"]["text"] for update in rest] == ["three"]
    assert bot.pending_count == 1
    bot.skip_update_ids(500)
    ann.sends(bot, "four")
    last = api.call("getUpdates", offset=-1).result
    assert last[0]["update_id"] == rest[0]["update_id"] + 501


def test_a_long_poll_ends_with_the_first_update(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    timer = threading.Timer(0.05, lambda: ann.sends(bot, "hello"))
    timer.start()
    updates = api.call("getUpdates", timeout=50).result
    timer.join()
    assert [update["message"]["text"] for update in updates] == ["hello"]


def test_a_long_poll_ends_empty(api: ApiClient) -> None:
    started = time.monotonic()
    assert api.call("getUpdates", timeout=10).result == []
    assert 0.09 < time.monotonic() - started < 1


def test_polling_beside_a_webhook_is_409(api: ApiClient) -> None:
    api.call("setWebhook", url="https://example.org/hook")
    answer = api.call("getUpdates")
    assert (answer.status, answer.description) == (
        409,
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    )


def test_a_second_poller_ends_the_first(telegram: FakeTelegram, bot: FakeBot, api: ApiClient) -> None:
    answers: list[int] = []

    def poll() -> None:
        client = telegram.client(bot)
        answers.append(client.call("getUpdates", timeout=50).status)
        client.close()

    thread = threading.Thread(target=poll)
    thread.start()
    end = time.monotonic() + 0.4
    while not answers and time.monotonic() < end:
        api.call("getUpdates")
    thread.join()
    assert answers == [409]


# By hand


def test_updates_by_hand() -> None:
    with FakeTelegram(webhook_mode="manual") as telegram:
        bot = telegram.add_bot()
        api = telegram.client(bot)
        api.call("setWebhook", url="https://example.org/hook", secret_token="secret")
        ann = telegram.user("Ann")
        ann.sends(bot, "one")
        ann.sends(bot, "two")
        headers, body = telegram.pending(bot)[0]
        assert headers == {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": "secret"}
        assert json.loads(body)["message"]["text"] == "one"
        statuses = iter([500, 200])
        assert telegram.deliver(bot, lambda headers, body: next(statuses)) == [500, 200]
        assert [json.loads(body)["message"]["text"] for _, body in telegram.pending(bot)] == ["one"]
        assert telegram.deliver(bot, lambda headers, body: 200) == [200]
        assert telegram.pending(bot) == []
        api.close()


# Users


def test_reply_keyboards_write_their_text(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    ann.start(bot)
    rows = [["Menu", {"text": "My number", "request_contact": True}], [{"text": "Here", "request_location": True}]]
    api.call("sendMessage", chat_id=ann.id, text="?", reply_markup={"keyboard": rows})
    message = ann.last(bot)
    assert message.buttons == [["Menu", "My number"], ["Here"]]
    for label in ("Menu", "My number", "Here"):
        assert ann.clicks(message, label) is None
    contents = [update["message"] for update in api.call("getUpdates").result][1:]
    assert contents[0]["text"] == "Menu"
    assert contents[1]["contact"]["user_id"] == ann.id
    assert "location" in contents[2]
    with pytest.raises(LookupError, match="'Yes' is not one of"):
        ann.clicks(message, "Yes")


def test_clicks_of_old_messages_and_forged_data(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    ann.start(bot)
    buttons = [[{"text": "Yes", "callback_data": "y"}, {"text": "Site", "url": "https://example.org/"}]]
    api.call("sendMessage", chat_id=ann.id, text="?", reply_markup={"inline_keyboard": buttons})
    message = ann.last(bot)
    assert ann.clicks(message, "Site") is None
    ann.clicks(message, "Yes", inaccessible=True)
    ann.sends_callback(message, "x" * 100)
    old, forged = [update["callback_query"] for update in api.call("getUpdates").result[1:]]
    assert old["message"] == {"chat": message.json["chat"], "message_id": message.message_id, "date": 0}
    assert forged["data"] == "x" * 100


def test_an_edit_may_show_no_difference(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    message = ann.sends(bot, "hello")
    ann.edits(message, "hallo")
    ann.edits(message)
    edits = [update["edited_message"] for update in api.call("getUpdates").result[1:]]
    assert [edit["text"] for edit in edits] == ["hallo", "hallo"]
    assert {edit["message_id"] for edit in edits} == {message.message_id}


def test_any_update_can_be_pushed(bot: FakeBot, api: ApiClient) -> None:
    bot.push("poll", {"id": "1"})
    assert api.call("getUpdates").result[0]["poll"] == {"id": "1"}
    with pytest.raises(ValueError, match="'pole' is not one of"):
        bot.push("pole", {})
    assert bot.push("chat_member", {}) is None
