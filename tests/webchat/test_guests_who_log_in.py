"""A guest who logs in keeps the history: by itself at a real log-in, and by the documented function."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from tests.pipeline.conftest import PNG
from tests.webchat.conftest import Visitor
from unicom.models import (
    Account,
    AccountChat,
    AccountIdentity,
    CallbackExecution,
    Channel,
    Chat,
    IdempotencyKey,
    Member,
    Message,
    Request,
    Suppression,
)
from unicom.services.webchat.migrate_guest_to_user import migrate_guest_to_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(web):
    """Return a user who can log in."""
    return get_user_model().objects.create_user("ann", password="pw", first_name="Ann")


def everything_of(user) -> tuple[int, int, int]:
    """Count the messages, requests and chats of a user's account."""
    account = f"webchat_user_{user.pk}"
    return (
        Message.objects.filter(sender_id=account).count(),
        Request.objects.filter(account_id=account).count(),
        AccountChat.objects.filter(account_id=account).count(),
    )


def test_known_failure_10_a_guest_who_logs_in_keeps_the_history(guest, ann, drain):
    """Known failure 10: a guest who logs in keeps the history, although login rotates the session key."""
    first = guest.say("one")["chat_id"]
    guest.say("two", chat_id=first)
    second = guest.upload(PNG, "a.png", "image/png").json()["chat_id"]
    before = guest.client.session.session_key
    assert guest.client.login(username="ann", password="pw")
    assert guest.client.session.session_key != before
    assert guest.chat_ids() == [second, first]
    assert [m["text"] for m in guest.messages(first)["messages"]] == ["one", "two"]
    assert everything_of(ann) == (3, 3, 2)
    assert Account.objects.get().pk == f"webchat_user_{ann.pk}", "the guest's account is gone"
    assert guest.say("three", chat_id=first)["success"]
    assert "_unicom_guest" not in guest.client.session


def test_a_user_who_had_chats_keeps_both(guest, ann, new_user):
    """Old and new, and nothing twice."""
    at_home = Visitor()
    at_home.client.force_login(ann)
    old = at_home.say("old")["chat_id"]
    new = guest.say("new")["chat_id"]
    guest.client.login(username="ann", password="pw")
    assert guest.chat_ids() == at_home.chat_ids() == [new, old]
    assert Account.objects.count() == 1


def test_another_guest_s_chats_stay_theirs(guest, stranger, ann):
    """Only the one who logs in is handed over."""
    guest.say("mine")
    guest.client.login(username="ann", password="pw")
    assert len(stranger.chat_ids()) == 1
    assert not set(stranger.chat_ids()) & set(guest.chat_ids())


def test_a_second_user_of_the_browser_gets_nothing(guest, ann):
    """The guest's id leaves the session with the first log-in."""
    guest.say("mine")
    guest.client.login(username="ann", password="pw")
    guest.client.logout()
    get_user_model().objects.create_user("bob", password="pw")
    guest.client.login(username="bob", password="pw")
    assert guest.chat_ids() == []


def test_buttons_idempotency_and_the_block_go_along(guest, ann, drain):
    """A click, a repeat and a refusal work after the log-in as before it."""
    answer = guest.say("hello", client_msg_id="c1")
    message = Message.objects.get()
    button = {"text": "A", "callback_data": 1, "account": message.sender}
    carrier = message.reply_with({"text": "x", "buttons": [[button]]})
    drain()
    guest.client.login(username="ann", password="pw")
    assert guest.say("hello", client_msg_id="c1")["message"]["id"] == answer["message"]["id"]
    execution = carrier.callback_executions.get().pk
    assert guest.call("post", "button-click/", {"callback_execution_id": execution}).status_code == 200
    account_id = f"webchat_user_{ann.pk}"
    assert CallbackExecution.objects.get().account_id == IdempotencyKey.objects.get().caller == account_id


@pytest.mark.parametrize("known", [False, True])
def test_a_blocked_guest_stays_blocked_as_a_user(guest, ann, known):
    """A log-in is no way out, also for a user who had an account already."""
    if known:
        at_home = Visitor()
        at_home.client.force_login(ann)
        at_home.say("hello")
    guest.say("bad")
    Account.objects.filter(pk__startswith="webchat_guest_").update(blocked=True)
    guest.client.login(username="ann", password="pw")
    assert guest.send("more").status_code == 403


def test_the_user_s_member_is_the_account_s_member_and_the_requests_(guest, ann):
    """Identified by the log-in."""
    member = Member.objects.create(name="Ann", user=ann)
    guest.say("one")
    guest.client.login(username="ann", password="pw")
    assert Account.objects.get().member == member
    assert Request.objects.get().member == member


def test_a_member_made_later_finds_the_account_that_came_of_a_guest(guest, ann):
    """By the user."""
    guest.say("one")
    guest.client.login(username="ann", password="pw")
    member = Member.objects.create(name="Ann", user=ann)
    assert Account.objects.get().member == member


@pytest.mark.parametrize("which", ["before", "after"])
def test_the_documented_function_takes_the_key_from_before_or_after_the_log_in(guest, ann, which):
    """``migrate_guest_to_user(session_key, user)``; known or done twice is a no-op."""
    from django.contrib.auth.signals import user_logged_in

    receivers = list(user_logged_in.receivers)
    user_logged_in.disconnect(dispatch_uid="unicom.webchat.migrate_on_login")
    try:
        chat_id = guest.say("one")["chat_id"]
        keys = {"before": guest.client.session.session_key}
        guest.client.login(username="ann", password="pw")
        keys["after"] = guest.client.session.session_key
        assert keys["before"] != keys["after"]
        assert guest.chat_ids() == []
        assert migrate_guest_to_user(keys[which], ann) is True
        assert guest.chat_ids() == [chat_id]
        for key in (*keys.values(), "unknown", "", None):
            assert migrate_guest_to_user(key, ann) is False
        assert everything_of(ann) == (1, 1, 1)
    finally:
        user_logged_in.receivers = receivers
        user_logged_in.sender_receivers_cache.clear() if user_logged_in.use_caching else None


def test_a_migration_needs_a_real_user(guest):
    """Not an anonymous one, nor one that is not saved."""
    from django.contrib.auth.models import AnonymousUser

    guest.say()
    key = guest.client.session.session_key
    for nobody in (None, AnonymousUser(), get_user_model()(username="new")):
        assert migrate_guest_to_user(key, nobody) is False
    assert Account.objects.get().pk.startswith("webchat_guest_")


def test_a_user_s_own_session_hands_nobody_over(ann, new_user):
    """Another user's key is not a guest's."""
    other = new_user("bob")
    chat_id = other.say("bob's")["chat_id"]
    assert migrate_guest_to_user(other.client.session.session_key, ann) is False
    assert other.chat_ids() == [chat_id]


def test_a_failing_migration_is_not_in_the_way_of_the_log_in(guest, ann, monkeypatch):
    """The key stays, so that the documented function can still do it."""
    chat_id = guest.say("one")["chat_id"]

    def fail(*args):
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("unicom.platforms.webchat.guests._hand_over", fail)
        assert guest.client.login(username="ann", password="pw")
    assert migrate_guest_to_user(guest.client.session.session_key, ann) is True
    assert guest.chat_ids() == [chat_id]


def test_a_trouble_with_the_database_in_a_migration_does_not_break_the_log_in(guest, ann, monkeypatch):
    """Also where the log-in runs in a transaction: the failed statement is taken back."""
    from django.db import connection, transaction

    guest.say("one")

    def fail(*args):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_no_such_table")

    monkeypatch.setattr("unicom.platforms.webchat.guests.insert_if_absent", fail)
    with transaction.atomic():
        assert guest.client.login(username="ann", password="pw")
    assert guest.client.session.session_key


@pytest.mark.parametrize("engine", ["signed_cookies", "cached_db", "cache"])
def test_it_works_with_every_session_engine(engine, settings, ann):
    """Where the session has no row: ``signed_cookies``, and the caches."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    browser = Visitor()
    chat_id = browser.say("one")["chat_id"]
    assert browser.chat_ids() == [chat_id]
    assert browser.say("two", chat_id=chat_id)["success"]
    assert browser.client.login(username="ann", password="pw")
    assert browser.chat_ids() == [chat_id]
    assert everything_of(ann) == (2, 2, 1)


def test_known_failure_10_nothing_that_refers_to_the_guest_is_lost(guest, ann, drain):
    """Whatever refers to an account, of whichever model: it is the user's afterwards, and nothing is gone."""
    chat_id = guest.say("one")["chat_id"]
    guest_account = Account.objects.get()
    message = Message.objects.get()
    message.reply_with({"text": "?", "buttons": [[{"text": "A", "callback_data": 1, "account": guest_account}]]})
    drain()
    guest.call("post", "read/", {"chat_id": chat_id, "message_id": Message.objects.get(is_outgoing=True).pk})
    Suppression.objects.create(channel=message.channel, account=guest_account, reason="asked to be left alone")

    def referring(account_id: str) -> dict[str, int]:
        found = {}
        for relation in Account._meta.related_objects:
            if not relation.many_to_many and relation.related_model is not AccountIdentity:
                model, name = relation.related_model, relation.field.name
                found[f"{model.__name__}.{name}"] = model._base_manager.filter(**{name: account_id}).count()
        return found

    before = referring(guest_account.pk)
    assert {name for name, count in before.items() if count} >= {
        "AccountChat.account", "Message.sender", "Request.account", "CallbackExecution.account", "Suppression.account",
    }  # fmt: skip
    guest.client.login(username="ann", password="pw")
    assert referring(f"webchat_user_{ann.pk}") == before
    assert AccountChat.objects.get().read_seq == 2


def test_known_failure_10_a_chat_that_both_are_in_is_kept_once(guest, ann, new_user):
    """With the further of the two read marks."""
    at_home = Visitor()
    at_home.client.force_login(ann)
    at_home.say("old")
    chat = Chat.objects.get(pk=guest.say("new")["chat_id"])
    chat.accounts.add(Account.objects.get(pk=f"webchat_user_{ann.pk}"))
    guest.call("post", "read/", {"chat_id": chat.pk, "message_id": chat.last_message_id})
    guest.client.login(username="ann", password="pw")
    part = AccountChat.objects.get(chat=chat)
    assert (part.account_id, part.read_seq) == (f"webchat_user_{ann.pk}", 1)


@pytest.mark.parametrize("which", ["before", "after"])
def test_the_documented_function_takes_a_signed_cookie_s_key_too(settings, ann, which):
    """Where the key is the session itself, and a new one with every change."""
    from django.contrib.auth.signals import user_logged_in

    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    Channel.objects.get_or_create(name="Website", platform="WebChat")
    receivers = list(user_logged_in.receivers)
    user_logged_in.disconnect(dispatch_uid="unicom.webchat.migrate_on_login")
    try:
        browser = Visitor()
        chat_id = browser.say("one")["chat_id"]
        keys = {"before": browser.client.cookies["sessionid"].value}
        browser.client.login(username="ann", password="pw")
        keys["after"] = browser.client.cookies["sessionid"].value
        assert migrate_guest_to_user(keys[which], ann) is True
        assert browser.chat_ids() == [chat_id]
        for key in (*keys.values(), keys["before"][:-3], "x" * 5000):
            assert migrate_guest_to_user(key, ann) is False
    finally:
        user_logged_in.receivers = receivers
        user_logged_in.sender_receivers_cache.clear() if user_logged_in.use_caching else None
