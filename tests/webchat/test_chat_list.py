"""A visitor's chats: newest activity first, filtered by what is documented, renamed, archived and deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.pipeline.conftest import PNG
from unicom.models import Account, AccountChat, Channel, Chat, Message

pytestmark = pytest.mark.django_db


def test_a_chat_is_listed_field_by_field(visitor, web):
    """``{id, name, platform, channel_id, is_archived, metadata, last_message: {text, timestamp} | null}``."""
    chat_id = visitor.say("I need help", metadata={"a": 1})["chat_id"]
    page = visitor.chats()
    assert page.keys() >= {"success", "chats", "has_more"}
    message = Message.objects.get()
    assert page["chats"] == [
        {
            "id": chat_id, "name": "I need help", "platform": "WebChat", "channel_id": web.pk, "is_archived": False,
            "metadata": {"a": 1},
            "last_message": {"text": "I need help", "timestamp": message.timestamp.isoformat()}, "unread_count": 0,
        }
    ]  # fmt: skip


def test_the_newest_activity_comes_first(guest, drain):
    """Of the visitor or of ours."""
    first, second, third = (guest.say(str(number))["chat_id"] for number in range(3))
    assert guest.chat_ids() == [third, second, first]
    guest.say("again", chat_id=first)
    assert guest.chat_ids() == [first, third, second]
    Chat.objects.get(pk=second).send_message({"text": "answer"})
    drain()
    assert guest.chat_ids() == [second, first, third]
    assert guest.chats()["chats"][0]["last_message"]["text"] == "answer"


@pytest.fixture
def many(guest, web) -> list[str]:
    """Return the ids of 60 chats of the guest, newest first, several of the same moment."""
    guest.say("first")
    account, now = Account.objects.get(), timezone.now() - timedelta(minutes=1)
    Chat.objects.update(last_message_at=now - timedelta(hours=1))
    chats = [
        Chat(id=f"webchat_{n:03}", channel=web, platform="WebChat", last_message_at=now - timedelta(seconds=n // 3))
        for n in range(60)
    ]
    Chat.objects.bulk_create(chats)
    AccountChat.objects.bulk_create(AccountChat(account=account, chat=chat) for chat in chats)
    return [chat.pk for chat in chats]


@pytest.mark.parametrize("way", ["offset", "cursor"])
def test_a_long_list_is_paged_with_no_gap_and_no_repeat(guest, many, way):
    """By ``offset`` or by ``cursor``, over chats of the same moment too."""
    found: list[str] = []
    query: dict[str, Any] = {}
    while True:
        page = guest.chats(limit=7, **query)
        found += [chat["id"] for chat in page["chats"]]
        if not page["has_more"]:
            break
        query = {"cursor": page["next_cursor"]} if way == "cursor" else {"offset": len(found)}
    assert found[:60] == many and len(found) == 61


def test_a_chat_without_messages_is_listed_once(guest, web, many):
    """Made programmatically, as documented; ``last_message`` is null."""
    Chat.objects.create(id="webchat_empty", platform="WebChat", channel=web, metadata={"project_id": 1})
    AccountChat.objects.create(account=Account.objects.get(), chat_id="webchat_empty")
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = guest.chats(limit=20, **cursor)
        found += page["chats"]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [chat["id"] for chat in found].count("webchat_empty") == 1
    assert next(chat for chat in found if chat["id"] == "webchat_empty")["last_message"] is None
    assert len(found) == 62


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"offset": "-1"}, {"offset": "x"}], ids=repr)
def test_a_bad_number_is_400(guest, query):
    """Naming the key."""
    response = guest.get("chats/", **query)
    assert response.status_code == 400 and next(iter(query)) in response.json()["error"]


@pytest.mark.parametrize("cursor", ["nothing", "\x00", "x" * 5000])
def test_an_unknown_cursor_is_404(guest, cursor):
    """Never a 500."""
    guest.say()
    assert guest.get("chats/", cursor=cursor).status_code == 404


def test_only_the_web_chat_asked_for_is_listed(guest, web):
    """``channel_id``."""
    other = Channel.objects.create(name="Other", platform="WebChat")
    here, there = guest.say()["chat_id"], guest.say(channel_id=other.pk)["chat_id"]
    assert guest.chat_ids(channel_id=web.pk) == [here]
    assert guest.chat_ids(channel_id=other.pk) == [there]
    assert guest.get("chats/", channel_id=other.pk + 1).status_code == 404


def test_a_chat_is_renamed_and_archived(visitor):
    """PATCH ``{title?, is_archived?}`` → ``{success, chat: {id, name, is_archived}}``."""
    chat_id = visitor.say("hello")["chat_id"]
    response = visitor.call("patch", f"chat/{chat_id}/", {"title": " Trip to Rome "})
    assert (response.status_code, response.json()) == (
        200, {"success": True, "chat": {"id": chat_id, "name": "Trip to Rome", "is_archived": False}},
    )  # fmt: skip
    response = visitor.call("put", f"chat/{chat_id}/", {"is_archived": True})
    assert response.json()["chat"] == {"id": chat_id, "name": "Trip to Rome", "is_archived": True}
    assert visitor.chat_ids() == []
    assert visitor.chat_ids(is_archived="true") == [chat_id]
    visitor.call("patch", f"chat/{chat_id}/", {"is_archived": False, "title": "Rome"})
    assert visitor.chats()["chats"][0]["name"] == "Rome"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"title": ""}, {"title": " "}, {"title": 5}, {"title": None}, {"title": "x" * 256},
        {"is_archived": "maybe"}, {"is_archived": None}, {"name": "x"}, {"title": "x", "metadata": {}}, [], "x",
    ],
    ids=repr,
)  # fmt: skip
def test_a_bad_change_is_400_and_changes_nothing(guest, chat, body):
    """Only the title and the archive are the visitor's."""
    assert guest.call("patch", f"chat/{chat.pk}/", body).status_code == 400
    name = chat.name
    chat.refresh_from_db()
    assert (chat.name, chat.is_archived, chat.metadata) == (name, False, {})


def test_a_title_with_a_nul_is_cleaned(guest, chat):
    """As texts are."""
    assert guest.call("patch", f"chat/{chat.pk}/", b'{"title": "a\\u0000b\\ud800"}').json()["chat"]["name"] == "a�b�"


def test_a_deleted_chat_is_gone_for_its_visitor_and_stays_for_the_operator(visitor):
    """DELETE → ``{success, message}``."""
    chat_id = visitor.say()["chat_id"]
    response = visitor.call("delete", f"chat/{chat_id}/delete/")
    assert response.status_code == 200
    assert response.json().keys() == {"success", "message"} and response.json()["success"] is True
    assert visitor.chat_ids() == visitor.chat_ids(is_archived="true") == []
    assert visitor.get("messages/", chat_id=chat_id).status_code == 404
    assert visitor.send("x", chat_id=chat_id).status_code == 404
    assert visitor.call("delete", f"chat/{chat_id}/delete/").status_code == 404
    assert Message.objects.count() == 1


def test_a_hard_deletion_takes_messages_and_files_along(visitor, stored_files, django_capture_on_commit_callbacks):
    """``?hard_delete=true``."""
    before = stored_files()
    chat_id = visitor.upload(PNG, "a.png", "image/png").json()["chat_id"]
    Chat.objects.get().send_message({"file_path": __file__})
    assert len(stored_files()) == len(before) + 2
    with django_capture_on_commit_callbacks(execute=True):
        response = visitor.call("delete", f"chat/{chat_id}/delete/?hard_delete=true")
    assert response.status_code == 200
    assert not Chat.objects.exists() and not Message.objects.exists()
    assert stored_files() == before
