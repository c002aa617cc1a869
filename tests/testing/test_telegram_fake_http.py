"""The fake Bot API speaks HTTP as the real one does: every body format, keep-alive, files, errors."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from unicom.testing.telegram import SAMPLE_PNG, ApiClient, FakeBot, FakeTelegram, FakeUser


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
    client = telegram.client(bot)
    yield client
    client.close()


def port(telegram: FakeTelegram) -> int:
    return int(telegram.url.rpartition(":")[2])


def exchange(telegram: FakeTelegram, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port(telegram)), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.parametrize("way", ["call", "form", "query"])
def test_parameters_are_read_from_json_form_and_query(
    telegram: FakeTelegram, api: ApiClient, ann: FakeUser, way: str
) -> None:
    answer = getattr(api, way)("sendMessage", chat_id=ann.id, text="grüße & 🎉")
    assert answer.status == 200
    assert answer.result["text"] == "grüße & 🎉"
    assert telegram.log.calls("sendMessage")[0].transport == {"call": "json", "form": "urlencoded"}.get(way, way)
    assert telegram.violations == []


@pytest.mark.parametrize("field", ["photo", "other"])
def test_files_are_uploaded_directly_or_attached(api: ApiClient, ann: FakeUser, field: str) -> None:
    params = {} if field == "photo" else {"photo": f"attach://{field}"}
    files = {field: ("p.png", SAMPLE_PNG, "image/png")}
    answer = api.upload("sendPhoto", files, chat_id=ann.id, caption="look", **params)
    photo = answer.result["photo"][-1]
    assert (photo["width"], photo["height"], photo["file_size"]) == (1, 1, len(SAMPLE_PNG))
    path = api.call("getFile", file_id=photo["file_id"]).result["file_path"]
    assert api.download(path).body == SAMPLE_PNG


def test_json_values_may_be_strings_that_hold_json(api: ApiClient, ann: FakeUser) -> None:
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    for value in (markup, json.dumps(markup)):
        assert api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=value).result["reply_markup"] == markup


def test_method_names_in_any_case(api: ApiClient) -> None:
    assert api.call("GETME").result["is_bot"] is True


def test_unknown_method_is_404(api: ApiClient) -> None:
    answer = api.call("sendTelepathy")
    assert (answer.status, answer.json) == (404, {"ok": False, "error_code": 404, "description": "Not Found"})


def test_wrong_and_revoked_tokens_are_401(telegram: FakeTelegram, bot: FakeBot, api: ApiClient) -> None:
    stranger = ApiClient(telegram.url, "123456:AAxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
    assert stranger.call("getMe").json == {"ok": False, "error_code": 401, "description": "Unauthorized"}
    stranger.close()
    bot.revoke()
    assert api.call("getMe").status == 401
    bot.restore()
    assert api.call("getMe").status == 200


def test_something_that_is_no_token_is_404(telegram: FakeTelegram) -> None:
    client = ApiClient(telegram.url, "nonsense")
    assert client.call("getMe").status == 404
    client.close()


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b"\xff\xfe", b"null", b'{"chat_id": {"a": []}}'])
def test_any_json_body_is_answered(api: ApiClient, body: bytes) -> None:
    answer = api.request("POST", api._path + "sendMessage", body, "application/json")
    assert answer.status == 400
    assert answer.json["ok"] is False


def test_lone_surrogates_are_refused(api: ApiClient, ann: FakeUser) -> None:
    body = f'{{"chat_id": {ann.id}, "text": "\\ud83d"}}'.encode()
    answer = api.request("POST", api._path + "sendMessage", body, "application/json")
    assert answer.description == "Bad Request: strings must be encoded in UTF-8"


def test_the_connection_is_kept(telegram: FakeTelegram, api: ApiClient) -> None:
    for _ in range(3):
        api.call("getMe")
    assert [call.reused for call in telegram.log.calls("getMe")] == [False, True, True]


def test_chunked_bodies(telegram: FakeTelegram, bot: FakeBot, ann: FakeUser) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port(telegram), timeout=5)
    body = json.dumps({"chat_id": ann.id, "text": "in pieces"}).encode()
    chunks = [body[at : at + 7] for at in range(0, len(body), 7)]
    headers = {"Content-Type": "application/json"}
    for _ in range(2):
        connection.request("POST", f"/bot{bot.token}/sendMessage", iter(chunks), headers, encode_chunked=True)
        response = connection.getresponse()
        assert response.status == 200
        response.read()
    connection.close()
    assert telegram.log.sent_texts(ann.id) == ["in pieces", "in pieces"]


def test_pipelined_requests_are_answered_in_order(telegram: FakeTelegram, bot: FakeBot) -> None:
    request = f"GET /bot{bot.token}/getMe HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port(telegram)), timeout=5) as connection:
        connection.sendall(request * 3)
        received = b""
        while received.count(b'"ok": true') < 3:
            received += connection.recv(65536)


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_not_http_is_400(telegram: FakeTelegram, request_: bytes) -> None:
    assert exchange(telegram, request_).startswith(b"HTTP/1.1 400 ")


def test_a_body_that_is_too_large_is_413(telegram: FakeTelegram, bot: FakeBot) -> None:
    head = f"POST /bot{bot.token}/sendDocument HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"
    assert b'"description":"Request Entity Too Large"' in exchange(telegram, head.encode())


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--x\r\n", "multipart/form-data"),
        (b"--x\r\nno end", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n", "multipart/form-data; boundary=x"),
        (b"text=%ff", "application/x-www-form-urlencoded"),
        (b"<text/>", "application/xml"),
    ],
)
def test_bodies_that_cannot_be_read_are_400(api: ApiClient, body: bytes, content_type: str) -> None:
    assert api.request("POST", api._path + "sendMessage", body, content_type).status == 400


def test_latency_delays_without_holding_up_others(bot: FakeBot, telegram: FakeTelegram, ann: FakeUser) -> None:
    telegram.settings.latency = 0.2

    def send() -> None:
        client = telegram.client(bot)
        client.call("sendMessage", chat_id=ann.id, text="slow")
        client.close()

    threads = [threading.Thread(target=send) for _ in range(20)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.2 <= time.monotonic() - started < 1.5
    assert len(telegram.log.sent_texts(ann.id)) == 20


def test_secrets_are_not_shown(telegram: FakeTelegram, bot: FakeBot, api: ApiClient) -> None:
    api.call("setWebhook", url="http://127.0.0.1:9/hook", secret_token="hush-hush")
    shown = f"{telegram.log.calls()!r} {telegram.log.calls()[0]} {bot!r} {bot.state!r}"
    assert "hush-hush" not in shown
    assert bot.token.partition(":")[2] not in shown


def test_stopping_is_repeatable_and_frees_the_port() -> None:
    fake = FakeTelegram()
    fake.stop()
    fake.start()
    taken = port(fake)
    fake.stop()
    fake.stop()
    other = FakeTelegram().start(taken)
    other.stop()


def test_a_taken_port_is_an_error(telegram: FakeTelegram) -> None:
    other = FakeTelegram()
    with pytest.raises(OSError, match="in use"):
        other.start(port(telegram))
    other.stop()


def test_importing_needs_no_django() -> None:
    script = "import sys, unicom.testing.telegram; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
