"""A real server, set up as documented, with and without Redis: pushes, close codes, and a restart in the middle."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from django.db import connections
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from tests.realtime.conftest import in_thread
from tests.realtime.serving import MEMORY, Site, cookies_of, redis_layer, servers
from tests.webchat.conftest import Visitor
from unicom.models import AccountChat, Chat
from unicom.platforms.webchat import pushing
from unicom.platforms.webchat.receiving import save_webchat_message
from unicom.types import Person

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGES = 1000


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a private Redis."""
    with servers().redis(tmp_path_factory.mktemp("redis"), durable=False) as url:
        yield url


@pytest.fixture(params=["memory", "redis"])
def served_layer(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return a layer of either kind."""
    if request.param == "memory":
        return MEMORY
    return redis_layer(request.getfixturevalue("redis_url"))


@pytest.fixture
def site(served_layer: dict[str, Any], web: Any, tmp_path: Path) -> Iterator[Site]:
    """Run the documented site."""
    found = Site(tmp_path, served_layer)
    found.start()
    yield found
    found.stop()


async def frame(socket: ClientConnection, *, patience_s: float = 30) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), patience_s))
    return found


async def test_what_is_posted_is_pushed(site, guest):
    """Over HTTP to the server, over the socket from it."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    async with (
        connect(site.address(f"{chat_id}/"), additional_headers=cookies_of(guest)) as room,
        connect(site.address("_me/"), additional_headers=cookies_of(guest)) as mine,
    ):
        assert await frame(room) == {"type": "ready", "chat_id": chat_id}
        assert await frame(mine) == {"type": "ready", "chat_id": "_me"}
        answer = await in_thread(site.post, guest, "send/", {"text": "more", "chat_id": chat_id})
        assert await frame(room) == {"type": "new_message", "chat_id": chat_id, "message": answer["message"]}
        line = await frame(mine)
        assert (line["type"], line["chat"]["last_message"]["text"]) == ("chat_update", "more")
        await in_thread(site.post, guest, "typing/", {"chat_id": chat_id})
        await room.send('{"action": "ping"}')
        assert (await frame(room))["type"] == "pong", "one's own typing is not told"


async def test_refusals_have_their_codes_and_a_foreign_origin_has_none(site, guest, stranger):
    """As a browser sees them."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    for browser, where, code in (
        (Visitor(), f"{chat_id}/", 4401), (stranger, f"{chat_id}/", 4403), (guest, "webchat_x", 4403),
        (guest, "%20/", 4400), (Visitor(), "_me/", 4401),
    ):  # fmt: skip
        async with connect(site.address(where), additional_headers=cookies_of(browser)) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await frame(socket)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == code
    with pytest.raises(InvalidStatus) as refused:
        await connect(
            site.address(f"{chat_id}/"), additional_headers=cookies_of(guest), origin=Origin("https://evil.example")
        ).__aenter__()
    assert refused.value.response.status_code == 403


async def test_a_half_open_socket_is_in_nobody_s_way(site, guest):
    """It was a visitor's, who went without a word: it takes nothing any more, and the others get everything."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1)
    head = [
        f"GET /ws/unicom/webchat/{chat_id}/ HTTP/1.1", f"Host: 127.0.0.1:{site.port}", "Connection: Upgrade",
        "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *(f"{name}: {value}" for name, value in cookies_of(guest).items()),
    ]  # fmt: skip
    writer.write("\r\n".join([*head, "", ""]).encode())
    assert b"101" in await reader.read(20)
    letters = "x" * 1_000_000
    async with connect(
        site.address(f"{chat_id}/"), additional_headers=cookies_of(guest), max_size=None, compression=None
    ) as room:
        assert (await frame(room))["type"] == "ready"
        for number in range(20):  # more than the system keeps for a socket that nobody reads
            await in_thread(site.post, guest, "send/", {"text": f"{number} {letters}", "chat_id": chat_id})
            assert (await frame(room))["message"]["text"].partition(" ")[0] == str(number)
        await room.send('{"action": "ping"}')
        assert (await frame(room))["type"] == "pong"
    writer.transport.abort()
    found = await in_thread(guest.messages, chat_id)
    assert len(found["messages"]) == 21


@pytest.mark.parametrize("megabytes", [30, 101])
def test_a_file_that_is_far_too_large_is_refused_in_a_sentence(site, guest, megabytes, stored_files):
    """By a real server, which goes on; nothing is stored."""
    chat_id, before = guest.say()["chat_id"], stored_files()
    link = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    head = b'--x\r\nContent-Disposition: form-data; name="media"; filename="a.pdf"\r\n\r\n%PDF-'
    size = len(head) + megabytes * 1024 * 1024
    link.putrequest("POST", "/unicom/webchat/send/")
    for name, value in {**cookies_of(guest), "Content-Type": "multipart/form-data; boundary=x"}.items():
        link.putheader(name, value)
    link.putheader("Content-Length", str(size))
    link.endheaders(head)
    for _ in range(megabytes):
        link.send(bytes(1024 * 1024))
    response = link.getresponse()
    answer = json.loads(response.read())
    link.close()
    assert response.status == 413 and "20,971,520 bytes" in answer["error"]
    assert stored_files() == before
    again = site.post(guest, "send/", {"text": "a text then", "chat_id": chat_id})
    assert again is not None and again["success"]


async def follow(site: Site, guest: Visitor, chat_id: str, last: str, found: list[str]) -> None:
    """Read every message, as a page does: come back after each break, and ask for what was missed."""
    while len(found) < MESSAGES:
        with suppress(OSError, ConnectionClosed, InvalidStatus):
            async with connect(site.address(f"{chat_id}/"), additional_headers=cookies_of(guest)) as socket:
                assert (await frame(socket))["type"] == "ready"
                await socket.send(json.dumps({"action": "sync", "after": last}))
                while len(found) < MESSAGES:
                    try:
                        item = await frame(socket, patience_s=0.5)
                    except TimeoutError:
                        await socket.send('{"action": "ping"}')
                        continue
                    if item["type"] == "new_message":
                        found.append(item["message"]["text"])
                        last = item["message"]["id"]
                        continue
                    assert item["type"] in ("message_updated", "synced", "pong"), item
        await asyncio.sleep(0.05)


def write(site: Site, guest: Visitor, chat_id: str, written: list[int]) -> None:
    """Write each message until it is taken, as a page's outbox does: one of ten over HTTP, the others from here."""
    try:
        part = AccountChat.objects.select_related("chat__channel", "account").get(chat_id=chat_id)
        person = Person(external_id=part.account.external_id, name=part.account.name)
        for number in range(MESSAGES):
            key = f"n{number}"
            if number % 10:
                part.has_categories = False  # type: ignore[attr-defined]
                save_webchat_message(part.chat.channel, person, text=str(number), part=part, client_msg_id=key)
            else:
                body = {"text": str(number), "chat_id": chat_id, "client_msg_id": key}
                while site.post(guest, "send/", body) is None:
                    time.sleep(0.02)
            written.append(number)
    finally:
        connections.close_all()


@pytest.mark.timeout(300)
async def test_a_thousand_messages_arrive_once_and_in_order_over_restarts(site, guest, settings):
    """One restart with a warning, one without."""
    settings.UNICOM_VISITOR_LIMITS = {"messages": None}
    settings.UNICOM_EXECUTOR = "worker"
    begun = await in_thread(guest.say)
    chat_id = begun["chat_id"]
    written: list[int] = []
    found: list[str] = []
    writer = threading.Thread(target=write, args=(site, guest, chat_id, written), daemon=True)
    writer.start()
    reader = asyncio.create_task(follow(site, guest, chat_id, begun["message"]["id"], found))
    for share, how in ((0.3, signal.SIGTERM), (0.6, signal.SIGKILL)):
        while len(written) < MESSAGES * share:
            assert writer.is_alive() and not reader.done()
            await asyncio.sleep(0.02)
        site.stop(how)
        site.start()
    await asyncio.wait_for(reader, 200)
    writer.join(10)
    assert found == [str(number) for number in range(MESSAGES)]


@pytest.fixture
def our_layer(settings: Any, redis_url: str) -> Iterator[Any]:
    """Have this process on Redis as well, as a worker of the site would be."""
    settings.CHANNEL_LAYERS = redis_layer(redis_url)
    channel_layers.backends.clear()
    yield
    pushing.close()
    channel_layers.backends.clear()


@pytest.mark.parametrize("served_layer", ["redis"], indirect=True)
async def test_another_process_s_message_is_pushed_through_redis(site, guest, our_layer):
    """A worker's, say: written here, shown there."""
    chat_id = (await in_thread(guest.say))["chat_id"]
    async with connect(site.address(f"{chat_id}/"), additional_headers=cookies_of(guest)) as room:
        assert (await frame(room))["type"] == "ready"
        chat = await Chat.objects.select_related("channel").aget(pk=chat_id)
        await in_thread(chat.send_message, {"text": "from afar"})
        assert (await frame(room))["message"]["text"] == "from afar"


async def test_a_redis_that_gives_up_waiting_closes_no_socket(socket, guest, settings, redis_url):
    """redis-py's own time-out ends a wait for something new; five seconds by default, here a tenth."""
    settings.CHANNEL_LAYERS = redis_layer(redis_url, socket_timeout=0.1)
    channel_layers.backends.clear()
    chat_id = (await in_thread(guest.say))["chat_id"]
    mine = socket(guest, f"{chat_id}/")
    await mine.open()
    await asyncio.sleep(0.5)
    await in_thread(guest.say, "later", chat_id=chat_id)
    assert (await mine.next("new_message"))["message"]["text"] == "later"


async def test_without_its_redis_a_socket_still_answers_and_heals_at_the_heartbeat(socket, guest, settings):
    """The layer is a hint; the rows are there."""
    settings.CHANNEL_LAYERS = redis_layer(f"redis://127.0.0.1:{servers().free_port()}/0")
    channel_layers.backends.clear()
    chat_id = (await in_thread(guest.say))["chat_id"]
    mine = socket(guest, f"{chat_id}/")
    assert (await mine.open())["type"] == "ready"
    await in_thread(guest.say, "unheard", chat_id=chat_id)
    await mine.send(action="ping")
    assert (await mine.next("new_message"))["message"]["text"] == "unheard"
    await mine.next("pong")
