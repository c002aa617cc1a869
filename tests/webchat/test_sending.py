"""``send`` takes a visitor's message in, makes their chat, and answers in the shape browsers rely on."""

from __future__ import annotations

import json
from datetime import datetime
from functools import partial

import pytest

from tests.pipeline.conftest import PNG
from tests.pipeline.simultaneous import at_once, succeeded
from tests.webchat.conftest import Visitor
from unicom.models import Account, AccountChat, Channel, Chat, Message, Request
from unicom.signals import message_received

pytestmark = pytest.mark.django_db

MESSAGE_KEYS = {
    "id", "text", "html", "is_outgoing", "sender_name", "timestamp", "media_type", "media_url", "reply_to_message_id",
    "chat_id", "interactive_buttons", "progress_updates_for_user", "result_status",
}  # fmt: skip


def test_a_first_message_makes_a_chat_and_is_answered_field_by_field(visitor, web):
    """200 ``{success, chat_id, message}``."""
    answer = visitor.say("Hello, I need help with my account")
    assert answer.keys() >= {"success", "chat_id", "message"} and answer["success"] is True
    message = Message.objects.get()
    shown = answer["message"]
    assert shown.keys() >= MESSAGE_KEYS
    assert shown["id"] == message.pk
    assert (shown["text"], shown["html"]) == ("Hello, I need help with my account", "")
    assert (shown["is_outgoing"], shown["media_type"], shown["media_url"]) == (False, "text", None)
    assert shown["chat_id"] == answer["chat_id"] == message.chat_id
    assert shown["reply_to_message_id"] is shown["interactive_buttons"] is None
    assert shown["progress_updates_for_user"] is shown["result_status"] is None
    assert datetime.fromisoformat(shown["timestamp"]) == message.timestamp
    assert shown["sender_name"] == message.sender_name
    assert message.chat_id.startswith("webchat_")
    assert message.chat.name == "I need help with my account"
    assert (message.channel, message.seq) == (web, 1)
    assert Request.objects.get().status == "QUEUED"


def test_a_user_s_account_is_named_after_the_user(user, django_user_model):
    """``webchat_user_{user.id}``, as documented."""
    user.say()
    account = Account.objects.get()
    assert account.pk == f"webchat_user_{django_user_model.objects.get().pk}"
    assert (account.name, Message.objects.get().sender_name) == ("Ann Lee", "Ann Lee")


def test_a_guest_s_account_id_opens_nothing(guest):
    """It carries a digest, neither the session's key nor the random id in it."""
    guest.say()
    account = Account.objects.get()
    assert account.pk.startswith("webchat_guest_")
    session = guest.client.session
    assert session["_unicom_guest"] not in account.pk and session.session_key not in account.pk
    assert account.name == "Guest"


def test_messages_in_a_chat_and_new_chats_are_kept_apart(visitor):
    """Without ``chat_id`` each message begins a chat."""
    first, second = visitor.say("one"), visitor.say("two")
    assert first["chat_id"] != second["chat_id"]
    third = visitor.say("three", chat_id=first["chat_id"])
    assert third["chat_id"] == first["chat_id"]
    assert [m["text"] for m in visitor.messages(first["chat_id"])["messages"]] == ["one", "three"]
    assert Account.objects.count() == 1 and AccountChat.objects.count() == 2


def test_a_form_is_taken_as_json_is(visitor):
    """``application/x-www-form-urlencoded`` and ``multipart/form-data``, metadata as JSON text."""
    response = visitor.client.post("/unicom/webchat/send/", {"text": "hello", "metadata": '{"project_id": 5}'})
    assert response.status_code == 200
    assert Chat.objects.get().metadata == {"project_id": 5}
    response = visitor.call("post", "send/", "text=again", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200 and response.json()["message"]["text"] == "again"


def test_metadata_is_used_when_a_chat_is_made_and_only_then(visitor):
    """A later message does not change the chat's."""
    chat_id = visitor.say("hello", metadata={"project_id": 123, "tags": ["a"]})["chat_id"]
    visitor.say("again", chat_id=chat_id, metadata={"project_id": 7})
    assert Chat.objects.get().metadata == {"project_id": 123, "tags": ["a"]}
    assert visitor.chats()["chats"][0]["metadata"] == {"project_id": 123, "tags": ["a"]}
    visitor.say("other")
    assert visitor.chats()["chats"][0]["metadata"] == {}


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({}, "text"), ({"text": ""}, "text"), ({"text": " \n "}, "text"), ({"text": None}, "text"),
        ({"text": []}, "text"), ({"text": {"a": 1}}, "text"), ({"text": True}, "text"),
        ({"text": "x", "metadata": [1]}, "metadata"),
        ({"text": "x", "metadata": "{"}, "metadata"), ({"text": "x", "metadata": "[1]"}, "metadata"),
        ({"text": "x", "chat_id": ["a"]}, "chat_id"), ({"text": "x", "chat_id": "c" * 400}, "chat_id"),
        ({"text": "x", "client_msg_id": {"a": 1}}, "client_msg_id"),
        ({"text": "x", "client_msg_id": "c" * 300}, "client_msg_id"),
        ({"text": "x", "reply_to_message_id": "m"}, "reply_to_message_id"), ([], "body"), ("x", "body"), (5, "body"),
        (None, "body"), (b"{", "body"), (b"\xff", "body"), (b"[" * 100_000, "body"),
    ],
    ids=lambda value: repr(value)[:50],
)  # fmt: skip
def test_a_bad_message_is_400_with_a_sentence_that_names_the_key(visitor, body, key):
    """And nothing is stored."""
    response = visitor.call("post", "send/", body if isinstance(body, bytes) else json.dumps(body))
    assert response.status_code == 400
    assert response.json().keys() == {"error"} and key in response.json()["error"]
    assert not Message.objects.exists() and not Chat.objects.exists() and not Account.objects.exists()


def test_several_problems_are_named_at_once(guest):
    """One round is enough."""
    error = guest.call("post", "send/", {"metadata": 5, "chat_id": [], "reply_to_message_id": {}}).json()["error"]
    assert all(key in error for key in ("metadata", "chat_id", "reply_to_message_id", "text"))


def test_nuls_and_lone_surrogates_of_a_visitor_are_replaced(visitor):
    """Neither database could hold them."""
    body = b'{"text": "a\\u0000b\\ud800", "metadata": {"k\\u0000": ["\\udfff"]}}'
    response = visitor.call("post", "send/", body)
    assert response.status_code == 200
    assert response.json()["message"]["text"] == "a�b�"
    assert Chat.objects.get().metadata == {"k�": ["�"]}


@pytest.mark.parametrize("value", ["\x00", "a\x00b", "\ud800"])
@pytest.mark.parametrize("key", ["chat_id", "reply_to_message_id", "client_msg_id", "channel_id"])
def test_ids_that_no_database_can_hold_are_an_error_of_the_visitor(guest, chat, key, value):
    """Never a 500."""
    response = guest.call("post", "send/", {"text": "x", "chat_id": chat.pk, key: value})
    assert response.status_code in (200, 400, 404) if key == "client_msg_id" else response.status_code in (400, 404)


def test_a_megabyte_of_text_is_taken_whole(visitor):
    """Nothing is cropped but the title."""
    text = "x " * (512 * 1024)
    assert visitor.say(text)["message"]["text"] == text
    assert Chat.objects.get().name == ("x " * 25).strip() + "..."


def test_an_answer_to_a_message_names_it(guest, chat):
    """A message of this chat; one of another is refused."""
    first = Message.objects.get()
    answer = guest.say("answer", chat_id=chat.pk, reply_to_message_id=first.pk)
    assert answer["message"]["reply_to_message_id"] == first.pk
    other = guest.say("other")
    response = guest.send("x", chat_id=chat.pk, reply_to_message_id=other["message"]["id"])
    assert response.status_code == 400 and "reply_to_message_id" in response.json()["error"]


def test_an_unknown_chat_and_somebody_else_s_look_the_same(visitor, stranger):
    """404, and nothing is stored."""
    foreign = stranger.chat_ids()[0]
    before = Message.objects.count()
    responses = [visitor.send("x", chat_id=chat_id) for chat_id in (foreign, "webchat_nothing", "memory_1")]
    assert {response.status_code for response in responses} == {404}
    assert len({response.content for response in responses}) == 1
    assert Message.objects.count() == before


def test_a_blocked_account_is_403_for_old_and_new_chats(visitor):
    """``Account.blocked`` is the operator's switch; what they wrote before stays readable."""
    chat_id = visitor.say()["chat_id"]
    Account.objects.update(blocked=True)
    for response in (
        visitor.send("x", chat_id=chat_id),
        visitor.send("x"),
        visitor.call("patch", f"chat/{chat_id}/", {"title": "x"}),
        visitor.call("delete", f"chat/{chat_id}/delete/"),
    ):
        assert response.status_code == 403 and response.json() == {"error": "This account is blocked."}
    assert Message.objects.count() == 1
    assert len(visitor.messages(chat_id)["messages"]) == 1


def test_the_web_chat_asked_for_is_used_else_the_first_active_one(guest, web):
    """``channel_id``."""
    second = Channel.objects.create(name="Second", platform="WebChat")
    assert Chat.objects.get(pk=guest.say()["chat_id"]).channel == web
    assert Chat.objects.get(pk=guest.say(channel_id=second.pk)["chat_id"]).channel == second
    assert Chat.objects.get(pk=guest.say(channel_id=str(second.pk))["chat_id"]).channel == second
    for wrong in (second.pk + 1, "x", -1, 10**30, [1]):
        assert guest.send(channel_id=wrong).status_code in (400, 404), wrong
    chat_id = guest.say()["chat_id"]
    assert guest.send(chat_id=chat_id, channel_id=second.pk).status_code == 404
    Channel.objects.update(active=False)
    assert guest.send().status_code == 404
    assert guest.send(chat_id=chat_id).status_code == 404


def test_a_channel_of_another_platform_is_no_web_chat(guest):
    """Its id opens nothing here."""
    other = Channel.objects.create(name="Inside", platform="Internal")
    assert guest.send(channel_id=other.pk).status_code == 404


def test_a_repeat_of_client_msg_id_gives_the_same_message(visitor):
    """In a chat and for its first message, whose repeat makes no second chat."""
    first = visitor.say("hello", client_msg_id="c1")
    again = visitor.say("hello", client_msg_id="c1")
    assert again == first
    second = visitor.say("more", chat_id=first["chat_id"], client_msg_id="c2")
    assert visitor.say("more", chat_id=first["chat_id"], client_msg_id="c2") == second
    assert Message.objects.count() == 2 and Chat.objects.count() == 1 and Request.objects.count() == 2


def test_client_msg_ids_of_two_visitors_do_not_meet(visitor, stranger):
    """Each has their own; nobody gets somebody else's message for it."""
    stranger.say("secret", client_msg_id="c1")
    assert visitor.say("mine", client_msg_id="c1")["message"]["text"] == "mine"


def test_a_repeated_upload_leaves_no_second_file(visitor, stored_files):
    """The same message, the same file."""
    before = len(stored_files())
    for _ in range(2):
        assert visitor.upload(PNG, "a.png", "image/png", client_msg_id="c1").status_code == 200
    assert len(stored_files()) == before + 1


@pytest.mark.django_db(transaction=True)
def test_eight_first_sends_with_one_client_msg_id_at_once_are_one_message(user, connect):
    """A user with a shaky connection: one chat, one message, one reaction."""
    told = []
    connect(message_received, lambda message, **_: told.append(message.pk))
    browsers = []
    for _ in range(8):
        browser = Visitor()
        browser.client.cookies = user.client.cookies
        browsers.append(browser)
    answers = succeeded(at_once([partial(browser.say, "hello", client_msg_id="c1") for browser in browsers]))
    assert len({json.dumps(answer, sort_keys=True) for answer in answers}) == 1
    assert Message.objects.count() == Chat.objects.count() == Account.objects.count() == len(told) == 1


@pytest.mark.django_db(transaction=True)
def test_eight_first_messages_of_one_new_user_at_once_are_all_kept(user):
    """Eight chats, one account."""
    browsers = []
    for _ in range(8):
        browser = Visitor()
        browser.client.cookies = user.client.cookies
        browsers.append(browser)
    succeeded(at_once([partial(browser.say, str(number)) for number, browser in enumerate(browsers)]))
    assert Message.objects.count() == Chat.objects.count() == 8
    assert Account.objects.count() == 1
    assert sorted(user.chat_ids()) == sorted(Chat.objects.values_list("pk", flat=True))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello, I need help with my account", "I need help with my account"),
        ("hi", "Hi"), ("Hey there! what's up?", "What's up?"), ("HELLO", "HELLO"), ("  spaced \n out ", "spaced out"),
        ("highly unusual", "highly unusual"), ("x" * 50, "x" * 50), ("x" * 51, "x" * 50 + "..."),
        ("Hi hello hey, order 7", "Order 7"), ("日本語" * 30, "日本語" * 16 + "日本..."),
    ],
)  # fmt: skip
def test_a_chat_is_titled_after_its_first_message(guest, text, title):
    """Greetings are skipped, 50 characters are enough; later messages change nothing."""
    chat_id = guest.say(text)["chat_id"]
    guest.say("something else", chat_id=chat_id)
    assert Chat.objects.get().name == title
