"""The chat on a page of another site: by a token that its own visitor carries, and by no cookie."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.test import Client

from tests.webchat.embedding import (
    EVIL,
    SHOP,
    Embedded,
    ask,
    embedded_channel,
    expired,
    guest_of,
    identity,
    token_for,
)
from unicom.models import Account, Channel, Chat
from unicom.platforms.webchat import tokens

pytestmark = pytest.mark.django_db
DAY = 86_400


def test_a_guest_is_given_a_token_and_chats_by_it_alone(shop):
    response = ask(shop)
    given = response.json()
    assert (given["success"], given["visitor"]) == (True, "guest")
    assert not response.cookies and not Account.objects.exists(), "nothing is stored before they write"
    guest = Embedded(given["token"])
    chat_id = guest.say("hello")["chat_id"]
    assert guest.chat_ids() == [chat_id]
    assert [m["text"] for m in guest.messages(chat_id)["messages"]] == ["hello"]
    assert not guest.client.cookies, "nor is a cookie set"
    assert Chat.objects.get().channel == shop
    assert Account.objects.get().pk.startswith("webchat_guest_")


def test_a_token_is_given_to_pages_that_are_allowed_to_ours_and_to_nobody_else(shop, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://sister.example"]
    statuses = {
        origin: ask(shop, origin=origin).status_code
        for origin in (SHOP, "http://testserver", "https://sister.example", EVIL, "null", "http://shop.example",
                       "https://shop.example.evil.example", "https://evilshop.example", "https://a.shop.example",
                       "https://shop.example:8443", "https://shop.example/", "", None)
    }  # fmt: skip
    allowed = {SHOP, "http://testserver", "https://sister.example"}
    assert statuses == {origin: 200 if origin in allowed else 403 for origin in statuses}
    assert ask(shop, origin=None, **identity()).status_code == 200, "a program, with a proof"


def test_a_wildcard_lets_in_every_name_below_and_not_the_one_above(db):
    channel = embedded_channel(ALLOWED_ORIGINS=["https://*.shop.example"])
    given = {"https://a.shop.example": 200, "https://a.b.shop.example": 200, SHOP: 403, "https://evilshop.example": 403}
    assert {origin: ask(channel, origin=origin).status_code for origin in given} == given


def test_a_web_chat_without_a_config_is_on_nobody_else_s_pages(web):
    assert ask(web).status_code == 403
    assert ask(web, origin="http://testserver").status_code == 200
    assert ask(web, origin=None, **identity()).status_code == 403
    assert not Account.objects.exists()


def test_a_channel_that_is_not_there_gives_no_token(shop):
    shop.active = False
    shop.save()
    wrong: list[Any] = [shop.pk, shop.pk + 1, "x", "x\x00", [], -1]
    for channel_id in wrong:
        assert ask(shop, channel_id=channel_id).status_code in (400, 404)


def test_an_old_token_gives_a_fresh_one_for_the_same_guest(shop):
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        guest = guest_of(shop)
        chat_id = guest.say("hello")["chat_id"]
        clock.shift(29 * DAY)
        again = Embedded(token_for(shop, token=guest.token))
        clock.shift(2 * DAY)
        assert guest.get("chats/").status_code == 401
        assert again.chat_ids() == [chat_id]
        assert Embedded(token_for(shop, token=guest.token)).chat_ids() == [], "one that has ended is no proof"


def test_a_guest_s_name_goes_with_the_token(shop):
    guest = Embedded(token_for(shop, name="  Zoë  "))
    guest.say()
    assert Account.objects.get().name == "Zoë"
    again = Embedded(token_for(shop, token=guest.token))
    assert again.say("again")["message"]["sender_name"] == "Zoë"
    assert ask(shop, name="x" * 101).status_code == 400
    assert len(token_for(shop, name="\U0001f600" * 100)) <= tokens.LONGEST


def test_new_guests_from_one_address_are_bounded_and_known_ones_are_not(shop, settings):
    """WC-05: as guests with a session are; failed proofs count, those who are known do not."""
    settings.UNICOM_VISITOR_LIMITS = {"guests": (3, 3600)}
    settings.UNICOM_CLIENT_ADDRESS_HEADER = "X-Forwarded-For"

    def come(**body: Any) -> Any:
        return ask(shop, client=Client(headers={"x-forwarded-for": "203.0.113.7"}), **body)

    first = come().json()["token"]
    assert come(**identity("ann")).status_code == 200
    assert come(identifier="ann", identifier_hash="0" * 64).status_code == 403
    refusals: list[dict[str, Any]] = [{}, identity("bob"), {"identifier": "ann", "identifier_hash": "0" * 64}]
    for body in refusals:
        refused = come(**body)
        assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
        assert (
            refused["Access-Control-Allow-Origin"] == SHOP and "Retry-After" in refused["Access-Control-Expose-Headers"]
        )
    assert come(token=first).status_code == come(**identity("ann")).status_code == 200


def test_what_is_no_request_for_a_token_is_answered_with_a_sentence(shop):
    wrong: list[dict[str, Any]] = [
        {"token": ["x"]}, {"token": "x" * 5000}, {"identifier": "ann"}, {"identifier_hash": "x"}, {"identifier": []},
        {"name": {}}, {"identifier": "a" * 301, "identifier_hash": "x"},
    ]  # fmt: skip
    for body in wrong:
        response = ask(shop, **body)
        assert response.status_code == 400 and response.json()["error"], body
    assert Client().get("/unicom/webchat/token/").status_code == 405


def test_beside_a_token_cookies_count_for_nothing_and_no_csrf_token_is_asked_for(shop, new_user):
    user = new_user("ann")
    chat_id = user.say("of the user")["chat_id"]
    guest = guest_of(shop)
    guest.client.cookies = user.client.cookies
    assert guest.chat_ids() == [] and guest.get("messages/", chat_id=chat_id).status_code == 404
    mine = guest.say("of the guest")["chat_id"]
    assert mine not in user.chat_ids()
    user.client.handler.enforce_csrf_checks = True
    assert user.send("x").status_code == 403, "without one it is the session's, with CSRF as ever"


def test_another_scheme_of_authorization_is_no_token(shop, user):
    """A site behind Basic authentication goes on by its sessions."""
    user.client.defaults["HTTP_AUTHORIZATION"] = "Basic dXNlcjpwdw=="
    assert user.say()["success"]
    user.client.defaults["HTTP_AUTHORIZATION"] = "bearer nonsense"
    assert user.send().status_code == 401


def test_a_token_reaches_its_own_channel_only(shop, web, drain):
    other = embedded_channel()
    guest = guest_of(shop)
    own = guest.say("mine")["chat_id"]
    # An operator may put somebody into a chat of another channel: the token does not follow.
    chat = Chat.objects.create(id="webchat_other", channel=other)
    chat.accounts.add(Account.objects.get())
    carrier = chat.send_message({"text": "secret", "buttons": [[{"text": "A", "callback_data": 1}]]})
    drain()
    assert guest.chat_ids() == guest.chat_ids(channel_id=shop.pk) == [own]
    assert guest.get("chats/", channel_id=other.pk).status_code == 404
    assert guest.get("search/", q="secret").json()["results"] == []
    for response in (
        guest.get("messages/", chat_id=chat.pk), guest.send("x", chat_id=chat.pk), guest.send("x", channel_id=other.pk),
        guest.send("x", channel_id=web.pk), guest.call("patch", f"chat/{chat.pk}/", {"title": "x"}),
        guest.call("delete", f"chat/{chat.pk}/delete/"),
        guest.call("post", "button-click/", {"callback_execution_id": carrier.callback_executions.get().pk}),
    ):  # fmt: skip
        assert response.status_code == 404
    assert Chat.objects.filter(channel=web).count() == 0


def test_a_page_that_is_not_allowed_any_more_gets_nothing(shop):
    guest = guest_of(shop)
    guest.say()
    shop.config = {"ALLOWED_ORIGINS": ["https://new.example"]}
    shop.save()
    embedded_channel()  # another chat may still be on that page, and this token is not for it
    refused = guest.get("chats/")
    assert refused.status_code == 403 and "Access-Control-Allow-Origin" not in refused
    assert Embedded(guest.token, origin="https://new.example").chats()["success"]
    assert Embedded(guest.token, origin=None).chats()["success"]
    assert Embedded(guest.token, origin=EVIL).send("x").status_code == 403


def test_a_config_that_nobody_can_read_lets_nobody_in_and_breaks_nothing_else(shop, caplog):
    broken = Channel.objects.create(name="Broken", platform="WebChat", config={"ALLOWED_ORIGINS": 5})
    assert ask(broken).status_code == 403
    assert f"Channel {broken.pk}" in caplog.text
    assert guest_of(shop).say()["success"]


HOSTILE = {
    "empty": "", "words": "nonsense", "dots": "...", "not ours": "a:b:c", "NUL": "\x00", "not ASCII": "tökén",
    "huge": "x" * 100_000, "a JWT without a signature": "eyJhbGciOiJub25lIn0.eyJjIjoxLCJnIjoieCJ9.",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_token_opens_nothing_wherever_it_stands(shop, name):
    """As 401 with a sentence that the page may read; never a 500, and never repeated."""
    guest = Embedded(HOSTILE[name].replace("\x00", "\\0"))
    for response in (guest.get("chats/"), guest.send("x"), guest.call("post", "typing/", {"chat_id": "x"})):
        assert response.status_code == 401 and response["WWW-Authenticate"] == "Bearer"
        assert response["Access-Control-Allow-Origin"] == SHOP
        assert response.json().keys() == {"error"} and "nonsense" not in response.json()["error"]
    assert ask(shop, token=HOSTILE[name]).status_code == (400 if name == "huge" else 200)
    assert not Account.objects.exists()


def test_a_tampered_token_is_none(shop):
    """Each part of it; one signed for something else; one of another site's key."""
    guest = guest_of(shop)
    guest.say()
    payload, signature = guest.token.split(":")
    said = json.loads(signing.b64_decode(payload.encode()))
    other = signing.b64_encode(json.dumps({**said, "c": said["c"] + 1}).encode()).decode()
    forever = signing.b64_encode(json.dumps({**said, "e": 9_999_999_999}).encode()).decode()
    claims = {"c": shop.pk, "e": 9_999_999_999, "g": said["g"], "n": ""}
    for token in (
        f"{other}:{signature}", f"{forever}:{signature}", payload, f"{payload}:", f":{signature}",
        f"{payload}:{signature}x",
        signing.Signer(salt="unicom.webchat.file").sign_object(claims), signing.dumps(claims),
        signing.Signer(key="another key", salt=tokens.SALT).sign_object(claims),
    ):  # fmt: skip
        assert Embedded(token).get("chats/").status_code == 401, token


def test_a_token_outlives_a_change_of_the_site_s_key(shop, settings):
    settings.UNICOM_ENCRYPTION_KEYS = ["what channels are encrypted with is another key"]
    shop.save()
    guest = guest_of(shop)
    guest.say()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key" * 5, [settings.SECRET_KEY]
    assert len(guest.chat_ids()) == 1
    settings.SECRET_KEY_FALLBACKS = []
    assert guest.get("chats/").status_code == 401


def test_a_channel_whose_secrets_cannot_be_read_is_on_no_page(shop, settings):
    """With a sentence, and nothing of why."""
    guest = guest_of(shop)
    settings.UNICOM_ENCRYPTION_KEYS = ["a key that opens nothing that is stored"]
    for response in (guest.get("chats/"), ask(shop)):
        assert response.status_code == 500 and "key" not in response.json()["error"]
        assert "Access-Control-Allow-Origin" not in response


def test_one_channel_whose_secrets_cannot_be_read_keeps_no_other_off_its_pages(shop, settings, caplog):
    settings.UNICOM_ENCRYPTION_KEYS = ["a key that was lost since then"]
    embedded_channel()
    del settings.UNICOM_ENCRYPTION_KEYS
    response = ask(shop, token="nonsense")
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, SHOP)
    locked = Channel.objects.order_by("pk").values_list("pk", flat=True)[1]
    assert f"Channel {locked} is on no other site's pages" in caplog.text and "UNICOM_ENCRYPTION_KEYS" in caplog.text


def test_a_token_is_in_no_log_and_no_repr(shop, caplog):
    caplog.set_level(logging.DEBUG)
    guest = guest_of(shop)
    guest.say()
    expired(guest).get("chats/")
    Embedded(guest.token, origin=EVIL).get("chats/")
    item = tokens.read(guest.token)
    for hidden in (guest.token, item.secret):
        assert hidden not in caplog.text + repr(item)
