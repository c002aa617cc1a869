"""Nobody reaches what is not theirs, in any endpoint, whoever they are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from tests.pipeline.conftest import PNG
from tests.webchat.conftest import Visitor
from unicom.models import Account, CallbackExecution, Channel, Chat, Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def owned(guest) -> dict[str, str]:
    """Return the ids of what the guest has: a chat with a file, an answer, a button."""
    answer = guest.upload(PNG, "a.png", "image/png").json()
    chat = Chat.objects.get(pk=answer["chat_id"])
    carrier = chat.send_message({"text": "Choose", "buttons": [[{"text": "A", "callback_data": 1}]]})
    return {"chat": chat.pk, "message": answer["message"]["id"], "button": carrier.callback_executions.get().pk}


@pytest.fixture(params=["guest", "user", "staff", "nobody", "logged out"])
def intruder(request, web, new_user) -> Visitor:
    """Return everybody else, each with a chat of their own where they may have one."""
    if request.param == "nobody":
        return Visitor()
    if request.param == "guest":
        visitor = Visitor()
    else:
        visitor = new_user("eve", is_staff=request.param == "staff", is_superuser=request.param == "staff")
    visitor.say("my own")
    if request.param == "logged out":
        visitor.client.logout()
    return visitor


def test_somebody_else_s_chat_is_404_in_every_endpoint(owned, intruder, drain):
    """And nothing of it is changed, clicked or read."""
    drain()
    before = (Message.objects.count(), Chat.objects.filter(deleted_at=None).count())
    chat = owned["chat"]
    responses = {
        "messages": intruder.get("messages/", chat_id=chat),
        "after": intruder.get("messages/", chat_id=chat, after=owned["message"]),
        "branch": intruder.get("messages/", chat_id=chat, branch=owned["message"]),
        "send": intruder.send("x", chat_id=chat),
        "answer": intruder.send("x", chat_id=chat, reply_to_message_id=owned["message"]),
        "patch": intruder.call("patch", f"chat/{chat}/", {"title": "mine"}),
        "put": intruder.call("put", f"chat/{chat}/", {"is_archived": True}),
        "delete": intruder.call("delete", f"chat/{chat}/delete/"),
        "hard": intruder.call("delete", f"chat/{chat}/delete/?hard_delete=true"),
        "media": intruder.get(f"media/{owned['message']}/"),
        "cursor": intruder.get("chats/", cursor=chat),
    }
    assert {name: response.status_code for name, response in responses.items()} == dict.fromkeys(responses, 404)
    assert chat not in intruder.chat_ids() and chat not in intruder.chat_ids(is_archived="true")
    click = intruder.call("post", "button-click/", {"callback_execution_id": owned["button"]})
    assert click.status_code == 403
    drain()
    assert CallbackExecution.objects.get().clicks == 0
    assert (Message.objects.count(), Chat.objects.filter(deleted_at=None).count()) == before


def test_a_message_of_somebody_else_is_no_cursor_in_my_chat(owned, intruder):
    """Nor a branch, nor something to answer."""
    mine = intruder.say("mine")["chat_id"]
    for key in ("before", "after", "branch"):
        assert intruder.get("messages/", chat_id=mine, **{key: owned["message"]}).status_code == 404
    assert intruder.send("x", chat_id=mine, reply_to_message_id=owned["message"]).status_code == 400


def test_a_chat_of_another_platform_is_not_in_the_web_chat(guest):
    """Also one whose account this were."""
    guest.say()
    other = Channel.objects.create(name="Inside", platform="Internal")
    chat = Chat.objects.create(id="internal_x", channel=other)
    chat.accounts.add(Account.objects.get())
    assert guest.get("messages/", chat_id="internal_x").status_code == 404
    assert guest.send("x", chat_id="internal_x").status_code == 404
    assert "internal_x" not in guest.chat_ids()


def test_a_forged_guest_id_in_the_cookies_opens_nothing(owned, guest, web):
    """The id lives in the session; an account's id is no key to it."""
    account = Account.objects.get(pk__startswith="webchat_guest_")
    browser = Visitor()
    browser.client.cookies["_unicom_guest"] = account.external_id
    browser.client.cookies["sessionid"] = account.external_id
    assert browser.chat_ids() == []
    session = browser.client.session
    session["_unicom_guest"] = account.external_id.removeprefix("guest_")
    session.save()
    assert browser.chat_ids() == []


@pytest.mark.parametrize("value", [5, None, "", ["x"], {"a": 1}])
def test_a_damaged_session_is_a_stranger_s(web, value):
    """Never a 500."""
    browser = Visitor()
    session = browser.client.session
    session["_unicom_guest"] = value
    session.save()
    assert browser.chat_ids() == []
    assert browser.send("hello").status_code == 200


def test_an_expired_session_opens_nothing_and_the_visitor_begins_anew(guest, chat):
    """Neither reads nor writes in the old chat; what was said there stays."""
    said = Message.objects.filter(chat=chat).count()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert guest.chat_ids() == []
    assert guest.get("messages/", chat_id=chat.pk).status_code == 404
    assert guest.send("me again", chat_id=chat.pk).status_code == 404
    assert guest.say("somebody new")["chat_id"] != chat.pk
    assert Message.objects.filter(chat=chat).count() == said


def test_two_tabs_of_a_newcomer_are_one_visitor(web):
    """Both were open before the first message; each begins a chat, and each sees both, with a message of the other."""
    one = Visitor()
    assert one.chat_ids() == []
    other = Visitor()
    other.client.cookies = one.client.cookies  # a browser's tabs share them
    first = one.say("from the one")["chat_id"]
    second = other.say("from the other")["chat_id"]
    other.say("more", chat_id=first)
    assert one.chat_ids() == other.chat_ids() == [first, second]
    assert [item["text"] for item in one.messages(first)["messages"]] == ["from the one", "more"]
    assert Account.objects.count() == 1


def test_a_message_sent_by_two_tabs_is_one(guest, chat):
    """As when both send what was written offline."""
    answers = [guest.say("from the outbox", chat_id=chat.pk, client_msg_id="m1")["message"]["id"] for _tab in range(2)]
    assert answers[0] == answers[1]
    assert Message.objects.filter(text="from the outbox").count() == 1


def test_a_user_who_logs_out_is_nobody_and_the_next_user_sees_nothing(new_user, django_user_model):
    """One browser, two people."""
    browser = new_user("ann")
    browser.say("mine")
    browser.client.logout()
    assert browser.chat_ids() == []
    browser.client.force_login(django_user_model.objects.create_user("bob"))
    assert browser.chat_ids() == []
