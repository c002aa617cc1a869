"""Browsers let a page of another site read what is its visitor's, files among it, and nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from django.urls import get_resolver

from tests.pipeline.conftest import PNG
from tests.webchat.conftest import Visitor
from tests.webchat.embedding import (
    EVIL,
    SHOP,
    Embedded,
    guest_of,
    token_for,
)
from unicom.models import Account, AccountChat

pytestmark = pytest.mark.django_db


ENDPOINTS = sorted(
    name for name in map(str, get_resolver("unicom.urls").reverse_dict)
    if name.startswith("webchat_") and name != "webchat_demo"
)  # fmt: skip


def preflight(path: str, origin: str | None, method: str = "POST"):
    """Ask as a browser does before the request of a page of another site."""
    headers = {"access-control-request-method": method, "access-control-request-headers": "authorization,content-type"}
    return Client().options(f"/unicom/webchat/{path}", headers={**headers, **({"origin": origin} if origin else {})})


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_browser_may_ask_for_pages_that_a_chat_allows_and_for_no_other(shop, name):
    from django.urls import reverse

    arguments = {"webchat_update_chat": ["x"], "webchat_delete_chat": ["x"], "webchat_media": ["x"]}
    path = reverse(name, args=arguments.get(name, [])).removeprefix("/unicom/webchat/")
    allowed = preflight(path, SHOP)
    assert allowed.status_code == 204 and allowed["Access-Control-Allow-Origin"] == SHOP
    assert allowed["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert "Origin" in allowed["Vary"] and not allowed.cookies
    assert not {"Access-Control-Allow-Credentials"} & set(allowed.headers)
    for origin in (EVIL, "null", "https://shop.example.evil.example", None):
        refused = preflight(path, origin)
        assert refused.status_code == 403
        assert not [header for header in refused.headers if header.startswith("Access-Control")]


def test_an_answer_to_a_token_may_be_read_by_its_page_and_one_to_cookies_by_nobody(shop, user):
    guest = guest_of(shop)
    answer = guest.get("chats/")
    assert answer["Access-Control-Allow-Origin"] == SHOP and "Access-Control-Allow-Credentials" not in answer
    assert "Origin" in answer["Vary"]
    by_cookie = user.client.get("/unicom/webchat/chats/", headers={"origin": SHOP})
    assert by_cookie.status_code == 200 and "Access-Control-Allow-Origin" not in by_cookie
    assert "Origin" in by_cookie["Vary"]
    sent = user.client.post("/unicom/webchat/send/", {"text": "x"}, headers={"origin": EVIL})
    assert "Access-Control-Allow-Origin" not in sent


def test_a_closed_web_chat_is_on_no_page(shop):
    guest = guest_of(shop)
    chat_id = guest.say()["chat_id"]
    shop.active = False
    shop.save()
    assert preflight("send/", SHOP).status_code == 403
    assert guest.send("x", chat_id=chat_id).status_code == 404 and guest.send("x").status_code == 404


def test_a_file_s_link_is_whole_and_opens_that_one_file_by_itself(shop):
    guest = guest_of(shop)
    first = guest.upload(PNG, "a.png", "image/png").json()["message"]
    second = guest.upload(PNG, "b.png", "image/png", chat_id=first["chat_id"]).json()["message"]
    url = first["media_url"]
    assert url.startswith(f"https://testserver/unicom/webchat/media/{first['id']}/?key=") and guest.token not in url
    listed = guest.messages(first["chat_id"])["messages"]
    assert [message["media_url"] for message in listed] == [url, second["media_url"]], "the same for a while"
    anybody = Visitor()
    answer, content = anybody.download(url)
    assert answer.status_code == 200 and content.startswith(b"\x89PNG")
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    key = urlsplit(url).query.removeprefix("key=")
    for path, query in (
        (f"media/{second['id']}/", {"key": key}), (f"media/{first['id']}/", {}), (f"media/{first['id']}/", {"key": ""}),
        (f"media/{first['id']}/", {"key": key[:-1]}), (f"media/{first['id']}/", {"key": guest.token}),
        (f"media/{first['id']}/", {"key": "\x00ä" * 9999}),
    ):  # fmt: skip
        assert anybody.get(path, **query).status_code == 404, query
    assert Embedded(key).get("chats/").status_code == 401, "nor is it a token"
    own, _ = guest.download(f"/unicom/webchat/media/{first['id']}/")
    assert own["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_file_s_link_ends_by_itself_and_with_the_access(shop):
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        guest = guest_of(shop)
        message = guest.upload(PNG, "a.png", "image/png").json()["message"]
        url = message["media_url"]
        clock.shift(6 * 3600)
        assert Visitor().download(url)[0].status_code == 200
        assert guest.messages(message["chat_id"])["messages"][0]["media_url"] != url
        clock.shift(6 * 3600)
        assert Visitor().download(url)[0].status_code == 403
    guest = Embedded(token_for(shop, token=guest.token))
    url = guest.messages(message["chat_id"])["messages"][0]["media_url"]
    assert Visitor().download(url)[0].status_code == 200
    Account.objects.update(blocked=True)
    assert Visitor().download(url)[0].status_code == 403
    Account.objects.update(blocked=False)
    AccountChat.objects.all().delete()
    assert Visitor().download(url)[0].status_code == 404


def test_a_file_s_link_of_a_deleted_chat_opens_nothing(shop):
    guest = guest_of(shop)
    message = guest.upload(PNG, "a.png", "image/png").json()["message"]
    guest.call("delete", f"chat/{message['chat_id']}/delete/")
    assert Visitor().download(message["media_url"])[0].status_code == 404


def test_links_begin_with_the_public_origin_where_the_project_names_one(shop, settings):
    settings.DJANGO_PUBLIC_ORIGIN = "https://chat.example"
    message = guest_of(shop).upload(PNG, "a.png", "image/png").json()["message"]
    assert message["media_url"].startswith("https://chat.example/unicom/webchat/media/")


def test_a_visitor_by_session_is_shown_paths_as_ever(guest):
    message = guest.upload(PNG, "a.png", "image/png").json()["message"]
    assert message["media_url"] == f"/unicom/webchat/media/{message['id']}/"


def test_a_page_costs_a_token_s_visitor_no_more_statements_than_another(shop, django_assert_max_num_queries):
    guest = guest_of(shop)
    chat_id = guest.say()["chat_id"]
    with django_assert_max_num_queries(6):
        guest.messages(chat_id)
    with django_assert_max_num_queries(6):
        guest.chats()
