"""Whom another site vouches for is the same person everywhere, and a guest before that."""

from __future__ import annotations

import base64

import pytest
import time_machine

from tests.webchat.conftest import Visitor
from tests.webchat.embedding import (
    SECRET,
    Embedded,
    ask,
    embedded_channel,
    guest_of,
    identity,
    proof,
    token_for,
)
from unicom.models import Account, AccountIdentity, Chat, Message
from unicom.platforms.webchat import tokens
from unicom.services.webchat.migrate_guest_to_user import migrate_guest_to_user

pytestmark = pytest.mark.django_db
DAY = 86_400


@pytest.fixture
def ann(shop) -> Embedded:
    """Return a visitor the shop vouches for."""
    return Embedded(token_for(shop, **identity("ann"), name="Ann Lee"))


def test_somebody_the_site_vouches_for_is_the_same_everywhere(shop, ann):
    chat_id = ann.say("hello")["chat_id"]
    elsewhere = Embedded(token_for(shop, **identity("ann")))
    assert elsewhere.chat_ids() == [chat_id]
    account = Account.objects.get()
    assert (account.name, account.username) == ("Ann Lee", "ann")
    assert AccountIdentity.objects.get().value == "ann" and AccountIdentity.objects.get().scope == str(shop.pk)
    assert Embedded(token_for(shop, **identity("Ann"))).chat_ids() == [], "identifiers are told apart letter by letter"
    assert Message.objects.get().sender_name == "Ann Lee"
    token_for(shop, **identity("ann"), name="Ann Smith")
    assert Account.objects.get(username="ann").name == "Ann Smith"


@pytest.mark.parametrize(
    "wrong",
    [
        "", "0" * 64, proof("bob"), proof("ann")[:-1], proof("ann") + "0",
        proof("ann", "another secret, of somebody else's"), "ä" * 64, "\x00", "none", "x" * 300,
        base64.b64encode(bytes.fromhex(proof("ann"))).decode(),
    ],
)  # fmt: skip
def test_a_wrong_hash_is_403_and_stores_nothing(shop, wrong):
    guest = guest_of(shop)
    guest.say()
    before = (Account.objects.count(), AccountIdentity.objects.count())
    response = ask(shop, identifier="ann", identifier_hash=wrong, token=guest.token)
    assert response.status_code == (403 if wrong else 400) and "token" not in response.json()
    assert (Account.objects.count(), AccountIdentity.objects.count()) == before
    assert len(guest.chat_ids()) == 1


def test_both_secrets_count_while_one_is_changed(db):
    old, new = "o" * 32, "n" * 32
    channel = embedded_channel(IDENTITY_SECRET=[new, old])
    for secret, status in ((old, 200), (new, 200), (SECRET, 403)):
        assert ask(channel, identifier="ann", identifier_hash=proof("ann", secret)).status_code == status
    assert ask(channel, identifier="ann", identifier_hash=proof("ann", new).upper()).status_code == 200


def test_an_identifier_proven_to_one_channel_opens_nothing_of_another_s_nor_of_a_user_s(shop, new_user):
    other = embedded_channel(IDENTITY_SECRET="the secret of quite another web chat")
    user = new_user("ann")
    user.say("of a user")
    pk = Account.objects.get().external_id.removeprefix("user_")
    there = Embedded(token_for(other, identifier=pk, identifier_hash=proof(pk, "the secret of quite another web chat")))
    there.say("of the other chat")
    for identifier in (pk, f"user_{pk}", f"webchat_user_{pk}", f"visitor_{other.pk}_{pk}"):
        assert Embedded(token_for(shop, **identity(identifier))).chat_ids() == []
    assert Account.objects.filter(username=pk).count() == 2, "they are two people"
    assert ask(other, **identity(pk)).status_code == 403


def test_a_guest_who_proves_who_they_are_keeps_the_chats_and_the_guest_s_token_is_nobody_s(shop, drain):
    """WC-07: on proof of both, the guest's token and the site's word."""
    guest = guest_of(shop)
    chat_id = guest.say("as a guest", client_msg_id="c1")["chat_id"]
    answer = Chat.objects.get().send_message({"text": "?", "buttons": [[{"text": "A", "callback_data": 1}]]})
    drain()
    ann = Embedded(token_for(shop, token=guest.token, **identity("ann"), name="Ann"))
    assert ann.chat_ids() == [chat_id]
    assert [m["sender_name"] for m in ann.messages(chat_id)["messages"] if not m["is_outgoing"]] == ["Ann"]
    assert ann.say("as a guest", client_msg_id="c1", chat_id=chat_id)["message"]["id"] == Message.objects.first().pk
    button = answer.callback_executions.get().pk
    assert ann.call("post", "button-click/", {"callback_execution_id": button}).status_code == 200
    assert Account.objects.get().username == "ann", "the guest's account is gone"
    for response in (guest.get("chats/"), guest.send("again"), guest.get("messages/", chat_id=chat_id)):
        assert response.status_code == 401
    stranger = Embedded(token_for(shop, token=guest.token))
    assert stranger.chat_ids() == [], "nor does it give another"
    bob = Embedded(token_for(shop, token=guest.token, **identity("bob")))
    assert bob.chat_ids() == []


def test_a_guest_who_never_wrote_is_nobody_either_once_they_are_known(shop):
    guest = guest_of(shop)
    token_for(shop, token=guest.token, **identity("ann"))
    assert guest.send("hello").status_code == 401
    assert not Chat.objects.exists()


def test_nobody_else_s_token_hands_anybody_over(shop, ann, new_user):
    """Not an identified one's, not one of another channel, not a tampered one."""
    other = embedded_channel()
    theirs = guest_of(other)
    theirs.say("elsewhere")
    ann.say("mine")
    for token in (ann.token, theirs.token, theirs.token[:-1] + "x"):
        assert Embedded(token_for(shop, token=token, **identity("eve"))).chat_ids() == []
        assert Embedded(token_for(shop, token=token)).chat_ids() == []
    assert len(theirs.chat_ids()) == len(ann.chat_ids()) == 1


def test_a_blocked_guest_stays_blocked_by_whatever_name(shop):
    guest = guest_of(shop)
    guest.say("bad")
    known = Embedded(token_for(shop, **identity("ann")))
    Account.objects.filter(pk__startswith="webchat_guest_").update(blocked=True)
    assert guest.send("more").status_code == 403
    token_for(shop, token=guest.token, **identity("ann"))
    assert known.send("more").status_code == 403


def test_a_site_s_word_counts_for_a_day_and_ends_with_the_account(shop, ann):
    ann.say()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        today = Embedded(token_for(shop, **identity("ann")))
        clock.shift(DAY - 1)
        assert today.get("chats/").status_code == 200
        clock.shift(1)
        assert today.get("chats/").status_code == 401
    fresh = Embedded(token_for(shop, **identity("ann")))
    Account.objects.all().delete()
    assert fresh.send("again").status_code == 401
    assert not Account.objects.exists()


def test_a_guest_by_token_is_no_guest_by_session(shop, django_user_model):
    """The documented function finds nobody by what is in a token."""
    guest = guest_of(shop)
    guest.say()
    user = django_user_model.objects.create_user("ann")
    assert migrate_guest_to_user(guest.token, user) is False
    assert migrate_guest_to_user(tokens.read(guest.token).secret, user) is False
    browser = Visitor()
    session = browser.client.session
    session["_unicom_guest"] = tokens.read(guest.token).secret
    session.save()
    assert browser.chat_ids() == []
