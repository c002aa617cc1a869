"""The fake for people: as a process, in a terminal, on a page, and remote-controlled."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from unicom.testing.telegram import ApiClient, FakeTelegram
from unicom.testing.telegram.__main__ import Terminal, converse, main


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as fake:
        yield fake


class Remote:
    """The control API, as another process would use it."""

    def __init__(self, url: str) -> None:
        self.client = ApiClient(url, "")

    def get(self, path: str) -> Any:
        return self.client.request("GET", f"/_control/{path}").json

    def post(self, path: str, **arguments: Any) -> Any:
        body = json.dumps(arguments).encode()
        return self.client.request("POST", f"/_control/{path}", body, "application/json").json


@pytest.fixture
def remote(telegram: FakeTelegram) -> Iterator[Remote]:
    one = Remote(telegram.url)
    yield one
    one.client.close()


def test_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "unicom.testing.telegram", "--port", "0", "--token", f"77:{'A' * 35}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    assert process.stdout.readline().split()[-1] == f"77:{'A' * 35}"
    api = ApiClient(address, f"77:{'A' * 35}")
    assert api.call("getMe").result["id"] == 77
    process.stdin.write("/start\n")
    process.stdin.flush()
    (update,) = api.call("getUpdates", timeout=5).result
    api.call("sendMessage", chat_id=update["message"]["chat"]["id"], text="Welcome!")
    api.close()
    output, _ = process.communicate(":quit\n", timeout=10)
    assert "demo_bot: Welcome!" in output
    assert process.returncode == 0


def test_the_terminal(telegram: FakeTelegram) -> None:
    bot, user = telegram.add_bot("shop_bot"), telegram.user("Ann")
    written: list[str] = []
    terminal = Terminal(bot, user, written.append)
    api = telegram.client(bot)
    terminal.say("/start")
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    sent = api.call("sendMessage", chat_id=user.id, text="Sure?", reply_markup=markup).result
    terminal.show_new()
    terminal.show_new()
    assert written == ["shop_bot: Sure?\n  [Yes]\n"]
    for line in (":click Yes", ":click No", ":photo", ":voice", "hi", ":edit ho", ":block", "hi", ":unblock", ":x", ""):
        assert terminal.say(line)
    api.call("editMessageText", chat_id=user.id, message_id=sent["message_id"], text="Done")
    terminal.show_new()
    assert written[1] == "button: no message has 'No'\n"
    assert "unblock it first" in written[2]
    assert written[3].startswith("':x' is unknown")
    assert written[4] == "(edited) shop_bot: Done\n"
    kinds = [list(update)[1] for update in api.call("getUpdates").result]
    assert kinds == [
        "message", "callback_query", "message", "message", "message", "edited_message", "my_chat_member",
        "my_chat_member",
    ]  # fmt: skip
    converse(terminal, io.StringIO(":help\n:quit\nnever said\n"))
    assert "press a button" in written[5]
    api.close()


def test_main_ends_with_its_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0"], io.StringIO("hello\n")) == 0
    assert re.search(r"^Token:   \d+:\S{35}$", capsys.readouterr().out, re.MULTILINE)


def test_the_page(telegram: FakeTelegram) -> None:
    client = ApiClient(telegram.url, "")
    page = client.request("GET", "/")
    assert page.body.startswith(b"<!doctype html>")
    assert b"innerHTML" not in page.body
    assert client.request("GET", "/favicon.ico").status == 404
    client.close()


def test_remote_control(telegram: FakeTelegram, remote: Remote) -> None:
    bot = remote.post("bots", username="shop_bot")
    user = remote.post("users", name="Ann")
    who = {"user": user["id"], "bot": bot["id"]}
    remote.post("act", act="start", **who)
    remote.post("fail", method="sendMessage", error={"name": "429", "retry_after": 2})
    api = ApiClient(telegram.url, bot["token"])
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    send = {"chat_id": user["id"], "text": "Sure?", "reply_markup": markup, "extra": 1}
    assert [api.call("sendMessage", **send).status for _ in range(2)] == [429, 200]
    messages = remote.get(f"messages?user={user['id']}&bot={bot['id']}")["messages"]
    assert messages[-1]["keyboard"] == [["Yes"]]
    clicked = remote.post("act", act="clicks", message_id=messages[-1]["message_id"], button="Yes", **who)
    assert api.call("answerCallbackQuery", callback_query_id=clicked["callback_query_id"]).result is True
    said = remote.post("act", act="sends", text="hi", **who)
    remote.post("act", act="edits", text="ho", message_id=said["message_id"], **who)
    remote.post("act", act="reacts", emoji=["👍"], message_id=said["message_id"], **who)
    for act in ("blocks", "unblocks"):
        remote.post("act", act=act, **who)
    group = remote.post("groups", title="Team", members=[user["id"], bot["id"]])
    assert remote.post("act", act="sends", user=user["id"], group=group["id"], text="all")["chat"]["title"] == "Team"
    calls = remote.get("log?since=1&method=sendMessage")["calls"]
    assert [call["text"] for call in calls] == ["Sure?"]
    assert remote.get("violations")["violations"] == ["sendMessage: unknown parameter 'extra'"] * 1
    assert remote.get("limits") == {"broken": []}
    assert [one["username"] for one in remote.get("state")["bots"]] == ["shop_bot"]
    assert remote.post("settings", latency=0.01) == {"latency": 0.01}
    remote.post("chaos", seed=1, probabilities={"500": 1.0})
    assert api.call("getMe").status == 500
    remote.post("calm")
    assert api.call("getMe").status == 200
    api.close()


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("act", {"act": "flies", "user": 1}),
        ("act", {"act": "clicks", "user": 1, "bot": 2, "message_id": 3}),
        ("fail", {"error": "explosion"}),
        ("nothing", {}),
    ],
)
def test_remote_control_says_what_is_wrong(remote: Remote, path: str, arguments: dict[str, Any]) -> None:
    assert "error" in remote.post(path, **arguments)


def test_remote_control_takes_json_only(remote: Remote) -> None:
    answer = remote.client.request("POST", "/_control/calm", b"{}", "text/plain")
    assert answer.status == 400
