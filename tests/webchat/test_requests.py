"""CSRF, methods, errors: every answer is JSON with the right status, and tells nothing of the inside."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from tests.webchat.conftest import Visitor
from unicom.models import Message

pytestmark = pytest.mark.django_db


def changing(visitor: Visitor, chat_id: str = "x") -> list:
    """Make every request that changes something."""
    return [
        visitor.send("x"),
        visitor.call("patch", f"chat/{chat_id}/", {"title": "x"}),
        visitor.call("put", f"chat/{chat_id}/", {"title": "x"}),
        visitor.call("delete", f"chat/{chat_id}/delete/"),
        visitor.call("post", "button-click/", {"callback_execution_id": "x"}),
    ]


def test_known_failure_10_everything_that_changes_something_needs_the_csrf_token(web):
    """Known failure 10: CSRF is required."""
    browser = Visitor(csrf=True)
    for response in changing(browser):
        assert response.status_code == 403
        assert response.json()["error"].startswith("The CSRF token is missing or wrong.")
    assert not Message.objects.exists()


def test_with_the_token_everything_works(web):
    """In the header, as the front end sends it."""
    browser = Visitor(csrf=True)
    browser.client.cookies["csrftoken"] = "a" * 32
    response = browser.call("post", "send/", {"text": "x"}, headers={"X-CSRFToken": "a" * 32})
    assert response.status_code == 200
    chat_id = response.json()["chat_id"]
    token = browser.client.cookies["csrftoken"].value
    response = browser.call("patch", f"chat/{chat_id}/", {"title": "New"}, headers={"X-CSRFToken": token})
    assert response.status_code == 200
    response = browser.call("patch", f"chat/{chat_id}/", {"title": "No"}, headers={"X-CSRFToken": "b" * 32})
    assert response.status_code == 403


def test_known_failure_10_csrf_is_required_also_where_the_project_has_no_such_middleware(web, settings):
    """The endpoints ask themselves."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    assert {response.status_code for response in changing(Visitor(csrf=True))} == {403}


def test_reading_needs_no_token(web):
    """GET changes nothing."""
    assert Visitor(csrf=True).get("chats/").status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("send/", "post"), ("messages/", "get"), ("chats/", "get"), ("chat/x/", "patch put"),
        ("chat/x/delete/", "delete"), ("button-click/", "post"),
    ],
)  # fmt: skip
def test_other_methods_are_405_and_say_which_are_allowed(guest, path, allowed):
    """In JSON, with ``Allow``."""
    for method in {"get", "post", "put", "patch", "delete"} - set(allowed.split()):
        response = guest.call(method, path)
        assert response.status_code == 405, method
        assert response["Allow"].lower().replace(",", "") == allowed
        assert response.json().keys() == {"error"}


@pytest.mark.parametrize(
    ("trouble", "status"), [(RuntimeError("table t, password p"), 500), (OperationalError("host db"), 503)]
)
def test_known_failure_24_error_bodies_carry_no_exception_text(guest, chat, monkeypatch, trouble, status):
    """Known failure 24: error bodies carried exception text."""

    def fail(*args, **kwargs):
        raise trouble

    for place in ("history.page", "chats_of", "save_webchat_message", "delete_chat", "inbound.click"):
        monkeypatch.setattr(f"unicom.platforms.webchat.views.{place}", fail)
    monkeypatch.setattr("unicom.models.Chat.save", fail)
    responses = [
        guest.get("messages/", chat_id=chat.pk),
        guest.get("chats/"),
        guest.send("x"),
        guest.call("patch", f"chat/{chat.pk}/", {"title": "x"}),
        guest.call("delete", f"chat/{chat.pk}/delete/"),
    ]
    for response in responses:
        assert response.status_code == status
        assert response.json().keys() == {"error"}
        assert str(trouble) not in response.content.decode() and type(trouble).__name__ not in response.content.decode()


def test_answers_are_never_kept_by_a_cache(guest, chat):
    """They are one visitor's."""
    for response in (guest.get("messages/", chat_id=chat.pk), guest.get("chats/"), guest.send("x")):
        assert "no-store" in response["Cache-Control"] and "private" in response["Cache-Control"]


def test_the_demo_page_is_404_unless_debug(guest, settings):
    """``webchat/demo/``."""
    assert guest.get("demo/").status_code == 404
    settings.DEBUG = True
    response = guest.get("demo/")
    assert response.status_code == 200 and "csrftoken" in response.cookies
    assert b"/unicom/webchat" in response.content


def test_a_visitor_who_never_wrote_sees_an_empty_list_and_gets_no_session(web):
    """A crawler leaves nothing behind."""
    browser = Visitor()
    assert browser.chats() == {"success": True, "chats": [], "has_more": False, "next_cursor": None}
    assert browser.get("messages/", chat_id="webchat_x").status_code == 404
    assert "sessionid" not in browser.client.cookies


def test_the_documented_import_paths_give_the_functions(web):
    """``unicom.services.webchat.*`` and ``unicom.views.webchat_views``."""
    from unicom.services.webchat.generate_chat_title import generate_chat_title
    from unicom.services.webchat.get_or_create_account import get_or_create_account
    from unicom.services.webchat.migrate_guest_to_user import migrate_guest_to_user
    from unicom.services.webchat.save_webchat_message import save_webchat_message
    from unicom.services.webchat.send_webchat_message import send_webchat_message
    from unicom.views import webchat_views

    assert generate_chat_title("Hello, I need help") == "I need help"
    for function in (get_or_create_account, migrate_guest_to_user, save_webchat_message, send_webchat_message):
        assert callable(function)
    for name in webchat_views.__all__:
        assert callable(getattr(webchat_views, name))


def test_an_account_can_be_made_before_its_visitor_writes(web, rf, django_user_model):
    """``get_or_create_account(channel, request)``, for guests and users, the same within a session."""
    from django.contrib.auth.models import AnonymousUser
    from django.contrib.sessions.backends.db import SessionStore

    from unicom.services.webchat.get_or_create_account import get_or_create_account

    request = rf.get("/")
    request.session, request.user = SessionStore(), AnonymousUser()
    guest = get_or_create_account(web, request)
    assert guest.pk.startswith("webchat_guest_")
    assert get_or_create_account(web, request) == guest
    request.user = django_user_model.objects.create_user("ann")
    assert get_or_create_account(web, request).pk == f"webchat_user_{request.user.pk}"
