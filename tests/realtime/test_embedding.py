"""A socket of another site's page: it names its visitor in the first frame, and shows nothing before."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
import time_machine

from tests.pipeline.conftest import PNG
from tests.realtime.conftest import Socket, in_thread
from tests.webchat.conftest import Visitor
from tests.webchat.embedding import EVIL, SHOP, Embedded, guest_of, identity, token_for
from unicom.models import Account, Chat
from unicom.platforms.webchat.entrance import Entrance
from unicom.platforms.webchat.tokens import read, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def embedded(shop) -> Embedded:
    """Return a guest of the shop's page."""
    return guest_of(shop)


def bare(where: str, *, origin: str | None = SHOP, browser: Visitor | None = None) -> Socket:
    """Return a socket that says nothing of itself; its browser's cookies go along."""
    return Socket(browser or Visitor(), where, origin=origin)


async def test_a_guest_of_another_site_s_page_is_shown_their_chat(socket, embedded):
    """``ready`` after the first frame; then as for everybody, the shape of messages too."""
    said = await in_thread(embedded.say, "hello")
    chat_id = said["chat_id"]
    mine = socket(embedded, f"{chat_id}/")
    assert await mine.open() == {"type": "ready", "chat_id": chat_id}
    more = await in_thread(embedded.upload, PNG, "a.png", "image/png", chat_id=chat_id)
    assert (await mine.next("new_message"))["message"] == more.json()["message"]
    listed = socket(embedded, "_me/")
    assert (await listed.open())["type"] == "ready"
    chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
    await in_thread(chat.send_message, {"text": "answer"})
    assert (await mine.next("new_message"))["message"]["text"] == "answer"
    assert (await listed.next("chat_update"))["chat"]["id"] == chat_id


async def test_the_first_frame_is_a_token_or_the_end(layer, embedded, user, shop):
    """4401 for whatever else; the visitor's cookies, which their browser sends along, count for nothing."""
    chat_id = (await in_thread(user.say))["chat_id"]
    for text in (
        '{"action": "ping"}', '{"action": "authenticate"}', '{"action": "authenticate", "token": 5}', "{", "", "[]",
        "null", '{"action": "authenticate", "token": "\\ud800"}', '{"action": "authenticate", "token": "x:y:z"}',
        "[" * 5000,
        '{"action": "authenticate", "token": "\\u0000"}', '{"action": "authenticate", "token": "' + "x" * 9999 + '"}',
        '{"action": "sync"}', json.dumps({"action": "sync", "token": embedded.token}), json.dumps([embedded.token]),
    ):  # fmt: skip
        theirs = bare(f"{chat_id}/", browser=user)
        await theirs.begin()
        await theirs.send_raw(text)
        assert await theirs.next() == {"closed": 4401}, text[:60]
        await theirs.close()
    huge = bare(f"{chat_id}/")
    await huge.begin()
    await huge.send_raw("x" * 40_000)
    assert await huge.next() == {"closed": 1009}
    await huge.close()
    binary = bare(f"{chat_id}/")
    await binary.begin()
    await binary.send_raw(data=b"\x00\x01")
    assert await binary.next() == {"closed": 4401}
    await binary.close()


async def test_who_says_nothing_is_shown_nothing_and_is_sent_away(layer, user, shop, monkeypatch):
    """After five seconds; here after a tenth of one."""
    monkeypatch.setattr(Entrance, "patience_s", 0.1)
    chat_id = (await in_thread(user.say))["chat_id"]
    silent = bare(f"{chat_id}/", browser=user)
    await silent.begin()
    await in_thread(user.say, "a secret", chat_id=chat_id)
    assert await silent.next() == {"closed": 4401}
    await silent.send(action="authenticate", token="too late")
    assert await silent.is_quiet()
    await silent.close()


async def test_a_page_that_no_chat_allows_is_refused_at_the_handshake(layer, shop, embedded):
    """Also one that was allowed, once it is not."""
    assert await bare("_me/", origin=EVIL).is_refused()
    assert await bare("_me/", origin="null").is_refused()
    shop.config = {}
    await in_thread(shop.save)
    assert await bare("_me/", origin=SHOP).is_refused()


async def test_a_program_and_a_page_of_our_own_may_bring_a_token_too(layer, embedded, user):
    """A page says so in the address, and then its cookies count for nothing; a program without a session need not."""
    chat_id = (await in_thread(embedded.say))["chat_id"]
    program = Embedded(embedded.token, origin=None)
    for where in (f"{chat_id}/", f"{chat_id}/?auth=token"):
        app = Socket(program, where)
        assert (await app.open())["type"] == "ready"
        await app.close()
    page = bare("_me/?auth=token", origin="http://testserver", browser=user)
    await page.begin()
    assert await page.is_quiet()
    await page.send(action="authenticate", token=embedded.token)
    assert (await page.next())["type"] == "ready"
    await in_thread(user.say, "of the user")
    await in_thread(embedded.say, "of the guest", chat_id=chat_id)
    assert (await page.next("chat_update"))["chat"]["id"] == chat_id
    assert await page.is_quiet()
    await page.close()


async def test_filters_in_the_address_hold_for_a_token_s_list(socket, embedded):
    """And one that is none closes it, once it is known who asks."""
    chat_id = (await in_thread(embedded.say, metadata={"n": 1}))["chat_id"]
    await in_thread(embedded.say, "other")
    mine = socket(embedded, "_me/?metadata__n=1&auth=token")
    assert (await mine.open())["type"] == "ready"
    await in_thread(embedded.say, "again", chat_id=chat_id)
    assert (await mine.next("chat_update"))["chat"]["id"] == chat_id
    wrong = socket(embedded, "_me/?nothing=1")
    assert (await wrong.open())["type"] == "error"
    assert await wrong.next() == {"closed": 4400}


@pytest.mark.parametrize("how", ["ping", "push"])
@pytest.mark.parametrize("what", ["expiry", "origin", "block", "hand-over", "deletion"])
async def test_what_ends_the_access_ends_the_socket(socket, embedded, shop, what, how):
    """At the next ping, and at the next push, of which nothing is shown."""
    chat_id = (await in_thread(embedded.say))["chat_id"]
    chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
    embedded.token = write(replace(read(embedded.token), expires_at=int(time.time()) + 100))
    with time_machine.travel(time.time(), tick=True) as clock:
        mine = socket(embedded, f"{chat_id}/")
        assert (await mine.open())["type"] == "ready"
        await mine.send(action="ping")
        await mine.next("pong")
        if what == "expiry":
            clock.shift(101)
        elif what == "origin":
            shop.config = {"ALLOWED_ORIGINS": ["https://new.example"]}
            await in_thread(shop.save)
        elif what == "block":
            await in_thread(Account.objects.update, blocked=True)
        elif what == "hand-over":
            await in_thread(lambda: token_for(shop, token=embedded.token, **identity("ann")))
        else:
            await in_thread(embedded.call, "delete", f"chat/{chat_id}/delete/")
        if how == "ping":
            await mine.send(action="ping")
        else:
            await in_thread(chat.send_message, {"text": "a secret"})
        code = 4401 if what in ("expiry", "hand-over") else 4403
        assert await mine.next() == {"closed": code}


async def test_a_token_is_told_once_and_not_again(socket, embedded, user):
    """A socket that is in has no such action."""
    chat_id = (await in_thread(user.say))["chat_id"]
    mine = socket(user, f"{chat_id}/")
    await mine.open()
    await mine.send(action="authenticate", token=embedded.token)
    answer = await mine.next("error")
    assert embedded.token not in answer["error"]
