"""Hold templates: read and kept, changed by webhooks, filled in with every value checked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from unicom.errors import InvalidMessage
from unicom.models import Job, Message, PlatformTemplate, Suppression
from unicom.signals import button_clicked
from unicom.testing.draining import drain
from unicom.testing.whatsapp import SAMPLE_PNG

BODY = {"type": "BODY", "text": "Order {{1}} for {{2}} is ready."}
NAMED = {"type": "BODY", "text": "Dear {{name}}, see you at {{time}}."}
IMAGE = {"type": "HEADER", "format": "IMAGE"}
TITLE = {"type": "HEADER", "format": "TEXT", "text": "Hello {{1}}"}
FOOTER = {"type": "FOOTER", "text": "Tea & Co."}
BUTTONS = {
    "type": "BUTTONS",
    "buttons": [
        {"type": "QUICK_REPLY", "text": "Stop"},
        {"type": "URL", "text": "Track", "url": "https://tea.example/{{1}}"},
        {"type": "COPY_CODE", "text": "Copy"},
    ],
}


@pytest.fixture
def number(whatsapp):
    """Return a number with templates."""
    number = whatsapp.add_number()
    whatsapp.add_template(number, "hello_world", "Hello World")
    whatsapp.add_template(number, "order", components=[TITLE, BODY, FOOTER])
    whatsapp.add_template(number, "visit", components=[NAMED])
    whatsapp.add_template(number, "picture", components=[IMAGE, {"type": "BODY", "text": "Look"}])
    whatsapp.add_template(number, "deal", components=[BODY, BUTTONS], category="MARKETING")
    for language in ("de", "en_US"):
        whatsapp.add_template(number, "greeting", "Hi", language=language)
    return number


def send(channel: Any, ann: Any, template: Any, **more: Any) -> Any:
    """Send a template and have it delivered."""
    message = channel.send_message({"chat_id": ann.phone, "template": template, **more})
    drain()
    message.refresh_from_db()
    assert message.status == "sent", message.error
    return message


def problems(channel: Any, ann: Any, template: Any, **more: Any) -> dict[str, str]:
    """Return what is said against a template; nothing may be saved."""
    with pytest.raises(InvalidMessage) as refusal:
        channel.send_message({"chat_id": ann.phone, "template": template, **more})
    assert not Message.objects.exists()
    return refusal.value.problems


def test_wa24_templates_are_read_when_the_channel_is_validated_page_by_page(channel, whatsapp, number, ann):
    assert PlatformTemplate.objects.filter(channel=channel).count() == 7
    row = PlatformTemplate.objects.get(name="visit")
    assert (row.status, row.category, row.parameter_format) == ("approved", "utility", "named")
    for count in range(120):
        whatsapp.add_template(number, f"extra_{count}", "x")
    assert channel.validate()
    drain()
    assert PlatformTemplate.objects.filter(channel=channel).count() == 127


def test_wa24_what_is_gone_at_whatsapp_is_gone_here(channel, number):
    number.account.templates[:] = [row for row in number.account.templates if row["name"] != "order"]
    assert channel.validate()
    drain()
    assert not PlatformTemplate.objects.filter(name="order").exists()


def test_wa24_a_webhook_changes_a_templates_status_at_once(channel, whatsapp, number, ann, deliver):
    whatsapp.change_template(number, "hello_world", "PAUSED", reason="LOW_QUALITY")
    assert deliver() == [200]
    row = PlatformTemplate.objects.get(name="hello_world")
    assert (row.status, row.reason) == ("paused", "LOW_QUALITY")
    assert "paused" in problems(channel, ann, "hello_world")["template"]
    whatsapp.change_template(number, "hello_world", "APPROVED")
    deliver()
    send(channel, ann, "hello_world")


def test_wa24_quality_and_category_follow_too(channel, whatsapp, number, deliver):
    named = {"message_template_id": 1, "message_template_name": "order", "message_template_language": "en_US"}
    whatsapp.world.post_account(
        number.account, "message_template_quality_update", {**named, "new_quality_score": "YELLOW"}
    )
    whatsapp.world.post_account(number.account, "template_category_update", {**named, "new_category": "MARKETING"})
    assert deliver() == [200, 200]
    row = PlatformTemplate.objects.get(name="order")
    assert (row.quality, row.category) == ("yellow", "marketing")


def test_wa24_after_a_day_they_are_read_again(channel, ann):
    PlatformTemplate.objects.update(synced_at=timezone.now() - timedelta(hours=25))
    Job.objects.filter(kind="templates").delete()
    send(channel, ann, "hello_world")
    assert Job.objects.filter(kind="templates").exists()


def test_wa24_positional_values_fill_body_and_header(channel, number, ann, whatsapp):
    message = send(channel, ann, {"name": "order", "header": "Ann", "parameters": ["42", 3]})
    assert message.text == "Hello Ann\n\nOrder 42 for 3 is ready.\n\nTea & Co."
    assert whatsapp.log.sent()[-1].text == message.text
    assert message.raw["template"]["name"] == "order"


def test_wa24_named_values(channel, ann, whatsapp):
    send(channel, ann, {"name": "visit", "parameters": {"time": "noon", "name": "Ann"}})
    assert whatsapp.log.sent()[-1].text == "Dear Ann, see you at noon."


def test_wa24_a_file_or_a_link_is_the_header(channel, number, ann, tmp_path: Path):
    path = tmp_path / "tea.png"
    path.write_bytes(SAMPLE_PNG)
    send(channel, ann, "picture", file_path=str(path))
    header = ann.last(number).payload["template"]["components"][0]
    assert (header["type"], set(header["parameters"][0]["image"])) == ("header", {"id"})
    send(channel, ann, {"name": "picture", "header": "https://tea.example/pot.png"})
    header = ann.last(number).payload["template"]["components"][0]
    assert header["parameters"][0]["image"] == {"link": "https://tea.example/pot.png"}


def test_wa24_buttons_take_values_and_quick_replies_call_back(channel, number, ann, deliver):
    told = []

    def receiver(sender, callback_execution, **kwargs):
        told.append(callback_execution.callback_data)

    button_clicked.connect(receiver)
    try:
        send(
            channel, ann, {"name": "deal", "parameters": ["1", "2"], "buttons": {"Track": "42", "Copy": "TEA10"}},
            buttons=[[{"text": "Stop", "callback_data": {"stop": True}}]],
        )  # fmt: skip
        parts = {
            part.get("sub_type"): part["parameters"][0] for part in ann.last(number).payload["template"]["components"]
        }
        assert parts["url"] == {"type": "text", "text": "42"}
        assert parts["copy_code"] == {"type": "coupon_code", "coupon_code": "TEA10"}
        ann.taps(number, ann.last(number), "Stop")
        deliver()
    finally:
        button_clicked.disconnect(receiver)
    assert told == [{"stop": True}]


def test_wa24_the_language_is_asked_for_where_there_are_several(channel, number, ann):
    assert "de, en_US" in problems(channel, ann, "greeting")["template.language"]
    assert "de, en_US" in problems(channel, ann, {"name": "greeting", "language": "fr"})["template.language"]
    send(channel, ann, {"name": "greeting", "language": "de"})
    assert ann.last(number).payload["template"]["language"] == {"code": "de"}


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("nothing", "template"),
        (3, "template"),
        ({}, "template"),
        ({"name": ""}, "template"),
        ({"name": "hello_world", "parameters": ["x"]}, "template.parameters"),
        ({"name": "hello_world", "parameters": {"x": 1}}, "template.parameters.x"),
        ({"name": "hello_world", "header": "x"}, "template.header"),
        ({"name": "hello_world", "wrong": 1, "worse": 2}, "template.wrong template.worse"),
        ({"name": "order"}, "template.parameters template.header"),
        ({"name": "order", "header": "Ann", "parameters": ["1"]}, "template.parameters"),
        ({"name": "order", "header": "Ann", "parameters": ["", None]}, "template.parameters.1 template.parameters.2"),
        (
            {"name": "order", "header": "Ann", "parameters": ["a\nb", "a\tb"]},
            "template.parameters.1 template.parameters.2",
        ),
        ({"name": "order", "header": "Ann", "parameters": "12"}, "template.parameters"),
        (
            {"name": "visit", "parameters": {"name": "Ann", "day": 1}},
            "template.parameters.time template.parameters.day",
        ),
        ({"name": "picture"}, "template.header"),
        ({"name": "deal", "parameters": ["1", "2"]}, "template.buttons.Track template.buttons.Copy"),
        (
            {"name": "deal", "parameters": ["1", "2"], "buttons": {"Track": "1", "Copy": "2", "Fly": "3"}},
            "template.buttons.Fly",
        ),
    ],
    ids=str,
)
def test_wa24_every_wrong_value_is_named_at_once_and_nothing_saved(channel, ann, template, wrong):
    found = problems(channel, ann, template)
    assert set(found) == set(wrong.split())
    assert all(found.values())


def test_wa24_the_file_has_to_be_of_the_headers_kind(channel, ann, tmp_path: Path):
    path = tmp_path / "note.txt"
    path.write_text("x")
    assert "image" in problems(channel, ann, "picture", file_path=str(path))["file_path"]
    assert set(problems(channel, ann, "hello_world", file_path=str(path))) == {"file_path"}


def test_a_template_has_no_text_beside_it(channel, ann):
    assert set(problems(channel, ann, "hello_world", text="and this")) == {"text"}


def test_wa13_marketing_is_not_sent_to_who_has_stopped_it(channel, number, ann, whatsapp, deliver):
    ann.sends(number, "Hello")
    ann.stops_marketing(number)
    deliver()
    assert Suppression.objects.get().scope == "marketing"
    Message.objects.all().delete()
    deal = {"name": "deal", "parameters": ["1", "2"], "buttons": {"Track": "42", "Copy": "TEA10"}}
    assert "stopped marketing" in problems(channel, ann, deal)["template"]
    send(channel, ann, "hello_world")
    ann.stops_marketing(number, stop=False)
    deliver()
    send(channel, ann, deal)


def test_without_a_single_template_the_refusal_says_how_to_get_them(db, whatsapp, ann):
    from tests.platforms.whatsapp.conftest import make_channel

    channel = make_channel(whatsapp, whatsapp.add_number())
    assert "validate the channel" in problems(channel, ann, "hello_world")["template"]


@pytest.mark.parametrize("code", [132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016])
def test_wa13_an_error_of_a_template_fails_with_its_sentence(channel, ann, whatsapp, code):
    whatsapp.fail("messages", error=code)
    message = channel.send_message({"chat_id": ann.phone, "template": "hello_world"})
    drain()
    message.refresh_from_db()
    assert (message.status, message.deliveries.get().error_code) == ("failed", str(code))
    assert "template" in message.error
