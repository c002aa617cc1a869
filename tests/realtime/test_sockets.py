"""A socket shows its visitor what happens in their chat, at once, in order, once; and nothing that is not theirs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.realtime.conftest import in_thread
from unicom.models import Account, Chat, Message

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_new_socket_is_ready_and_hears_of_both_sides(socket, visitor):
    """``ready``, then each message once, in the shape of the REST endpoint."""
    begun = await in_thread(visitor.say, "hello")
    chat_id = begun["chat_id"]
    mine = socket(visitor, f"{chat_id}/")
    assert await mine.open() == {"type": "ready", "chat_id": chat_id}
    said = await in_thread(visitor.say, "more", chat_id=chat_id)
    frame = await mine.next("new_message")
    assert frame == {"type": "new_message", "chat_id": chat_id, "message": said["message"]}
    chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
    await in_thread(chat.send_message, {"text": "answer"})
    frame = await mine.next("new_message")
    page = await in_thread(visitor.messages, chat_id)
    assert frame["message"] == page["messages"][-1]
    assert await mine.is_quiet()


async def test_the_slash_is_optional_and_the_channel_may_be_named(socket, guest, web):
    """As documented."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    assert (await socket(guest, chat_id).open())["type"] == "ready"
    assert (await socket(guest, f"{chat_id}/?channel_id={web.pk}").open())["type"] == "ready"
    assert await socket(guest, f"{chat_id}/?channel_id={web.pk + 1}").open() == {"closed": 4403}


async def test_nobody_and_strangers_are_told_apart_by_the_code(socket, guest, stranger, new_user):
    """4401 without a session, 4403 for somebody else's chat or one that is not there."""
    from tests.webchat.conftest import Visitor

    chat_id = (await in_thread(guest.say))["chat_id"]
    assert await socket(Visitor(), f"{chat_id}/").open() == {"closed": 4401}
    assert await socket(stranger, f"{chat_id}/").open() == {"closed": 4403}
    assert await socket(await in_thread(new_user, "eve"), f"{chat_id}/").open() == {"closed": 4403}
    assert await socket(guest, "webchat_of_nobody/").open() == {"closed": 4403}
    assert await socket(guest, "%00/").open() == {"closed": 4403}
    assert await socket(guest, "%20/").open() == {"closed": 4400}


@pytest.mark.parametrize(
    ("origin", "host", "refused"),
    [
        ("http://testserver", "testserver", False), ("https://testserver", "testserver", False),
        (None, "testserver", False), ("https://evil.example", "testserver", True), ("null", "testserver", True),
        ("https://testserver.evil.example", "testserver", True), ("https://evil.example", "evil.example", True),
        ("file://testserver", "testserver", True), ("https://app.shop.example", "testserver", False),
        ("https://shop.example.evil", "testserver", True), ("http://app.shop.example", "testserver", True),
        ("http://[", "testserver", True),
    ],
)  # fmt: skip
async def test_a_foreign_page_s_socket_is_refused_at_the_handshake(socket, guest, settings, origin, host, refused):
    """The browser would send the visitor's cookies along with it."""
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.shop.example"]
    chat_id = (await in_thread(guest.say))["chat_id"]
    assert await socket(guest, f"{chat_id}/", origin=origin, host=host).is_refused() is refused


async def test_a_log_out_ends_the_socket_at_the_next_ping_and_at_the_next_push(socket, user):
    """Access is checked again on every push and ping."""
    chat_id = (await in_thread(user.say))["chat_id"]
    pinged, pushed = socket(user, f"{chat_id}/"), socket(user, f"{chat_id}/")
    assert (await pinged.open())["type"] == (await pushed.open())["type"] == "ready"
    await in_thread(user.client.logout)
    await pinged.send(action="ping")
    assert await pinged.next() == {"closed": 4401}
    chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
    await in_thread(chat.send_message, {"text": "secret"})
    assert await pushed.next() == {"closed": 4401}


async def test_a_block_ends_the_socket(socket, guest):
    """With nothing sent of what was pushed."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    mine = socket(guest, f"{chat_id}/")
    await mine.open()
    await in_thread(Account.objects.update, blocked=True)
    chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
    await in_thread(chat.send_message, {"text": "secret"})
    assert await mine.next() == {"closed": 4403}


async def test_a_sync_fills_the_gap_once_and_in_order(socket, guest):
    """What came before the socket, what came while it waited, and then what is new."""
    first = await in_thread(guest.say, "0")
    chat_id = first["chat_id"]
    for number in range(1, 6):
        await in_thread(guest.say, str(number), chat_id=chat_id)
    mine = socket(guest, f"{chat_id}/")
    await mine.open()
    await in_thread(guest.say, "6", chat_id=chat_id)  # pushed, and held until the sync has gone first
    await mine.send(action="sync", after=first["message"]["id"])
    assert (await mine.next("message_updated"))["message"]["id"] == first["message"]["id"]
    assert [(await mine.next("new_message"))["message"]["text"] for _ in range(6)] == list("123456")
    end = await mine.next("synced")
    assert (end["chat_id"], end["has_more"]) == (chat_id, False) and end["at"]
    await mine.send(action="sync", after=first["message"]["id"])
    await mine.next("message_updated")
    assert (await mine.next())["type"] == "synced", "what was sent is not sent again"
    await in_thread(guest.say, "7", chat_id=chat_id)
    assert (await mine.next("new_message"))["message"]["text"] == "7"


async def test_a_ping_brings_what_a_lost_hint_would_have(socket, guest, settings):
    """The layer is only a hint: a worker of another process, say, does not reach this one's memory."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    mine = socket(guest, f"{chat_id}/")
    await mine.open()
    settings.CHANNEL_LAYERS = {}
    await in_thread(guest.say, "unheard", chat_id=chat_id)
    assert await mine.is_quiet()
    await mine.send(action="ping")
    assert (await mine.next("new_message"))["message"]["text"] == "unheard"
    assert (await mine.next("pong"))["at"]


async def test_a_sync_tells_what_was_changed_while_nobody_listened(socket, guest):
    """Edited, grown, given other buttons, deleted; not what was only delivered, nor what never changed."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
    same, edited, gone, buttons = [await in_thread(chat.send_message, {"text": text}) for text in "abcd"]
    last = await in_thread(guest.say, "last", chat_id=chat_id)
    before = socket(guest, f"{chat_id}/")
    await before.open()
    await before.send(action="ping")
    at = (await before.next("pong"))["at"]
    await before.close()
    await in_thread(edited.edit_original_message, {"text": "B"})
    await in_thread(gone.delete_original_message)
    await in_thread(buttons.edit_original_message, {"buttons": [[{"text": "Yes", "callback_data": 1}]]})
    mine = socket(guest, f"{chat_id}/")
    await mine.open()
    await mine.send(action="sync", after=last["message"]["id"], since=at)
    first, second, third, end = [await mine.next() for _ in range(4)]
    assert (first["type"], first["message"]["id"], first["message"]["text"]) == ("message_updated", edited.pk, "B")
    assert second == {"type": "message_deleted", "chat_id": chat_id, "message_id": gone.pk}
    assert third["message"]["id"] == buttons.pk and third["message"]["interactive_buttons"]
    assert (end["type"], end["has_more"]) == ("synced", False)
    assert await Message.objects.filter(pk=same.pk, changed_at=None).aexists()


async def answered(socket: Any, guest: Any) -> tuple[Any, Any]:
    """Return an answer in a chat of the guest's, and a socket that has seen it."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
    answer = await in_thread(chat.send_message, {"text": "one"})
    mine = socket(guest, f"{chat_id}/")
    await mine.open()
    await mine.send(action="ping")
    await mine.next("pong")
    return answer, mine


async def test_a_ping_brings_a_change_whose_push_was_lost(socket, guest, settings):
    """As of a worker in another process, which does not reach this one's memory."""
    answer, mine = await answered(socket, guest)
    settings.CHANNEL_LAYERS = {}
    await in_thread(answer.edit_original_message, {"text": "ONE"})
    assert await mine.is_quiet()
    await mine.send(action="ping")
    assert (await mine.next("message_updated"))["message"]["text"] == "ONE"
    await mine.next("pong")


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01T00:00:00", 5, ["x"], "9" * 100])
async def test_a_moment_that_is_none_is_an_error_and_closes_nothing(socket, guest, since):
    """One without a zone among them."""
    mine = socket(guest, f"{(await in_thread(guest.say))['chat_id']}/")
    await mine.open()
    await mine.send(action="sync", since=since)
    assert (await mine.next("error"))["error"].startswith("since:")
    await mine.send(action="ping")
    await mine.next("pong")


async def test_an_edit_and_a_deletion_are_pushed(socket, guest):
    """``message_updated``, in the same shape."""
    answer, mine = await answered(socket, guest)
    await in_thread(answer.edit_original_message, {"text": "ONE"})
    frame = await mine.next("message_updated")
    assert (frame["message"]["id"], frame["message"]["text"]) == (answer.pk, "ONE")
    assert await mine.is_quiet()


async def test_known_failure_20_the_socket_goes_on_after_a_hundred_messages(socket, guest, settings):
    """The layer's capacity is 100, and a burst may fill it."""
    settings.UNICOM_VISITOR_LIMITS = {"messages": None}
    chat_id = (await in_thread(guest.say))["chat_id"]
    mine = socket(guest, f"{chat_id}/")
    await mine.open()

    def burst():
        for number in range(150):
            guest.say(str(number), chat_id=chat_id)

    await in_thread(burst)
    found: list[str] = []
    while len(found) < 150:
        found.append((await mine.next("new_message"))["message"]["text"])
    assert found == [str(number) for number in range(150)]
    await in_thread(guest.say, "after", chat_id=chat_id)
    assert (await mine.next("new_message"))["message"]["text"] == "after"


async def test_the_list_s_socket_hears_of_every_chat_of_its_own(socket, guest, stranger, web):
    """``_me``: a chat that is begun, that goes on, that is renamed or taken away; nobody else's."""
    first = (await in_thread(guest.say))["chat_id"]
    mine = socket(guest, "_me/")
    assert await mine.open() == {"type": "ready", "chat_id": "_me"}
    second = (await in_thread(guest.say, "second chat"))["chat_id"]
    frame = await mine.next("chat_update")
    assert (frame["chat"]["id"], frame["chat"]["last_message"]["text"]) == (second, "second chat")
    await in_thread(stranger.say, "not yours")
    chat = await Chat.objects.select_related("channel").aget(pk=first)
    await in_thread(chat.send_message, {"text": "answer"})
    frame = await mine.next("chat_update")
    assert (frame["chat"]["id"], frame["chat"]["unread_count"]) == (first, 1)
    listed = (await in_thread(guest.chats))["chats"]
    assert frame["chat"] == listed[0]
    assert await mine.is_quiet()


async def test_frames_that_cannot_be_read_are_answered_with_a_sentence(socket, guest):
    """And the socket goes on."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    mine = socket(guest, f"{chat_id}/")
    await mine.open()
    for text in ("", "{", "[]", "5", '{"action": 5}', '{"action": "drop"}', '{"action": "_send"}', "[" * 5000):
        await mine.send_raw(text)
        assert (await mine.next("error"))["error"]
    for frame in ({"action": "sync", "after": 5}, {"action": "sync", "after": "x\x00"}, {"action": "read"}):
        await mine.send(**frame)
        assert (await mine.next("error"))["error"]
    await mine.send(action="ping")
    await mine.next("pong")
    assert await Message.objects.acount() == 1
