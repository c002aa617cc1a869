"""The fake Cloud API is as strict as the real one, tells what happened, and plays people."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from unicom.testing.whatsapp import SAMPLE_PNG, Disorder, FakeNumber, FakeUser, FakeWhatsApp, WebhookPolicy, faults

pytestmark = pytest.mark.once


@pytest.fixture
def whatsapp() -> Iterator[FakeWhatsApp]:
    with FakeWhatsApp(webhook_mode="manual") as fake:
        yield fake


@pytest.fixture
def number(whatsapp: FakeWhatsApp) -> FakeNumber:
    return whatsapp.add_number()


@pytest.fixture
def ann(whatsapp: FakeWhatsApp, number: FakeNumber) -> FakeUser:
    user = whatsapp.user("Ann")
    user.sends(number, "Hello")
    return user


def call(fake: FakeWhatsApp, verb: str, path: str, data: Any = None, *, token: str | None = None) -> tuple[int, Any]:
    """Make a call as any client would."""
    connection = http.client.HTTPConnection(fake.url.removeprefix("http://"), timeout=5)
    headers = {"Authorization": f"Bearer {fake.token if token is None else token}", "Content-Type": "application/json"}
    try:
        connection.request(verb, f"/v26.0/{path}", None if data is None else json.dumps(data), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def send(fake: FakeWhatsApp, number: FakeNumber, person: str, **message: Any) -> tuple[int, Any]:
    """Send a message, a text unless it says otherwise."""
    whole = {"messaging_product": "whatsapp", "to": person, "type": "text", "text": {"body": "Hi"}, **message}
    return call(fake, "POST", f"{number.id}/messages", whole)


def statuses(fake: FakeWhatsApp) -> list[tuple[str, Any]]:
    """Return the statuses that wait to be told, with the codes of their errors."""
    values = [json.loads(item.body)["entry"][0]["changes"][0]["value"] for item in fake.pending()]
    rows = [row for value in values for row in value.get("statuses", [])]
    return [(row["status"], (row.get("errors") or [{}])[0].get("code")) for row in rows]


def test_a_message_is_accepted_and_its_way_is_told(whatsapp, number, ann):
    status, answer = send(whatsapp, number, ann.phone, biz_opaque_callback_data="17")
    assert status == 200
    assert answer["contacts"] == [{"input": ann.phone, "wa_id": ann.phone, "user_id": ann.user_id(number)}]
    assert ann.last(number).wamid == answer["messages"][0]["id"]
    assert statuses(whatsapp) == [("sent", None), ("delivered", None)]
    assert whatsapp.log.sent_texts(ann.phone) == ["Hi"]
    told = json.loads(whatsapp.pending()[-1].body)["entry"][0]["changes"][0]["value"]["statuses"][0]
    assert (told["biz_opaque_callback_data"], told["recipient_user_id"]) == ("17", ann.user_id(number))
    assert whatsapp.violations == []


def test_a_token_that_is_not_the_apps_is_190(whatsapp, number, ann):
    status, answer = call(whatsapp, "GET", number.id, token="wrong")
    assert (status, answer["error"]["code"]) == (401, 190)
    assert "wrong" not in str(whatsapp.log.calls()[-1])


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"messaging_product": "telegram"}, 100),
        ({"type": "carrier_pigeon"}, 131051),
        ({"type": "image"}, 131008),
        ({"text": {"body": ""}}, 131008),
        ({"text": {"body": "  "}}, 131008),
        ({"text": {"body": "x" * 4097}}, 100),
        ({"text": {"body": "😀" * 2049}}, 100),
        ({"text": {"body": 3}}, 100),
        ({"to": ""}, 131008),
        ({"to": "Ann"}, 100),
        ({"context": {"message_id": 3}}, 131008),
        ({"biz_opaque_callback_data": "x" * 513}, 100),
        ({"type": "image", "image": {"id": "1", "link": "https://a.example"}}, 100),
        ({"type": "image", "image": {"id": "999"}}, 100),
        ({"type": "audio", "audio": {"link": "https://a.example", "caption": "x"}}, 100),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 100),
        ({"type": "contacts", "contacts": []}, 131008),
        ({"type": "reaction", "reaction": {"emoji": "x"}}, 131008),
        ({"type": "template", "template": {"name": "nothing", "language": {"code": "en_US"}}}, 132001),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_the_api_would_refuse_is_refused(whatsapp, number, ann, message, code):
    status, answer = send(whatsapp, number, ann.phone, **message)
    assert (status >= 400, answer["error"]["code"]) == (True, code), answer
    assert ann.inbox(number) == []
    assert whatsapp.log.calls("messages")[-1].code == code


def buttons(*titles: str, ids: list[str] | None = None, body: str = "Well?") -> dict[str, Any]:
    """Return an interactive message with reply buttons."""
    shown = [
        {"type": "reply", "reply": {"id": (ids or list(titles))[at], "title": title}} for at, title in enumerate(titles)
    ]
    return {
        "type": "interactive",
        "interactive": {"type": "button", "body": {"text": body}, "action": {"buttons": shown}},
    }


@pytest.mark.parametrize(
    "message",
    [
        buttons("A", "B", "C", "D"), buttons("x" * 21), buttons("A", "A", ids=["1", "2"]),
        buttons("A", "B", ids=["1", "1"]),
        buttons("A", body="x" * 1025), buttons("A", body=""), buttons("A", ids=["x" * 257]), buttons(),
    ],
    ids=["four", "long", "same title", "same id", "body", "no body", "id", "none"],
)  # fmt: skip
def test_the_limits_of_buttons_are_kept(whatsapp, number, ann, message):
    assert send(whatsapp, number, ann.phone, **message)[0] == 400
    assert send(whatsapp, number, ann.phone, **buttons("A", "B", "C"))[0] == 200


@pytest.mark.parametrize(
    "rows", [[], [{"id": "1", "title": "x" * 25}], [{"id": str(n), "title": "A"} for n in range(11)]]
)
def test_the_limits_of_lists_are_kept(whatsapp, number, ann, rows):
    action = {"button": "Choose", "sections": [{"rows": rows}]}
    interactive = {"type": "list", "body": {"text": "Which?"}, "action": action}
    assert send(whatsapp, number, ann.phone, type="interactive", interactive=interactive)[0] == 400


def test_what_a_careful_client_does_not_send_is_a_violation(whatsapp, number, ann):
    assert send(whatsapp, number, ann.phone, surprise=1)[0] == 200
    assert [str(item) for item in whatsapp.violations] == [f"{number.id}/messages: unknown parameter 'surprise'"]


def test_outside_the_window_a_text_is_accepted_and_fails_with_131047(whatsapp, number, ann):
    whatsapp.add_template(number, "hello", "Hello {{1}}")
    whatsapp.close_window(number, ann)
    assert send(whatsapp, number, ann.phone)[0] == 200
    assert statuses(whatsapp) == [("failed", 131047)]
    assert ann.inbox(number) == []
    value = {"type": "body", "parameters": [{"type": "text", "text": "Ann"}]}
    template = {"name": "hello", "language": {"code": "en_US"}, "components": [value]}
    assert send(whatsapp, number, ann.phone, type="template", template=template)[0] == 200
    assert whatsapp.log.sent_texts(ann.phone)[-1] == "Hello Ann"


def test_whom_a_test_number_may_write_to_is_checked(whatsapp, number, ann):
    number.state.allowed = {"4917000000001"}
    assert send(whatsapp, number, ann.phone)[1]["error"]["code"] == 131030


def test_somebody_who_is_not_there_fails_with_131026(whatsapp, number, ann):
    assert send(whatsapp, number, "4917000000009")[0] == 200
    ann.person.away = True
    assert send(whatsapp, number, ann.phone)[0] == 200
    assert statuses(whatsapp) == [("failed", 131026)] * 2


@pytest.mark.parametrize(
    ("name", "status"), [("500", 500), ("503", 503), (131056, 429), (190, 401), ({"code": 4}, 400)]
)
def test_a_scripted_fault_happens_once_and_does_nothing(whatsapp, number, ann, name, status):
    whatsapp.fail("messages", error=name, recipient=ann.phone)
    connection = http.client.HTTPConnection(whatsapp.url.removeprefix("http://"), timeout=5)
    headers = {"Authorization": f"Bearer {whatsapp.token}", "Content-Type": "application/json"}
    body = json.dumps({"messaging_product": "whatsapp", "to": ann.phone, "text": {"body": "Hi"}})
    connection.request("POST", f"/v26.0/{number.id}/messages", body, headers)
    assert connection.getresponse().status == status
    connection.close()
    assert ann.inbox(number) == []
    assert send(whatsapp, number, ann.phone)[0] == 200
    assert len(whatsapp.log.faults()) == 1


def test_a_connection_may_break_after_the_effect(whatsapp, number, ann):
    whatsapp.fail("messages", error=faults.drop_after())
    with pytest.raises((http.client.HTTPException, OSError)):
        send(whatsapp, number, ann.phone)
    assert [item.text for item in ann.inbox(number)] == ["Hi"]
    with pytest.raises(ValueError, match="neither an error code"):
        whatsapp.fail("messages", error="sunshine")


def test_a_pace_that_is_too_quick_is_refused_and_found_in_the_log():
    with FakeWhatsApp(webhook_mode="manual", enforce_limits=True) as fake:
        number, ann = fake.add_number(), fake.user("Ann")
        codes = [send(fake, number, ann.phone)[1].get("error", {}).get("code") for _ in range(46)]
    assert codes == [None] * 45 + [131056]
    with FakeWhatsApp(webhook_mode="manual") as fake:
        number, ann = fake.add_number(), fake.user("Ann")
        for _ in range(46):
            send(fake, number, ann.phone)
        assert [item.scope.kind for item in fake.log.broken_limits()] == ["pair"]


def test_files_are_uploaded_looked_up_and_run_out(whatsapp, number, ann):
    sent = ann.sends_image(number, SAMPLE_PNG)
    media_id = sent.payload["image"]["id"]
    status, described = call(whatsapp, "GET", f"{media_id}?phone_number_id={number.id}")
    assert (status, described["sha256"]) == (200, hashlib.sha256(SAMPLE_PNG).hexdigest())
    assert call(whatsapp, "GET", f"{media_id}?phone_number_id=1")[1]["error"]["code"] == 100
    whatsapp.expire_media()
    assert call(whatsapp, "GET", media_id)[1]["error"]["error_subcode"] == 33
    assert call(whatsapp, "GET", "12345")[1]["error"]["error_subcode"] == 33


def test_a_secret_proves_itself(whatsapp, number):
    proof = hmac.new(whatsapp.app_secret.encode(), whatsapp.token.encode(), hashlib.sha256).hexdigest()
    assert call(whatsapp, "GET", f"{number.id}?appsecret_proof={proof}")[0] == 200
    assert call(whatsapp, "GET", f"{number.id}?appsecret_proof=00")[1]["error"]["code"] == 100


def test_templates_come_a_page_at_a_time_and_can_be_made(whatsapp, number):
    for count in range(3):
        whatsapp.add_template(number, f"t{count}", "x")
    path = f"{number.account.id}/message_templates"
    first = call(whatsapp, "GET", f"{path}?limit=2")[1]
    rest = call(whatsapp, "GET", f"{path}?limit=2&after={first['paging']['cursors']['after']}")[1]
    assert [row["name"] for row in (*first["data"], *rest["data"])] == ["t0", "t1", "t2"]
    assert "next" in first["paging"]
    assert "next" not in rest["paging"]
    made = {"name": "new", "language": "en", "category": "UTILITY", "components": [{"type": "BODY", "text": "x"}]}
    assert call(whatsapp, "POST", path, made)[1]["status"] == "PENDING"
    assert call(whatsapp, "POST", path, {"name": "new"})[1]["error"]["code"] == 131008


class Receiver(BaseHTTPRequestHandler):
    """Take webhooks, refusing the first."""

    got: list[tuple[str, bytes]]
    answers: list[int]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.headers["X-Hub-Signature-256"], body))
        self.send_response(self.answers.pop() if self.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    Receiver.got, Receiver.answers = [], [503]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_webhooks_are_posted_signed_three_times_and_again_until_they_are_taken(receiver):
    disorder, policy = Disorder(copies=3, shuffle_seconds=0.05, seed=3), WebhookPolicy(first_delay=1.0)
    with FakeWhatsApp(disorder=disorder, webhook_policy=policy, time_scale=0.01) as fake:
        fake.webhook_url = f"http://127.0.0.1:{receiver.server_port}/hook"
        number, ann = fake.add_number(), fake.user("Ann")
        ann.sends(number, "one")
        ann.sends(number, "two")
        assert fake.settle()
        assert fake.violations == []
        secret = fake.app_secret.encode()
        assert len(fake.log.deliveries()) == 7
    assert len(Receiver.got) == 7
    for signature, body in Receiver.got:
        assert signature == f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def test_with_latency_a_status_is_told_before_the_call_is_answered(receiver):
    Receiver.answers = []
    with FakeWhatsApp(latency=0.2) as fake:
        fake.webhook_url = f"http://127.0.0.1:{receiver.server_port}/hook"
        number, ann = fake.add_number(), fake.user("Ann")
        ann.sends(number, "Hello")
        assert fake.settle()
        before = len(Receiver.got)
        told: list[int] = []
        thread = threading.Thread(target=lambda: told.append(send(fake, number, ann.phone)[0]))
        thread.start()
        assert fake.log.wait_for(lambda log: len(log.deliveries()) > before)
        assert told == [], "the sender does not know yet"
        thread.join()
    assert told == [200]
