"""Reading, writing, filters and tabs over sockets; and what a socket does not put up with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from tests.realtime.conftest import in_thread
from unicom import live
from unicom.models import Account, AccountChat, Chat, Message
from unicom.platforms.webchat.typing import note_typing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _forget_who_types():
    cache.clear()
    yield
    cache.clear()


async def begun(guest) -> Chat:
    chat_id = (await in_thread(guest.say))["chat_id"]
    return await Chat.objects.select_related("channel").aget(pk=chat_id)


async def test_the_bot_s_writing_is_shown_and_one_s_own_is_not(socket, guest):
    """``typing``; the other tab of the same visitor need not be told."""
    chat = await begun(guest)
    one, other = socket(guest, f"{chat.pk}/"), socket(guest, f"{chat.pk}/")
    await one.open()
    await other.open()
    await one.send(action="typing")
    assert await one.is_quiet() and await other.is_quiet()
    await in_thread(note_typing, chat.pk, sender_name="Bot", is_outgoing=True)
    for tab in (one, other):
        assert await tab.next() == {"type": "typing", "chat_id": chat.pk, "name": "Bot", "is_outgoing": True}


async def test_somebody_else_in_the_chat_is_told_of_writing_and_reading(socket, guest, stranger):
    """A chat of two."""
    chat = await begun(guest)
    answer = await in_thread(chat.send_message, {"text": "answer"})
    await in_thread(lambda: AccountChat.objects.create(account=Account.objects.exclude(chats=chat).get(), chat=chat))
    mine, theirs = socket(guest, f"{chat.pk}/"), socket(stranger, f"{chat.pk}/")
    await mine.open()
    await theirs.open()
    await mine.send(action="typing")
    assert await theirs.next() == {"type": "typing", "chat_id": chat.pk, "name": "Guest", "is_outgoing": False}
    await mine.send(action="read", message_id=answer.pk)
    assert await theirs.next() == {
        "type": "read", "chat_id": chat.pk, "message_id": answer.pk, "name": "Guest", "is_outgoing": False,
    }  # fmt: skip
    assert (await theirs.next("chat_update"))["chat"]["unread_count"] == 1, "the other one has not read it"
    assert (await mine.next("chat_update"))["chat"]["unread_count"] == 0
    assert (await Message.objects.aget(pk=answer.pk)).status == "seen"


async def test_a_read_mark_clears_the_count_in_the_other_tab_s_list(socket, guest):
    """Two tabs, one visitor."""
    chat = await begun(guest)
    answer = await in_thread(chat.send_message, {"text": "answer"})
    room, listing = socket(guest, f"{chat.pk}/"), socket(guest, "_me/")
    await room.open()
    await listing.open()
    await room.send(action="read", message_id=answer.pk)
    assert (await listing.next("chat_update"))["chat"]["unread_count"] == 0


async def test_what_we_have_read_is_told(socket, guest):
    """``read`` with ``is_outgoing`` true: the visitor's messages up to there."""
    chat = await begun(guest)
    mine = socket(guest, f"{chat.pk}/")
    await mine.open()
    await in_thread(lambda: live.read(chat, message_id=str(chat.last_message_id), name="Ann", is_outgoing=True))
    assert await mine.next() == {
        "type": "read", "chat_id": chat.pk, "message_id": chat.last_message_id, "name": "Ann", "is_outgoing": True,
    }  # fmt: skip


async def test_a_growing_answer_is_pushed_and_a_reload_shows_what_came_so_far(socket, guest):
    """Streaming: the row grows, ``message_changed`` tells."""
    chat = await begun(guest)
    answer = await in_thread(chat.send_message, {"text": "T"})
    mine = socket(guest, f"{chat.pk}/")
    await mine.open()
    await mine.send(action="ping")
    await mine.next("pong")
    for text, raw in (("The", {"is_streaming": True}), ("The answer", {"llm": {"partial": True}})):
        await Message.objects.filter(pk=answer.pk).aupdate(text=text, raw=raw)
        await in_thread(live.message_changed, answer)
        frame = await mine.next("message_updated")
        assert (frame["message"]["text"], frame["message"]["is_streaming"]) == (text, True)
        page = await in_thread(guest.messages, chat.pk)
        assert page["messages"][-1] == frame["message"]


async def test_the_list_s_socket_keeps_to_its_filters(socket, guest):
    """In the address or by a frame: the same as the chat list's, and no others."""
    one = (await in_thread(guest.say, "one", metadata={"project_id": 1}))["chat_id"]
    two = (await in_thread(guest.say, "two", metadata={"project_id": 2}))["chat_id"]
    mine = socket(guest, "_me/?metadata__project_id=1&is_archived=false")
    await mine.open()
    await in_thread(guest.say, "more", chat_id=two)
    assert await mine.next() == {"type": "chat_removed", "chat_id": two}
    await in_thread(guest.say, "more", chat_id=one)
    assert (await mine.next("chat_update"))["chat"]["id"] == one
    await mine.send(action="filters", filters={"metadata__project_id": 2})
    assert await mine.next() == {"type": "ready", "chat_id": "_me"}
    await in_thread(guest.say, "more", chat_id=two)
    assert (await mine.next("chat_update"))["chat"]["id"] == two
    for filters in ({"account_chats__account__member__user__password": "x"}, {"metadata__a__gte": "x"}, 5):
        await mine.send(action="filters", filters=filters)
        assert (await mine.next("error"))["error"]
    await in_thread(guest.call, "patch", f"chat/{two}/", {"is_archived": True})
    assert await mine.next() == {"type": "chat_removed", "chat_id": two}


async def test_known_failure_23_no_filter_of_a_socket_reaches_another_table(socket, guest):
    """A guest read a password hash by such a filter."""
    await begun(guest)
    mine = socket(guest, "_me/?account_chats__account__member__user__password__startswith=a")
    assert "not a filter" in (await mine.open())["error"]
    assert await mine.next() == {"closed": 4400}


async def test_a_chat_that_is_deleted_leaves_the_list_and_closes_its_socket(socket, guest):
    """Hard or soft; the row may be gone before the hint is read."""
    for suffix in ("", "?hard_delete=true"):
        chat = await begun(guest)
        listing, room = socket(guest, "_me/"), socket(guest, f"{chat.pk}/")
        await listing.open()
        await room.open()
        await in_thread(guest.call, "delete", f"chat/{chat.pk}/delete/{suffix}")
        assert await listing.next() == {"type": "chat_removed", "chat_id": chat.pk}
        assert await room.next() == {"closed": 4403}


async def test_a_chat_made_for_somebody_appears_in_their_list(socket, guest, web):
    """Made programmatically, as documented, by either way of adding its people."""
    await begun(guest)
    account = await Account.objects.aget()
    mine = socket(guest, "_me/")
    await mine.open()
    await in_thread(lambda: Chat.objects.create(id="webchat_a", platform="WebChat", channel=web).accounts.add(account))
    assert (await mine.next("chat_update"))["chat"]["id"] == "webchat_a"
    chat = await Chat.objects.acreate(id="webchat_b", platform="WebChat", channel=web)
    await in_thread(lambda: AccountChat.objects.create(account=account, chat=chat))
    assert (await mine.next("chat_update"))["chat"]["id"] == "webchat_b"


async def test_an_expired_session_is_nobody_s(socket, guest, user):
    """At the next heartbeat, and for a new socket."""
    for visitor in (guest, user):
        chat = await begun(visitor)
        mine = socket(visitor, f"{chat.pk}/")
        await mine.open()
        await in_thread(lambda: Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1)))
        await mine.send(action="ping")
        assert await mine.next() == {"closed": 4401}
        assert await socket(visitor, f"{chat.pk}/").open() == {"closed": 4401}


async def test_a_user_who_is_switched_off_or_has_a_new_password_is_nobody(socket, user, django_user_model):
    """As Django's own sessions have it."""
    chat = await begun(user)
    for change in ({"is_active": False}, {"is_active": True, "password": "new"}):
        mine = socket(user, f"{chat.pk}/")
        await mine.open()
        await in_thread(lambda values=change: django_user_model.objects.update(**values))
        await mine.send(action="ping")
        assert await mine.next() == {"closed": 4401}
        await in_thread(lambda: django_user_model.objects.update(is_active=True))


async def test_a_guest_who_logs_in_has_to_come_again_and_sees_everything(socket, guest, django_user_model):
    """The log-in rotates the session: the old socket was the guest's."""
    chat = await begun(guest)
    await in_thread(lambda: django_user_model.objects.create_user("ann", password="pw"))
    mine = socket(guest, f"{chat.pk}/")
    await mine.open()
    assert await in_thread(lambda: guest.client.login(username="ann", password="pw"))
    await mine.send(action="ping")
    assert await mine.next() == {"closed": 4401}
    assert (await socket(guest, f"{chat.pk}/").open())["type"] == "ready"


async def test_what_no_page_would_send_closes_the_socket(socket, guest):
    """Bytes, a frame of a megabyte, a flood."""
    chat = await begun(guest)
    for data, code in ((b"\x00\x01", 1003), ("x" * 1_000_000, 1009)):
        mine = socket(guest, f"{chat.pk}/")
        await mine.open()
        await (mine.send_raw(data=data) if isinstance(data, bytes) else mine.send_raw(data))
        assert await mine.next() == {"closed": code}
    mine = socket(guest, f"{chat.pk}/")
    await mine.open()
    for _ in range(61):
        await mine.send(action="ping")
    answers = [await mine.next() for _ in range(61)]
    assert answers[-1] == {"closed": 4429} and {answer["type"] for answer in answers[:-1]} == {"pong"}


async def test_known_failure_28_an_idle_socket_costs_no_query(socket, guest, monkeypatch):
    """Known failure 28: each open socket cost 51 queries a second."""
    chat = await begun(guest)
    for where in (f"{chat.pk}/", "_me/"):
        mine = socket(guest, where)
        await mine.open()
    asked: list[object] = []  # in any thread
    execute = CursorWrapper.execute

    def count(cursor, sql, params=None):
        asked.append(sql)
        return execute(cursor, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", count)
    for _ in range(3):
        assert await mine.is_quiet()
    assert asked == []
    await mine.send(action="ping")
    await mine.next("pong")
    assert len(asked) <= 4, asked
    await mine.send(action="ping")
    await mine.next("pong")
    assert len(asked) <= 4 + 5, "the second looks for changes as well"


async def test_a_look_at_a_session_never_changes_it(socket, user, settings):
    """With a new SECRET_KEY Django gives a session a new key, which a socket could tell nobody."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    chat = await begun(user)
    mine = socket(user, f"{chat.pk}/")
    await mine.open()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = (
        [settings.SECRET_KEY],
        "a new key that is long enough for everybody",
    )
    before = await Session.objects.aget()
    await mine.send(action="ping")
    await mine.next("pong")
    after = await Session.objects.aget()
    assert (after.session_key, after.session_data) == (before.session_key, before.session_data)


async def test_a_socket_says_now_and_then_that_it_is_still_there(socket, guest, layer, monkeypatch):
    """A layer forgets those that joined a day ago."""
    from channels.layers import channel_layers

    from unicom.platforms.webchat import connection as of_socket

    monkeypatch.setattr(of_socket, "REJOIN_S", 0.0)
    chat = await begun(guest)
    mine = socket(guest, f"{chat.pk}/")
    await mine.open()
    channel_layers["default"].groups.clear()
    await mine.send(action="ping")
    await mine.next("pong")
    await in_thread(guest.say, "heard again", chat_id=chat.pk)
    assert (await mine.next("new_message"))["message"]["text"] == "heard again"
