"""A visitor finds words in their own chats, and in nobody else's."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


def found(visitor, words: str, **query) -> list[str]:
    response = visitor.get("search/", q=words, **query)
    assert response.status_code == 200, response.content
    return [item["message"]["text"] for item in response.json()["results"]]


def test_words_are_found_in_every_chat_newest_first(visitor, stranger, drain):
    """Whatever the case; by a page and its cursor; with the chat they are in."""
    stranger.say("teapots of mine")
    first = visitor.say("Do you have Teapots?")["chat_id"]
    second = visitor.say("My teapot broke")["chat_id"]
    visitor.say("nothing of the kind", chat_id=second)
    assert found(visitor, "TEAPOT") == ["My teapot broke", "Do you have Teapots?"]
    assert found(visitor, "teapot", chat_id=first) == ["Do you have Teapots?"]
    page = visitor.get("search/", q="teapot", limit=1).json()
    assert page["has_more"] and page["results"][0]["chat"] == {"id": second, "name": "My teapot broke"}
    assert found(visitor, "teapot", cursor=page["next_cursor"]) == ["Do you have Teapots?"]


def test_a_chat_is_found_by_its_name(guest):
    """By its first message."""
    chat_id = guest.say("hello there world")["chat_id"]
    guest.call("patch", f"chat/{chat_id}/", {"title": "Trip to Rome"})
    assert found(guest, "rome") == ["hello there world"]


def test_what_is_deleted_or_the_system_s_own_is_not_found(guest, chat):
    """Nor what is in a chat that was taken from the list."""
    chat.log_tool_interaction(tool_call={"name": "hello"})
    assert found(guest, "hello") == ["hello"]
    guest.call("delete", f"chat/{chat.pk}/delete/")
    assert found(guest, "hello") == []


@pytest.mark.parametrize("words", ["%", "_", "%%", "\\\\", "a%b", "''"])
def test_signs_of_the_database_are_words_like_any_other(guest, words):
    """Nothing is a wildcard."""
    guest.say("anything at all")
    if len(words) < 2:
        assert guest.get("search/", q=words).status_code == 400
    else:
        assert found(guest, words) == []


def test_nobody_finds_nothing(web):
    """Never a 500."""
    from tests.webchat.conftest import Visitor

    assert found(Visitor(), "hello") == []


@pytest.mark.parametrize(
    "query", [{}, {"q": " x "}, {"q": "x" * 201}, {"q": "xx", "limit": "x"}], ids=lambda q: repr(q)[:20]
)
def test_a_bad_search_is_400(guest, query):
    """Naming the key."""
    response = guest.get("search/", **query)
    assert response.status_code == 400 and ("q:" in response.json()["error"] or "limit:" in response.json()["error"])


def test_a_foreign_cursor_is_404(guest, stranger):
    """As everywhere."""
    theirs = stranger.say("teapot")["message"]["id"]
    guest.say("teapot")
    assert guest.get("search/", q="teapot", cursor=theirs).status_code == 404
