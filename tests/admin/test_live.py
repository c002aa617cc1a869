"""Staff watch a conversation live: what is new comes by itself, and the other side sees that they look and write."""

from __future__ import annotations

import pytest
from django.contrib.admin.utils import quote
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.admin.conftest import EVIL, page
from unicom.models import Chat

pytestmark = pytest.mark.django_db


def live(chat) -> str:
    return reverse("admin:unicom_chat_live", args=[quote(chat.pk)])


def test_what_is_new_comes_by_itself(staff, chat, said):
    """As the page shows it, escaped; nothing where nothing is new."""
    client = staff("view_chat", "view_message")
    said("first")
    shown = client.get(page("chat", chat.pk)).content.decode()
    assert f'data-live="{live(chat)}"' in shown and "live.js" in shown
    before = client.get(live(chat))
    assert before.status_code == 200 and "first" in before.content.decode()
    again = client.get(live(chat), headers={"if-none-match": before["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    said(EVIL)
    after = client.get(live(chat), headers={"if-none-match": before["ETag"]})
    text = after.content.decode()
    assert after.status_code == 200 and "&lt;script&gt;alert(1)" in text and "<script>alert(1)" not in text
    assert after["ETag"] != before["ETag"]


@pytest.mark.parametrize(
    ("permissions", "status"),
    [((), 403), (("view_chat",), 403), (("view_message",), 403), (("view_chat", "view_message"), 200),
     (("change_chat", "change_message"), 200), (("add_message", "view_channel"), 403)],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
def test_only_who_may_read_the_chat_s_messages_gets_them(staff, chat, said, permissions, status, method):
    """Each permission by itself is not enough."""
    said("secret words")
    response = getattr(staff(*permissions), method)(live(chat))
    assert response.status_code == status
    assert ("secret words" in response.content.decode()) is (status == 200)


def test_nobody_and_visitors_are_sent_to_the_log_in(chat, said, django_user_model):
    """Neither without a session, nor as a user who is no staff."""
    said("secret words")
    user = Client()
    user.force_login(django_user_model.objects.create_user("ann"))
    for client in (Client(), user):
        response = client.get(live(chat))
        assert response.status_code == 302 and "login" in response["Location"]


def test_a_chat_that_is_not_there_is_404(staff):
    """Nor one whose id is odd."""
    client = staff("view_chat", "view_message")
    for pk in ("nothing", "a/b", "%00"):
        assert client.get(f"/admin/unicom/chat/{pk}/live/").status_code in (302, 404)


def test_who_looks_has_read_it(staff, chat, said):
    """A POST, with CSRF; a GET of a hidden page marks nothing."""
    client = staff("view_chat", "view_message")
    said("one")
    client.get(live(chat))
    assert Chat.objects.get().read_seq == 0
    client.post(live(chat))
    assert Chat.objects.get().read_seq == chat.last_seq == 1
    guarded = Client(enforce_csrf_checks=True)
    guarded.cookies = client.cookies
    assert guarded.post(live(chat)).status_code == 403


def test_who_writes_is_shown_to_the_visitor_who_polls(staff, db):
    """On our own pages; only for who may send."""
    from tests.webchat.conftest import Visitor
    from unicom.models import Channel

    cache.clear()
    Channel.objects.create(name="Website", platform="WebChat")
    visitor = Visitor()
    chat_id = visitor.say("hello")["chat_id"]
    chat = Chat.objects.get()
    staff("view_chat", "view_message").post(live(chat), {"writing": "1"})
    assert visitor.messages(chat_id)["typing"] == []
    staff("view_chat", "view_message", "add_message").post(live(chat), {"writing": "1"})
    found = visitor.messages(chat_id)
    assert found["typing"] == [{"name": "", "is_outgoing": True}]
    assert found["read_up_to"] == found["messages"][0]["id"]
    cache.clear()


def test_a_look_costs_the_same_however_long_the_chat_is(staff, chat, said):
    """Session, user, permissions, chat, messages, files, reactions of people and of ours."""
    client = staff("view_chat", "view_message")
    costs = []
    for count in (1, 150):
        for number in range(count):
            said(str(number))
        with CaptureQueriesContext(connection) as queries:
            client.get(live(chat))
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 10
