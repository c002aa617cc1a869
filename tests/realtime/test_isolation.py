"""The isolation matrix: everybody × every endpoint and every socket action, on the chats of a few of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission
from django.urls import get_resolver

from tests.pipeline.conftest import PNG
from tests.realtime.conftest import Socket, in_thread
from tests.webchat.conftest import Visitor
from tests.webchat.embedding import Embedded, embedded_channel, expired, guest_of, identity, token_for
from unicom.models import AccountChat, CallbackExecution, Chat, Message

pytestmark = pytest.mark.django_db(transaction=True)

Owned = dict[str, str]
Act = Callable[[Visitor, Owned], Any]

# name of the URL → (what is asked for, what its owner gets, what everybody else gets)
ENDPOINTS: dict[str, list[tuple[Act, int, int]]] = {
    "webchat_send": [
        (lambda who, of: who.send("x", chat_id=of["chat"]), 200, 404),
        (lambda who, of: who.upload(PNG, "a.png", "image/png", chat_id=of["chat"]), 200, 404),
        (lambda who, of: who.send("x", chat_id=of["chat"], reply_to_message_id=of["message"]), 200, 404),
    ],
    "webchat_messages": [
        (lambda who, of: who.get("messages/", chat_id=of["chat"]), 200, 404),
        (lambda who, of: who.get("messages/", chat_id=of["chat"], after=of["message"]), 200, 404),
        (lambda who, of: who.get("messages/", chat_id=of["chat"], before=of["message"]), 200, 404),
        (lambda who, of: who.get("messages/", chat_id=of["chat"], branch=of["message"]), 200, 404),
    ],
    "webchat_chats": [(lambda who, of: who.get("chats/", cursor=of["chat"]), 200, 404)],
    "webchat_search": [
        (lambda who, of: who.get("search/", q="words", cursor=of["message"]), 200, 404),
    ],
    "webchat_read": [
        (lambda who, of: who.call("post", "read/", {"chat_id": of["chat"], "message_id": of["message"]}), 200, 404)
    ],
    "webchat_typing": [(lambda who, of: who.call("post", "typing/", {"chat_id": of["chat"]}), 200, 404)],
    "webchat_stop": [(lambda who, of: who.call("post", "stop/", {"chat_id": of["chat"]}), 200, 404)],
    "webchat_media": [(lambda who, of: Downloaded(who, of["media"]), 200, 404)],
    "webchat_button_click": [
        (lambda who, of: who.call("post", "button-click/", {"callback_execution_id": of["button"]}), 200, 403)
    ],
    "webchat_update_chat": [
        (lambda who, of: who.call("patch", f"chat/{of['chat']}/", {"title": "mine"}), 200, 404),
        (lambda who, of: who.call("put", f"chat/{of['chat']}/", {"is_archived": False}), 200, 404),
    ],
    # Last, for then it is gone.
    "webchat_delete_chat": [
        (lambda who, of: who.call("delete", f"chat/{of['chat']}/delete/"), 200, 404),
        (lambda who, of: who.call("delete", f"chat/{of['chat']}/delete/?hard_delete=true"), 404, 404),
    ],
}
# They show nothing of anybody's; who is given which token has tests of its own.
OPEN = {"webchat_demo", "webchat_token"}
FRAMES: list[dict[str, Any]] = [
    {"action": "ping"}, {"action": "typing"}, {"action": "read", "message_id": "message"}, {"action": "sync"},
    {"action": "sync", "after": "message"},
]  # fmt: skip


class Downloaded:
    """Be the answer to a download, read to its end."""

    def __init__(self, who: Visitor, url: str) -> None:
        response, _ = who.download(url)
        self.status_code = response.status_code


EVERYBODY = (
    "guest",
    "other guest",
    "user",
    "other user",
    "staff",
    "staff with permission",
    "superuser",
    "logged out",
    "nobody",
    "bearer",
    "other bearer",
    "identified bearer",
    "expired bearer",
    "bearer elsewhere",
    "bearer of another channel",
    "tampered bearer",
)
OWNERS = ["guest", "user", "bearer", "identified bearer"]
# Who is refused before anything is looked for: (the status of every endpoint, the close code of every socket).
REFUSED = {"expired bearer": (401, 4401), "bearer elsewhere": (403, 4403), "tampered bearer": (401, 4401)}
NOBODY = ("nobody", "logged out")
# Which channel a token is for.
BY_TOKEN = {"bearer": 1, "other bearer": 1, "identified bearer": 1, "bearer of another channel": 2}
OTHER = "https://other.example"


@pytest.fixture
def everybody(web: Any, new_user: Callable[..., Visitor], django_user_model: Any) -> dict[str, Visitor]:
    """Return one of each, all but nobody with a chat of their own."""
    found = {
        "guest": Visitor(),
        "other guest": Visitor(),
        "user": new_user("ann"),
        "other user": new_user("bob"),
        "staff": new_user("staff", is_staff=True),
        "staff with permission": new_user("agent", is_staff=True),
        "superuser": new_user("root", is_staff=True, is_superuser=True),
        "logged out": new_user("eve"),
    }
    agent = django_user_model.objects.get(username="agent")
    agent.user_permissions.set(Permission.objects.filter(content_type__app_label="unicom"))
    for visitor in found.values():
        visitor.say("words of my own")
    found["logged out"].client.logout()
    return {**found, "nobody": Visitor(), **bearers()}


def bearers() -> dict[str, Visitor]:
    """Return the visitors of other sites' pages, those whose token counts with a chat of their own."""
    shop, other = embedded_channel(), embedded_channel(ALLOWED_ORIGINS=[OTHER])
    found: dict[str, Embedded] = {
        "bearer": guest_of(shop),
        "other bearer": guest_of(shop),
        "identified bearer": Embedded(token_for(shop, **identity("ann"))),
        "bearer of another channel": Embedded(token_for(other, origin=OTHER), origin=OTHER),
    }
    for visitor in found.values():
        visitor.say("words of my own")
    token = found["bearer"].token
    return {
        **found,
        # Each would be the owner, if it counted.
        "expired bearer": expired(found["bearer"]),
        "bearer elsewhere": Embedded(token, origin=OTHER),
        "tampered bearer": Embedded(f"{token[:-2]}{'AA' if token[-2:] != 'AA' else 'BB'}"),
    }


def belongings(owner: Visitor) -> Owned:
    """Return the ids of what somebody has: a chat with a file, an answer, a button."""
    sent = owner.upload(PNG, "a.png", "image/png", text="words of the owner").json()
    chat = Chat.objects.get(pk=sent["chat_id"])
    carrier = chat.send_message({"text": "Choose", "buttons": [[{"text": "A", "callback_data": 1}]]})
    return {
        "chat": chat.pk,
        "message": sent["message"]["id"],
        # Without the key that a token's visitor has: that opens the one file, for whoever has it.
        "media": urlsplit(sent["message"]["media_url"]).path,
        "button": carrier.callback_executions.get().pk,
    }


def state() -> Any:
    """Return what nobody but the owner may change."""
    return (
        list(Message.objects.order_by("pk").values_list("pk", "text", "status")),
        list(Chat.objects.order_by("pk").values_list("pk", "name", "is_archived", "deleted_at", "stop_requested_at")),
        list(AccountChat.objects.order_by("pk").values_list("account_id", "chat_id", "read_seq")),
        list(CallbackExecution.objects.order_by("pk").values_list("clicks", flat=True)),
    )


@pytest.mark.parametrize("owner", OWNERS)
def test_every_endpoint_gives_a_chat_to_its_owner_and_to_nobody_else(everybody, owner):
    """Also not to staff, who have the admin; and nothing is changed on the way."""
    owned = belongings(everybody[owner])
    before = state()
    table = [(name, number, *row) for name, rows in ENDPOINTS.items() for number, row in enumerate(rows)]
    wrong = []
    for who in (*(name for name in EVERYBODY if name != owner), owner):
        for name, number, act, theirs, others in table:
            status = act(everybody[who], owned).status_code
            expected = REFUSED[who][0] if who in REFUSED else theirs if who == owner else others
            if name == "webchat_button_click" and who in BY_TOKEN and BY_TOKEN[who] != BY_TOKEN.get(owner):
                expected = 404  # a button of a channel that the token does not reach: as if it were not there
            if status != expected:
                wrong.append((who, name, number, status))
        if who != owner:
            assert state() == before, who
            if who in REFUSED:
                continue
            visitor = everybody[who]
            listed = [*visitor.chat_ids(), *visitor.chat_ids(is_archived="true")]
            found = [item["chat"]["id"] for item in visitor.get("search/", q="words of the owner").json()["results"]]
            assert owned["chat"] not in [*listed, *found], who
    assert wrong == []


def test_the_matrix_has_every_endpoint_of_the_web_chat():
    """One that is added has to be added here."""
    named = {str(name) for name in get_resolver("unicom.urls").reverse_dict if str(name).startswith("webchat_")}
    assert named == set(ENDPOINTS) | OPEN


@pytest.mark.parametrize("owner", OWNERS)
async def test_every_socket_action_is_its_owner_s_and_nobody_else_s(layer, everybody, owner):
    """A socket of somebody else is closed before its first action; one that was let in has every action."""
    owned = await in_thread(belongings, everybody[owner])
    before = await in_thread(state)
    for who in EVERYBODY:
        if who == owner:
            continue
        for frame in FRAMES:
            socket = Socket(everybody[who], f"{owned['chat']}/")
            filled = {key: owned.get(value, value) for key, value in frame.items()}
            await socket.begin()
            await socket.send(**filled)
            code = REFUSED[who][1] if who in REFUSED else 4401 if who in NOBODY else 4403
            assert await socket.next() == {"closed": code}, (who, frame)
            await socket.close()
    assert await in_thread(state) == before
    socket = Socket(everybody[owner], f"{owned['chat']}/")
    assert (await socket.open())["type"] == "ready"
    for frame in FRAMES:
        await socket.send(**{key: owned.get(value, value) for key, value in frame.items()})
        await socket.send(action="ping")
        while (answer := await socket.next())["type"] != "pong":
            assert answer["type"] in ("message_updated", "new_message", "synced", "chat_update"), answer
    await socket.close()


async def test_a_message_of_somebody_else_s_is_no_place_to_sync_from_nor_to_read_to(socket, everybody):
    """In one's own chat; nothing of it is told."""
    theirs = await in_thread(belongings, everybody["user"])
    own = (await in_thread(everybody["guest"].chat_ids))[0]
    mine = socket(everybody["guest"], f"{own}/")
    await mine.open()
    for frame in ({"action": "sync", "after": theirs["message"]}, {"action": "read", "message_id": theirs["message"]}):
        await mine.send(**frame)
        assert await mine.next() == {"type": "error", "error": "There is no such message."}


async def test_a_list_hears_of_nobody_else_s_chats(socket, everybody):
    """Everybody's list is open while everybody writes; each hears of one chat."""
    lists = {}
    for who, visitor in everybody.items():
        lists[who] = socket(visitor, "_me/")
        answer = await lists[who].open()
        code = REFUSED[who][1] if who in REFUSED else 4401 if who in NOBODY else 0
        assert answer == ({"closed": code} if code else {"type": "ready", "chat_id": "_me"}), who
    own = {}
    for who, visitor in everybody.items():
        if who not in NOBODY and who not in REFUSED:
            own[who] = (await in_thread(visitor.say, "again"))["chat_id"]
    for who, chat_id in own.items():
        assert (await lists[who].next("chat_update"))["chat"]["id"] == chat_id
        assert await lists[who].is_quiet()
