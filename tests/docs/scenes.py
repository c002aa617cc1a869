"""Set the scene a page's examples take for granted, and see afterwards that they did what the page says."""

from __future__ import annotations

import json
import threading
import time
import unittest
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from hmac import new as hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.test import Client, override_settings
from django.utils import timezone

from unicom.models import CallbackExecution, Channel, Delivery, Job, Message, Request
from unicom.platforms import http
from unicom.platforms.email import smtp
from unicom.platforms.telegram.polling import poll
from unicom.testing import FakeModel, call, drain
from unicom.testing.smtp import SmtpSink
from unicom.testing.telegram import FakeTelegram
from unicom.testing.whatsapp import FakeWhatsApp
from unicom.types import Conversation, MessageReceived, Person

Namespace = dict[str, Any]


def _visitor() -> Message:
    from unicom.inbound import ingest

    website = Channel.objects.create(name="Website", platform="WebChat")
    event = MessageReceived(
        conversation=Conversation(chat_id="webchat_of_ann", is_new=True, name="Teapots"),
        sender=Person(external_id="guest_ann", name="Ann"),
        text="Do you have teapots?",
    )
    message = ingest(website, [event])[0].message
    assert message is not None
    return message


def _with_visitor(stack: ExitStack) -> Namespace:
    return {"message": _visitor()}


def _project(stack: ExitStack) -> Namespace:
    return {"__file__": "/site/shop/settings.py"}


def _textline(stack: ExitStack) -> Namespace:
    stack.enter_context(override_settings(UNICOM_PLATFORMS={"Textline": "textline.TextlineAdapter"}))
    return {}


def _telegram(stack: ExitStack) -> Namespace:
    """Have BotFather hand out a token, on the fake, and Ann start the bot."""
    telegram = stack.enter_context(FakeTelegram())
    stack.callback(http.close)
    stack.enter_context(override_settings(UNICOM_TELEGRAM_API_URL=telegram.url))
    bot, ann = telegram.add_bot("shop_bot"), telegram.user("Ann")
    ann.start(bot)
    return {"token": bot.token, "_telegram": telegram, "_bot": bot, "_ann": ann}


def _whatsapp(stack: ExitStack) -> Namespace:
    """Have a number that Ann is going to write to, on the fake."""
    whatsapp = stack.enter_context(FakeWhatsApp(webhook_mode="manual"))
    stack.callback(http.close)
    stack.enter_context(override_settings(UNICOM_WHATSAPP_API_URL=whatsapp.url))
    number, ann = whatsapp.add_number(), whatsapp.user("Ann", phone="4915112345678")
    track = {"type": "URL", "text": "Track", "url": "https://shop.example/{{1}}"}
    ready = [
        {"type": "BODY", "text": "Order {{1}} is ready until {{2}}."},
        {"type": "BUTTONS", "buttons": [track]},
    ]
    whatsapp.add_template(number, "order_ready", components=ready)
    whatsapp.add_template(number, "hello_world", "Hello World")
    ann.sends(number, "When do you close?")
    return {
        "phone_number_id": number.id, "token": whatsapp.token, "app_secret": whatsapp.app_secret,
        "_whatsapp": whatsapp, "_number": number, "_ann": ann,
    }  # fmt: skip


def _email(stack: ExitStack) -> Namespace:
    """Have a server that takes the mail."""
    sink = stack.enter_context(SmtpSink())
    stack.callback(smtp.close)
    return {"_sink": sink}


def _open_for_mail(names: Namespace) -> None:
    """Point the channels at that server, as validating them would at their own."""
    server = {"host": "127.0.0.1", "port": names["_sink"].port, "use_ssl": False}
    for channel in Channel.objects.filter(platform="Email", active=False):
        channel.config = {"EMAIL_ADDRESS": channel.config["EMAIL_ADDRESS"], "SMTP": server}
        channel.active = True
        channel.save()
    for name, value in names.items():
        if isinstance(value, Channel):
            names[name].refresh_from_db()


def _email_went_out(names: Namespace) -> None:
    drain()
    assert names["reply"].subject == "Re: Team Update"
    assert [mail.message["Subject"] for mail in names["_sink"].mails] == [
        "Welcome!", *["Team Update"] * 3, "Re: Team Update", "Re: Team Update",
    ]  # fmt: skip


def _model(stack: ExitStack) -> Namespace:
    """Have a visitor, and a model that calls the page's tools once each."""
    told: set[str] = set()

    def reply(prompt: Any) -> Any:
        arguments: dict[str, dict[str, Any]] = {
            "stock": {"item": "teapot"}, "set_reminder": {"text": "tea", "delay_hours": 2},
        }  # fmt: skip
        for tool in prompt.tools:
            if tool["name"] not in told:
                told.add(tool["name"])
                return call(tool["name"], **arguments[tool["name"]])
        return "We have two teapots."

    stack.enter_context(FakeModel(otherwise=reply))
    return {"message": _visitor()}


BEFORE: dict[str, Callable[[ExitStack], Namespace]] = {
    "sending.md": _with_visitor,
    "templates.md": _with_visitor,
    "drafts.md": _with_visitor,
    "buttons.md": _with_visitor,
    "telegram.md": _telegram,
    "whatsapp.md": _whatsapp,
    "email.md": _email,
    "quickstart.md": _project,
    "llm.md": _model,
    "adding-a-platform.md": _textline,
}


def _take_in(names: Namespace) -> None:
    """Let Ann write once there is somebody to answer, and the bot fetch what she wrote."""
    if callable(names.get("answer")) and not names["_ann"].inbox(names["_bot"]):
        names["_ann"].sends(names["_bot"], "Hello")
    if "channel" in names:
        poll(names["channel"], once=True)
        _deliver()


def _deliver() -> None:
    deadline = time.monotonic() + 20
    while drain() or Delivery.objects.filter(state="queued").exists():  # one a second is Telegram's pace
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _post(names: Namespace) -> None:
    def post(headers: dict[str, str], body: bytes) -> int:
        answer = Client().post("/unicom/whatsapp", body, content_type="application/json", headers=headers)
        return int(answer.status_code)

    assert set(names["_whatsapp"].deliver(post)) <= {200}
    drain()


# What somebody else does meanwhile, after each of a page's examples.
MEANWHILE: dict[str, Callable[[Namespace], None]] = {
    "telegram.md": _take_in,
    "whatsapp.md": _post,
    "email.md": _open_for_mail,
}


def _readme(names: Namespace) -> None:
    asked = names["warehouse"].receive_message({"sender": "packing", "chat": "orders", "text": "And 1049?"})
    drain()
    assert Message.objects.get(reply_to_message=asked).text == "You said: And 1049?"
    assert Request.objects.get(message=asked).status == "COMPLETED"
    names["warehouse"].receive_message(
        {"sender": "packing", "chat": "orders", "button": CallbackExecution.objects.get(text="Yes").pk}
    )
    drain()
    names["question"].refresh_from_db()
    assert names["question"].text == "Order 1048 goes out today."


def _quickstart(names: Namespace) -> None:
    sent = Client().post("/unicom/webchat/send/", {"text": "Hi"}).json()
    drain()
    assert Message.objects.get(chat_id=sent["chat_id"], is_outgoing=True).text == "You said: Hi"
    assert names["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def _receiving(names: Namespace) -> None:
    Job.objects.filter(state="queued").update(next_attempt_at=timezone.now())
    drain()
    assert Message.objects.filter(text="Only once, please").count() == 1
    assert len(names["calls"]) == 2
    assert Request.objects.get(message=names["question"]).metadata == {"queue": "teapots"}


def _buttons(names: Namespace) -> None:
    from unicom.inbound import click

    offer = names["offer"]
    for label in ("No", "Yes"):
        button = CallbackExecution.objects.get(text=label)
        click(offer.channel, names["message"].sender, button.pk)
        drain()
    offer.refresh_from_db()
    assert offer.text == "Product 123 is yours."
    assert Message.objects.filter(reply_to_message=offer, text="Maybe another time.").count() == 1


def _whatsapp_after(names: Namespace) -> None:
    arrived = [message.text for message in names["_ann"].inbox(names["_number"])]
    assert arrived[:3] == ["We are open until six.", "", "Your teapot has arrived."]
    assert names["_whatsapp"].log.sent()[-1].text == names["order"].text
    names["answer"].refresh_from_db()
    assert names["answer"].delivered
    assert names["_whatsapp"].violations == []


def _testing(names: Namespace) -> None:
    cases = unittest.defaultTestLoader.loadTestsFromTestCase(names["AnswerTests"])
    outcome = unittest.TestResult()
    cases.run(outcome)
    assert outcome.testsRun == 2
    assert outcome.wasSuccessful(), [text for _, text in [*outcome.errors, *outcome.failures]]


def _signals(names: Namespace) -> None:
    assert "alarm" in names


def _adding_a_platform(names: Namespace) -> None:
    """Play the gateway over real HTTP: a signed message in, an answer out, a receipt."""
    taken: list[dict[str, Any]] = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = json.dumps({"id": f"out-{len(taken)}"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    def post(payload: dict[str, Any], key: str = "s3cret") -> int:
        body = json.dumps(payload).encode()
        signature = hmac(key.encode(), body, sha256).hexdigest()
        path = f"/unicom/webhook/Textline/{names['channel'].pk}/"
        return Client().post(path, body, "application/json", headers={"X-Textline-Signature": signature}).status_code

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    channel = names["channel"]
    try:
        channel.config = {**channel.config, "API_URL": f"http://127.0.0.1:{server.server_port}"}
        channel.save()
        assert channel.active, channel.error
        incoming = {"event": "message", "id": "in-1", "from": "+4687550100", "text": "Hello"}
        assert post(incoming, key="wrong") == 403
        assert [post(incoming), post(incoming), post({"event": "typing", "id": "x"})] == [200, 200, 200]
        message = Message.objects.get()
        answer = message.reply_with({"text": "Hello back"})
        assert taken == [{"from": "+31612345678", "to": "+4687550100", "text": "Hello back"}]
        assert post({"event": "delivered", "id": "out-1"}) == 200
        answer.refresh_from_db()
        assert answer.status == "delivered"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        http.close()


def _telegram_said(names: Namespace) -> None:
    shown = names["_ann"].inbox(names["_bot"])
    assert [item.text for item in shown] == ["You said: Hello", "We go on.", "We are here:", ""]
    assert "location" in shown[-1].json
    names["answer"].refresh_from_db()
    assert (names["answer"].text, names["answer"].sent) == ("We go on.", True)
    assert (names["health"].problems, Message.objects.filter(status="failed").count()) == ((names["channel"].note,), 0)
    assert names["_telegram"].violations == []


def _llm(names: Namespace) -> None:
    assert names["logged"].raw["tool_response"]["result"] == "Reminder: tea"
    names["child_request"].refresh_from_db()
    assert names["child_request"].status == "COMPLETED"
    assert Message.objects.filter(is_outgoing=True, text="We have two teapots.").count() == 4
    roles = [item["role"] for item in names["conversation"]]
    assert {"user", "assistant", "tool"} == set(roles)


AFTER: dict[str, Callable[[Namespace], None]] = {
    "email.md": _email_went_out,
    "README.md": _readme,
    "llm.md": _llm,
    "quickstart.md": _quickstart,
    "receiving.md": _receiving,
    "buttons.md": _buttons,
    "testing.md": _testing,
    "telegram.md": _telegram_said,
    "signals.md": _signals,
    "adding-a-platform.md": _adding_a_platform,
    "whatsapp.md": _whatsapp_after,
}
