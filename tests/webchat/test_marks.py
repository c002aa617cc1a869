"""Reading, writing and calling off, over REST: what a socket does, a page that polls does as well."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone

from tests.webchat.conftest import Visitor
from unicom import stopping
from unicom.models import AccountChat, Chat, Message
from unicom.platforms.webchat.typing import note_typing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget_who_types():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def answers(chat, drain) -> list[str]:
    """Return the ids of three answers in the guest's chat."""
    found = [chat.send_message({"text": str(number)}).pk for number in range(3)]
    drain()
    return found


def read(visitor: Visitor, chat: Chat, message_id: str):
    return visitor.call("post", "read/", {"chat_id": chat.pk, "message_id": message_id})


def unread(visitor: Visitor) -> int:
    count: int = visitor.chats()["chats"][0]["unread_count"]
    return count


def test_what_a_visitor_has_not_read_is_counted(guest, chat, answers):
    """Answers only; a mark never steps back, and what was read is seen."""
    assert unread(guest) == 3
    guest.say("my own", chat_id=chat.pk)
    assert unread(guest) == 3
    assert read(guest, chat, answers[1]).json() == {"success": True, "chat_id": chat.pk}
    assert unread(guest) == 1
    assert list(Message.objects.filter(pk__in=answers).order_by("seq").values_list("status", "seen")) == [
        ("seen", True), ("seen", True), ("sent", False),
    ]  # fmt: skip
    assert read(guest, chat, answers[0]).status_code == 200
    assert unread(guest) == 1
    read(guest, chat, answers[2])
    assert unread(guest) == 0


def test_unread_messages_are_counted_up_to_a_hundred(guest, chat):
    """A deleted one, and the system's own, do not count."""
    rows = [
        Message(channel=chat.channel, platform="WebChat", chat=chat, seq=seq, is_outgoing=True, text="x")
        for seq in range(2, 3000)
    ]
    rows[-1].deleted_at = timezone.now()
    rows[-2].is_outgoing = None
    Message.objects.bulk_create(rows)
    Chat.objects.update(last_seq=2999)
    assert unread(guest) == 100
    AccountChat.objects.update(read_seq=2990)
    assert unread(guest) == 7


def test_what_we_have_read_is_told_to_who_polls(guest, chat):
    """``read_up_to``: the visitor's last message that somebody of ours has read."""
    second = guest.say("second", chat_id=chat.pk)["message"]["id"]
    guest.say("third", chat_id=chat.pk)
    assert guest.messages(chat.pk)["read_up_to"] is None
    Chat.objects.update(read_seq=2)
    assert guest.messages(chat.pk)["read_up_to"] == second


def test_who_is_writing_is_told_to_who_polls_for_some_seconds(guest, chat):
    """The bot, or staff; a visitor need not be told of themselves."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        note_typing(chat.pk, sender_name="Bot", is_outgoing=True)
        assert guest.call("post", "typing/", {"chat_id": chat.pk}).status_code == 200
        assert guest.messages(chat.pk)["typing"] == [{"name": "Bot", "is_outgoing": True}]
        clock.shift(5)
        note_typing(chat.pk, sender_name="Ann", is_outgoing=True)
        clock.shift(2)
        assert guest.messages(chat.pk)["typing"] == [{"name": "Ann", "is_outgoing": True}]
        clock.shift(5)
        assert guest.messages(chat.pk)["typing"] == []


def test_the_adapter_shows_that_an_answer_is_being_written(guest, chat):
    """What a bot calls on any platform."""
    from unicom.adapters import adapter_for

    adapter_for(chat.channel).typing(chat.pk)
    assert guest.messages(chat.pk)["typing"] == [{"name": "", "is_outgoing": True}]


def test_an_answer_is_called_off(guest, chat):
    """``stop/``: from then on, for the answer that was begun before."""
    begun = timezone.now() - timedelta(seconds=1)
    assert not stopping.is_stopped(chat.pk, since=begun)
    assert guest.call("post", "stop/", {"chat_id": chat.pk}).json() == {"success": True, "chat_id": chat.pk}
    assert stopping.is_stopped(chat.pk, since=begun)
    assert not stopping.is_stopped(chat.pk, since=timezone.now())


def test_who_goes_back_to_an_earlier_message_calls_off_the_answer_to_the_later(guest, chat, answers):
    """An edit of what is being answered; a further message lets the answer go on."""
    begun = timezone.now()
    guest.say("and", chat_id=chat.pk)
    assert not stopping.is_stopped(chat.pk, since=begun)
    guest.say("other words", chat_id=chat.pk, reply_to_message_id=answers[0])
    assert stopping.is_stopped(chat.pk, since=begun)


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("read/", {"message_id": "x"}, "chat_id"), ("read/", {"chat_id": "x"}, "message_id"),
        ("typing/", {}, "chat_id"), ("stop/", {"chat_id": ["x"]}, "chat_id"), ("stop/", [], "body"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_mark_without_its_keys_is_400_and_names_them(guest, chat, path, body, key):
    """With a sentence."""
    response = guest.call("post", path, body)
    assert response.status_code == 400 and key in response.json()["error"]


def test_a_mark_at_a_message_of_another_chat_is_404(guest, chat, answers):
    """Nothing is marked."""
    other = guest.say("other")["chat_id"]
    assert guest.call("post", "read/", {"chat_id": other, "message_id": answers[0]}).status_code == 404
    assert set(AccountChat.objects.values_list("read_seq", flat=True)) == {0}


def test_a_cache_that_is_down_costs_no_message(guest, chat):
    """Only the sign that somebody is writing."""
    down = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    with override_settings(CACHES={"default": down}):
        assert guest.messages(chat.pk)["typing"] == []
        assert guest.call("post", "typing/", {"chat_id": chat.pk}).status_code == 200
