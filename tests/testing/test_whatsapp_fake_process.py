"""The fake runs as a process of its own, for a chat in the terminal and for scripts."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from unicom.testing.whatsapp import FakeWhatsApp
from unicom.testing.whatsapp.__main__ import Terminal, main

pytestmark = pytest.mark.once


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [sys.executable, "-m", "unicom.testing.whatsapp", "--port", "0", "--no-chat"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    told = dict(re.split(r":\s+", running.stdout.readline().strip(), maxsplit=1) for _ in range(6))
    yield running, told
    running.terminate()
    running.wait(timeout=10)
    running.stdout.close()


def ask(url: str, data: Any = None) -> Any:
    """Call the control API."""
    body = None if data is None else json.dumps(data).encode()
    request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310  our own fake
    with urlopen(request) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_it_tells_what_a_channel_needs_and_is_played_from_outside(process):
    _, told = process
    url, number = told["Graph API"], told["PHONE_NUMBER_ID"]
    assert told["ACCESS_TOKEN"].startswith("EAA")
    assert told["APP_SECRET"]
    control = f"{url}/_control"
    user = ask(f"{control}/users", {"name": "Bob"})["phone"]
    ask(f"{control}/act", {"act": "sends", "user": user, "number": number, "text": "Hello"})
    headers = {"Authorization": f"Bearer {told['ACCESS_TOKEN']}", "Content-Type": "application/json"}
    message = {"messaging_product": "whatsapp", "to": user, "type": "text", "text": {"body": "Hi Bob"}}
    body = json.dumps(message).encode()
    request = Request(f"{url}/v26.0/{number}/messages", body, headers)  # noqa: S310  our own fake
    with urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200
    assert [row["text"] for row in ask(f"{control}/messages?user={user}&number={number}")["messages"]] == ["Hi Bob"]
    assert ask(f"{control}/log?kind=messages")["calls"][0]["recipient"] == user
    assert ask(f"{control}/state")["pending"] > 0
    assert ask(f"{control}/violations") == {"violations": []}
    assert ask(f"{control}/limits") == {"broken": []}


def test_the_control_api_says_what_is_wrong():
    with FakeWhatsApp(webhook_mode="manual") as fake:
        number, ann = fake.add_number(), fake.user("Ann")
        control = f"{fake.url}/_control"
        for path, data, status in (
            ("nothing", None, 404),
            ("act", {"act": "sings", "user": ann.phone, "number": number.id}, 400),
            ("act", {"act": "sends", "user": "1", "number": number.id}, 400),
            ("fail", {"error": "sunshine"}, 400),
        ):
            with pytest.raises(HTTPError) as refusal:
                ask(f"{control}/{path}", data)
            assert refusal.value.code == status
            refusal.value.close()
        assert ask(f"{control}/numbers", {"display": "+1 555 0177"})["id"]
        assert ask(f"{control}/templates", {"number": number.id, "name": "t", "body": "x"})["status"] == "APPROVED"
        assert ask(f"{control}/webhook", {"url": "http://127.0.0.1:9/"}) == {}
        assert ask(f"{control}/fail", {"kind": "messages", "error": 131056}) == {}
        assert ask(f"{control}/calm", {}) == {}
        request = Request(f"{control}/calm", b"{}", {"Content-Type": "text/plain"})  # noqa: S310  our own fake
        with pytest.raises(HTTPError) as refusal:
            urlopen(request)  # noqa: S310
        assert refusal.value.code == 400
        refusal.value.close()


def test_the_terminal_shows_what_the_business_writes_and_does_what_is_typed():
    written: list[str] = []
    with FakeWhatsApp(webhook_mode="manual") as fake:
        number, ann = fake.add_number(), fake.user("Ann")
        terminal = Terminal(number, ann, written.append)
        for line in ("Hello\n", ":photo\n", ":call\n", "\n", ":nonsense\n", ":help\n", ":tap Yes\n", ":read\n"):
            assert terminal.say(line)
        from tests.testing.test_whatsapp_fake import buttons, send

        assert send(fake, number, ann.phone, **buttons("Yes", "No"))[0] == 200
        terminal.show_new()
        assert written[-1] == "Shop: Well?\n  [Yes]\n  [No]\n"
        for line in (":tap Yes", ":react 👍", ":read"):
            assert terminal.say(line)
        assert not terminal.say(":quit")
        assert "no message has 'Yes'" in "".join(written)
        assert len(fake.pending()) == 8


def test_the_program_ends_with_its_input(capsys: pytest.CaptureFixture[str]):
    assert main(["--port", "0"], io.StringIO("Hello\n:quit\n")) == 0
    assert "PHONE_NUMBER_ID" in capsys.readouterr().out
