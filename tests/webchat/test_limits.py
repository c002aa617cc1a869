"""What one visitor or one address may do in a while is bounded, exactly, and the answer says when to come again."""

from __future__ import annotations

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured

from tests.pipeline.conftest import PNG
from tests.webchat.conftest import Visitor, click
from unicom.checks import check_settings
from unicom.conf import settings as unicom_settings
from unicom.models import Account, Chat, Message
from unicom.platforms.webchat import limiting

pytestmark = pytest.mark.django_db


def refused(response) -> int:
    """Return for how many seconds a refusal asks to wait."""
    assert response.status_code == 429, response.content
    assert response.json().keys() == {"error"}
    return int(response["Retry-After"])


def test_too_many_messages_are_429_with_the_waiting_time(visitor, settings):
    """Exactly as many as the limit says, and one more after a while."""
    settings.UNICOM_VISITOR_LIMITS = {"messages": (3, 60)}
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        chat_id = visitor.say("1")["chat_id"]
        visitor.say("2", chat_id=chat_id)
        visitor.say("3", chat_id=chat_id)
        assert refused(visitor.send("4", chat_id=chat_id)) == 20
        assert "at most 3 messages in a minute" in visitor.send("4", chat_id=chat_id).json()["error"]
        clock.shift(19)
        assert refused(visitor.send("4", chat_id=chat_id)) == 1
        clock.shift(1)
        visitor.say("4", chat_id=chat_id)
        assert refused(visitor.send("5", chat_id=chat_id)) == 20
        clock.shift(3600)
        for number in range(3):
            visitor.say(str(number), chat_id=chat_id)
        refused(visitor.send("x", chat_id=chat_id))
    assert Message.objects.count() == 7


def test_one_visitor_s_haste_is_not_another_s(guest, stranger, settings):
    """Each account has its own count."""
    settings.UNICOM_VISITOR_LIMITS = {"messages": (1, 60)}
    guest.say()
    refused(guest.send("again"))
    stranger.send("hello")
    assert stranger.send("hello").status_code in (200, 429)
    Visitor().say("hello")


def test_a_repeat_of_what_was_taken_is_answered_over_the_limit_too(guest, settings):
    """It makes nothing, so it is no haste."""
    settings.UNICOM_VISITOR_LIMITS = {"messages": (1, 60)}
    first = guest.say("hello", client_msg_id="c1")
    assert guest.say("hello", client_msg_id="c1")["message"]["id"] == first["message"]["id"]
    refused(guest.send("hello", client_msg_id="c2"))


def test_new_chats_files_clicks_and_searches_have_limits_of_their_own(guest, settings, drain):
    """Files by their bytes."""
    settings.UNICOM_VISITOR_LIMITS = {
        "chats": (2, 60), "upload_bytes": (len(PNG) * 2, 60), "clicks": (1, 60), "searches": (1, 60),
    }  # fmt: skip
    chat_id = guest.say()["chat_id"]
    guest.say()
    refused(guest.send("a third chat"))
    assert guest.upload(PNG, "a.png", "image/png", chat_id=chat_id).status_code == 200
    assert guest.upload(PNG, "a.png", "image/png", chat_id=chat_id).status_code == 200
    refused(guest.upload(PNG, "a.png", "image/png", chat_id=chat_id))
    carrier = Chat.objects.get(pk=chat_id).send_message({"text": "?", "buttons": [[{"text": "A", "callback_data": 1}]]})
    drain()
    assert click(guest, carrier).status_code == 200
    refused(click(guest, carrier))
    assert guest.get("search/", q="hello").status_code == 200
    refused(guest.get("search/", q="hello"))


def test_a_file_larger_than_a_day_s_share_is_refused_with_a_time(guest, settings):
    """It never fits; the answer is still a number."""
    settings.UNICOM_VISITOR_LIMITS = {"upload_bytes": (10, 60)}
    assert refused(guest.upload(PNG, "a.png", "image/png")) >= 1
    assert not Message.objects.exists()


def test_ten_thousand_guests_from_one_address_are_bounded(web, settings):
    """By the address the proxy names; another address is not in their way, nor is a guest who is known."""
    settings.UNICOM_VISITOR_LIMITS = {"guests": (3, 3600)}
    settings.UNICOM_CLIENT_ADDRESS_HEADER = "X-Forwarded-For"

    def arrive(address: str, browser: Visitor | None = None):
        return (browser or Visitor()).call("post", "send/", {"text": "hi"}, headers={"x-forwarded-for": address})

    known = Visitor()
    assert arrive("1.1.1.1, 203.0.113.7", known).status_code == 200
    assert [arrive("203.0.113.7").status_code for _ in range(4)] == [200, 200, 429, 429]
    assert arrive("203.0.113.7, 203.0.113.8").status_code == 200, (
        "what the visitor writes to the left counts for nothing"
    )
    assert arrive("203.0.113.7", known).status_code == 200
    assert [arrive(f"2001:db8:1:2::{n}").status_code for n in range(4)] == [200, 200, 200, 429], (
        "one network, one house"
    )
    assert Account.objects.count() == 3 + 1 + 3


@pytest.mark.parametrize(
    ("address", "bounded"), [("8.8.8.8", True), ("127.0.0.1", False), ("10.0.0.9", False), ("", False), ("x", False)]
)
def test_without_a_header_only_a_public_address_counts(web, settings, address, bounded):
    """Any other is a proxy of ours, and everybody comes through it."""
    settings.UNICOM_VISITOR_LIMITS = {"guests": (1, 3600)}
    statuses = [
        Visitor().client.post("/unicom/webchat/send/", {"text": "hi"}, REMOTE_ADDR=address).status_code
        for _ in range(2)
    ]
    assert statuses == [200, 429 if bounded else 200]


def test_a_limit_of_none_is_lifted_and_the_others_keep_their_defaults(guest, settings):
    """``UNICOM_VISITOR_LIMITS``."""
    settings.UNICOM_VISITOR_LIMITS = {"messages": None, "chats": None}
    for _ in range(70):
        limiting.take("messages", "somebody")
    assert set(unicom_settings.visitor_limits) == {"upload_bytes", "clicks", "searches", "guests"}


@pytest.mark.parametrize(
    "value", [{"mesages": (1, 1)}, {"messages": 5}, {"messages": (0, 1)}, {"messages": ("a", 1)}, 5]
)
def test_a_limit_nobody_understands_is_named(settings, value):
    """With what would be right."""
    settings.UNICOM_VISITOR_LIMITS = value
    assert [problem.id for problem in check_settings()] == ["unicom.E006"]
    with pytest.raises(ImproperlyConfigured, match=r"UNICOM_VISITOR_LIMITS: .*\(count, seconds\)"):
        unicom_settings.UNICOM_VISITOR_LIMITS  # noqa: B018  reading it checks it


def test_text_and_files_of_any_size_are_answered_clearly(guest, settings):
    """2 MB of text, 30 MB and 101 MB of file: a sentence, and nothing stored."""
    response = guest.send("x" * 2_000_000)
    assert response.status_code == 400 and "1,500,000 characters" in response.json()["error"]
    assert guest.send("x" * 3_000_000).status_code == 413
    big = guest.client.post(
        "/unicom/webchat/send/", b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH=101 * 1024 * 1024
    )
    assert big.status_code == 413 and "20,971,520" in big.json()["error"]
    settings.UNICOM_MAX_UPLOAD_BYTES = 2_000_000
    assert guest.upload(b"%PDF-" + b"x" * 2_500_000, "a.pdf").status_code == 400
    assert not Message.objects.exists()
    assert guest.say("x" * 1_500_000)["success"]
