"""A chat is paged through by its messages' ids, with no gap and no repeat, whole or along one branch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from tests.webchat.conftest import Visitor
from unicom.models import Chat, Message

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_chat(guest: Visitor, chat: Chat) -> Chat:
    """Return a chat of a thousand messages, whose clocks say nothing about their order."""
    now = timezone.now()
    Message.objects.all().delete()
    Message.objects.bulk_create(
        Message(
            channel=chat.channel, platform="WebChat", chat=chat, seq=number, text=str(number),
            is_outgoing=bool(number % 2), timestamp=now - timedelta(seconds=number % 7),
        )
        for number in range(1, 1001)
    )  # fmt: skip
    Chat.objects.filter(pk=chat.pk).update(last_seq=1000)
    return chat


def walk(visitor, chat: Chat, direction: str, start: str, limit: int) -> list[list[str]]:
    """Follow ``next_cursor`` to the end; returns the pages."""
    pages, cursor = [], start
    while True:
        page = visitor.messages(chat.pk, limit=limit, **({direction: cursor} if cursor else {}))
        pages.append([message["text"] for message in page["messages"]])
        assert len(pages) <= 1001
        if not page["has_more"]:
            assert page["next_cursor"] is None
            return pages
        assert len(pages[-1]) == limit
        cursor = page["next_cursor"]


def test_a_page_has_the_documented_shape(guest, chat):
    """``{success, chat_id, messages, has_more, next_cursor, branch_mode}``, oldest first."""
    guest.say("second", chat_id=chat.pk)
    page = guest.messages(chat.pk)
    assert page.keys() >= {"success", "chat_id", "messages", "has_more", "next_cursor", "branch_mode"}
    assert (page["success"], page["chat_id"], page["has_more"], page["next_cursor"]) == (True, chat.pk, False, None)
    assert [message["text"] for message in page["messages"]] == ["hello", "second"]
    assert page["branch_mode"] in ("all", "latest")


@pytest.mark.parametrize("limit", [1, 7, 50, 200])
def test_before_walks_back_over_a_thousand_messages_with_no_gap_and_no_repeat(guest, long_chat, limit):
    """From the newest page to the first message."""
    if limit == 1:
        last = Message.objects.get(seq=20).pk
        pages = walk(guest, long_chat, "before", last, limit)
        expected = 19
    else:
        pages = walk(guest, long_chat, "before", "", limit)
        expected = 1000
    texts = [text for page in reversed(pages) for text in page]
    assert texts == [str(number) for number in range(1, expected + 1)]


@pytest.mark.parametrize("limit", [13, 200])
def test_after_walks_forward_over_a_thousand_messages_with_no_gap_and_no_repeat(guest, long_chat, limit):
    """From the first message to the newest."""
    pages = walk(guest, long_chat, "after", Message.objects.get(seq=1).pk, limit)
    assert [text for page in pages for text in page] == [str(number) for number in range(2, 1001)]


def test_without_a_cursor_the_newest_page_comes(guest, long_chat):
    """50 unless said otherwise, 200 at most."""
    assert [m["text"] for m in guest.messages(long_chat.pk)["messages"]] == [str(n) for n in range(951, 1001)]
    assert len(guest.messages(long_chat.pk, limit=5000)["messages"]) == 200


def test_polling_with_after_misses_nothing_that_comes_meanwhile(guest, chat):
    """An incoming and an outgoing message, each once."""
    last = guest.messages(chat.pk)["messages"][-1]["id"]
    assert guest.messages(chat.pk, after=last)["messages"] == []
    chat.send_message({"text": "answer"})
    Message.objects.filter(text="answer").update(seq=2, status="sent")
    Chat.objects.update(last_seq=2)
    guest.say("more", chat_id=chat.pk)
    assert [m["text"] for m in guest.messages(chat.pk, after=last)["messages"]] == ["answer", "more"]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"limit": "1e3"}, {"limit": "9" * 30}, {"limit": "٣"},
        {"chat_id": ""}, {"before": "a", "after": "b"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_bad_query_is_400_and_names_the_key(guest, chat, query):
    """With a sentence."""
    response = guest.get("messages/", **{"chat_id": chat.pk, **query})
    assert response.status_code == 400
    assert any(key in response.json()["error"] for key in query)


@pytest.mark.parametrize("key", ["before", "after", "branch"])
@pytest.mark.parametrize("value", ["nothing", "\x00", "x" * 5000, "latest\x00"])
def test_a_cursor_that_is_not_of_this_chat_is_404(guest, chat, key, value):
    """Also one of another chat of the same visitor."""
    assert guest.get("messages/", chat_id=chat.pk, **{key: value}).status_code == 404
    other = guest.say("other")["message"]["id"]
    assert guest.get("messages/", chat_id=chat.pk, **{key: other}).status_code == 404


def test_an_edited_message_shows_its_new_text_in_its_old_place(guest, chat, drain):
    """The row follows, the order does not change."""
    answer = chat.send_message({"text": "one"})
    drain()
    guest.say("two", chat_id=chat.pk)
    answer.edit_original_message({"text": "ONE"})
    drain()
    assert [m["text"] for m in guest.messages(chat.pk)["messages"]] == ["hello", "ONE", "two"]


@pytest.fixture
def tree(guest, chat, drain) -> dict[str, str]:
    """Return the ids of a chat in which the visitor edited their second message twice."""
    ids = {"a": Message.objects.get().pk}

    def answer(name: str) -> None:
        message = Message.objects.get(pk=ids[name.lower()]).reply_with({"text": name})
        drain()
        ids[name] = message.pk

    def write(name: str, reply_to: str) -> None:
        ids[name] = guest.say(name, chat_id=chat.pk, reply_to_message_id=ids[reply_to])["message"]["id"]

    answer("A")
    write("b", "A")
    answer("B")
    write("c", "A")  # instead of b
    answer("C")
    write("d", "C")
    answer("D")
    write("e", "C")  # instead of d
    answer("E")
    return ids


@pytest.mark.parametrize(
    ("branch", "shown"),
    [
        ("all", "hello A b B c C d D e E"), ("latest", "hello A c C e E"), ("d", "hello A c C d D"),
        ("B", "hello A b B"), ("b", "hello A b B"), ("E", "hello A c C e E"),
    ],
)  # fmt: skip
def test_a_branch_shows_what_leads_to_its_end(guest, chat, tree, branch, shown):
    """``latest``, ``all``, or the one a message is on."""
    page = guest.messages(chat.pk, branch=tree.get(branch, branch))
    assert " ".join(message["text"] for message in page["messages"]) == shown
    assert page["branch_mode"] == tree.get(branch, branch)


def test_html_is_made_safe_before_it_is_shown(guest, chat, drain):
    """What somebody wrote does not run in a visitor's page."""
    evil = '<p onclick="x()">Hi <script>alert(1)</script><a href="javascript:x">y</a><img src=x></p>'
    chat.send_message({"html": evil})
    drain()
    html = guest.messages(chat.pk)["messages"][-1]["html"]
    assert "Hi" in html
    for word in ("script", "onclick", "javascript"):
        assert word not in html


def test_tool_messages_show_their_progress(guest, chat):
    """``progress_updates_for_user`` and ``result_status``."""
    row = chat.log_tool_interaction(tool_call={"name": "t", "id": "c"})
    Message.objects.filter(pk=row.pk).update(
        raw={**row.raw, "progress_updates_for_user": "Searching", "result_status": "SUCCESS"}
    )
    shown = guest.messages(chat.pk)["messages"][-1]
    assert (shown["is_outgoing"], shown["media_type"]) == (None, "tool_call")
    assert (shown["progress_updates_for_user"], shown["result_status"]) == ("Searching", "SUCCESS")


def test_known_failure_20_times_are_the_same_moment_in_any_time_zone(guest, chat, settings):
    """Known failure 20: times are right when TIME_ZONE is not UTC."""
    moment = datetime(2024, 7, 1, 12, 30, 15, 123456, tzinfo=UTC)
    Message.objects.update(timestamp=moment)
    for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns"):
        settings.TIME_ZONE = zone
        shown = guest.messages(chat.pk)["messages"][0]["timestamp"]
        assert datetime.fromisoformat(shown) == moment
        listed = guest.chats()["chats"][0]["last_message"]["timestamp"]
        assert datetime.fromisoformat(listed) == moment


def test_who_polls_hears_of_what_was_changed_meanwhile(guest, chat, drain):
    """Anywhere in the chat, beside the page that was asked for; deletions by their ids."""
    same, edited, gone = [chat.send_message({"text": text}) for text in "abc"]
    drain()
    page = guest.messages(chat.pk)
    assert "changed" not in page
    edited.edit_original_message({"text": "B"})
    gone.delete_original_message()
    drain()
    found = guest.messages(chat.pk, after=page["messages"][-1]["id"], changed_since=page["at"])
    assert [(item["id"], item["text"]) for item in found["changed"]] == [(edited.pk, "B")]
    assert (found["deleted"], found["has_more_changes"], found["messages"]) == ([gone.pk], False, [])
    later = (timezone.now() + timedelta(seconds=1)).isoformat()
    again = guest.messages(chat.pk, changed_since=later)
    assert (again["changed"], again["deleted"]) == ([], [])
    assert same.pk in [item["id"] for item in again["messages"]]
    refused = guest.get("messages/", chat_id=chat.pk, changed_since="yesterday")
    assert refused.status_code == 400 and "changed_since" in refused.json()["error"]


def test_a_message_on_its_way_is_not_shown_before_it_has_its_place(guest, chat, drain):
    """Else a page that was read already would change."""
    chat.send_message({"text": "queued"})
    assert [m["text"] for m in guest.messages(chat.pk)["messages"]] == ["hello"]
    drain()
    assert [m["text"] for m in guest.messages(chat.pk)["messages"]] == ["hello", "queued"]


def test_known_failure_9_a_page_has_fifty_messages_and_the_list_s_filters_and_metadata_apply(guest, web):
    """What the component asks for: the rest of that failure is the component's own."""
    chat_id = guest.say("one", metadata={"project_id": 62})["chat_id"]
    guest.say("another project", metadata={"project_id": 63})
    chat = Chat.objects.get(pk=chat_id)
    assert chat.metadata == {"project_id": 62}
    assert guest.chat_ids(metadata__project_id=62) == [chat_id]
    Message.objects.bulk_create(
        Message(channel=web, platform="WebChat", chat=chat, seq=seq, text=str(seq), is_outgoing=True)
        for seq in range(2, 102)
    )
    page = guest.messages(chat_id)
    assert len(page["messages"]) == 50 and page["has_more"] is True
    older = guest.messages(chat_id, before=page["next_cursor"])
    assert older["messages"][-1]["text"] == "51" and page["messages"][0]["text"] == "52"


def test_a_chat_of_many_branches_is_read_as_quickly(guest, chat, web):
    """The statements stay few, and short, however often somebody went back."""
    rows = [
        Message(channel=web, platform="WebChat", chat=chat, seq=seq, text=str(seq), is_outgoing=False,
                reply_to_message_id=Message.objects.get(seq=1).pk)
        for seq in range(2, 2002)
    ]  # fmt: skip
    Message.objects.bulk_create(rows)
    Chat.objects.update(last_seq=2001)
    page = guest.messages(chat.pk, branch="latest")
    assert [message["text"] for message in page["messages"]] == ["hello", "2001"]
