"""Hold the webhook: the handshake, the signature, whom each part is for, and what is kept."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from tests.platforms.whatsapp.conftest import SIGNATURE, URL, config_of, make_channel, post
from unicom import crypto
from unicom.models import Channel, Message, Request, Update
from unicom.testing.draining import drain


def ask(client: Any, **query: str) -> Any:
    return client.get(URL, {f"hub.{name}": value for name, value in query.items()})


def test_wa01_the_handshake_echoes_the_challenge_as_plain_text(client, channel):
    answer = ask(client, mode="subscribe", verify_token="our-words", challenge="1158201444")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"1158201444", "text/plain")


@pytest.mark.parametrize(
    "query",
    [
        {"mode": "subscribe", "verify_token": "wrong", "challenge": "1"},
        {"mode": "subscribe", "challenge": "1"},
        {"mode": "unsubscribe", "verify_token": "our-words", "challenge": "1"},
        {"verify_token": "our-words", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "ÿ\udc80", "challenge": "1"},
        {},
    ],
)
def test_wa01_any_other_handshake_is_403(client, channel, query):
    query = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    assert ask(client, **query).status_code == 403


def test_wa01_the_generated_verify_token_works(client, whatsapp, number, db):
    config = {"PHONE_NUMBER_ID": number.id, "ACCESS_TOKEN": whatsapp.token, "APP_SECRET": whatsapp.app_secret}
    channel = Channel.objects.create(name="Shop", platform="WhatsApp", config=config)
    words = channel.config["VERIFY_TOKEN"]
    assert len(words) >= 24
    assert ask(client, mode="subscribe", verify_token=words, challenge="7").content == b"7"


def test_wa02_a_signed_webhook_is_taken_in(client, channel, number, ann, whatsapp, deliver):
    ann.sends(number, "Grüße 👋 \\u0041 ñ")
    assert deliver() == [200]
    message = Message.objects.get()
    assert (message.text, message.platform, message.sender_name) == ("Grüße 👋 \\u0041 ñ", "WhatsApp", "Ann")
    assert Request.objects.get().message == message


def test_wa02_the_signature_is_of_the_raw_bytes(client, channel, number, ann, whatsapp):
    ann.sends(number, "ünïcödé 😀")
    headers, body = whatsapp.pending()[0]
    raw = json.dumps(json.loads(body), ensure_ascii=False, indent=1).encode()
    assert post(client, raw, headers) == 403, "the same JSON written otherwise is not what was signed"
    assert post(client, raw, whatsapp.sign(raw)) == 200
    assert Message.objects.get().text == "ünïcödé 😀"


@pytest.mark.parametrize(
    "signature", [None, "", "sha256=", "sha256=00", "sha1=abc", "sha256=ÿÿ", "sha256=" + "0" * 64, "0" * 64]
)
def test_wa02_a_wrong_or_missing_signature_is_403_and_nothing_is_stored(
    client, channel, number, ann, whatsapp, signature
):
    ann.sends(number, "Let me in")
    body = whatsapp.pending()[0].body
    headers = {} if signature is None else {SIGNATURE: signature}
    assert post(client, body, headers) == 403
    assert not Message.objects.exists()
    assert not Update.objects.exists()


def test_wa02_a_body_that_was_changed_on_the_way_is_403(client, channel, number, ann, whatsapp):
    ann.sends(number, "Pay 10")
    headers, body = whatsapp.pending()[0]
    assert post(client, body.replace(b"Pay 10", b"Pay 99"), headers) == 403


def test_wa03_every_array_is_plural_and_each_part_finds_its_number(client, whatsapp, number, ann, channel):
    other = whatsapp.add_number(account=number.account.id)
    second = make_channel(whatsapp, other)
    for text in ("one", "two"):
        ann.sends(number, text)
    ann.sends(other, "three")
    entries = [json.loads(item.body)["entry"][0] for item in whatsapp.pending()]
    entries[0]["changes"][0]["value"]["messages"] += entries.pop(1)["changes"][0]["value"]["messages"]
    entries[0]["changes"] += entries.pop(1)["changes"]
    body = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
    assert post(client, body, whatsapp.sign(body)) == 200
    assert set(Message.objects.values_list("channel", "text")) == {
        (channel.pk, "one"), (channel.pk, "two"), (second.pk, "three"),
    }  # fmt: skip
    assert not Update.objects.exists()


def test_wa03_an_unknown_field_is_200_and_kept_raw(client, channel, whatsapp, number):
    whatsapp.world.post(number.state, "brand_new_field", {"surprise": 1}, key="x")
    headers, body = whatsapp.pending()[0]
    assert post(client, body, headers) == 200
    kept = Update.objects.get()
    assert (kept.state, bytes(kept.body)) == ("kept", body)


def test_wa03_a_number_that_is_not_ours_is_200_and_kept(client, channel, whatsapp, ann):
    ann.sends(whatsapp.add_number(), "Wrong number?")
    headers, body = whatsapp.pending()[0]
    assert post(client, body, headers) == 200
    assert not Message.objects.exists()
    assert Update.objects.get().state == "kept"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"entry": 3}', b"\xff\xfe", b'"x"', b"NaN", b'{"entry": []}'])
def test_wa03_what_is_signed_and_unreadable_is_200_and_kept(client, channel, whatsapp, body):
    assert post(client, body, whatsapp.sign(body)) == 200
    assert bytes(Update.objects.get().body) == body


def other_numbers(whatsapp: Any, count: int) -> list[Channel]:
    return [
        Channel.objects.create(name="Other", platform="WhatsApp", config=config_of(whatsapp, whatsapp.add_number()))
        for _ in range(count)
    ]


def test_wa03_of_many_numbers_the_one_is_read_that_a_message_is_for(client, channel, whatsapp, number, ann, deliver):
    ann.sends(number, "so that she is known")
    deliver()
    costs = []
    for text in ("alone", "among many"):
        ann.sends(number, text)
        headers, body = whatsapp.pending()[0]
        with CaptureQueriesContext(connection) as asked, patch.object(crypto, "decrypt", wraps=crypto.decrypt) as read:
            assert post(client, body, headers) == 200
        costs.append((len(asked), read.call_count))
        deliver()
        other_numbers(whatsapp, 20)
    assert costs[0] == costs[1] and costs[0][1] > 0, costs


def test_wa03_a_number_whose_secrets_cannot_be_read_is_asked_for_again_and_stops_no_other(
    client, channel, whatsapp, number, ann, settings
):
    settings.UNICOM_ENCRYPTION_KEYS = ["a key that was lost since then"]
    (locked,) = other_numbers(whatsapp, 1)
    del settings.UNICOM_ENCRYPTION_KEYS
    ann.sends(number, "Hello")
    body = whatsapp.pending()[0].body
    theirs = body.replace(number.id.encode(), locked.external_id.encode())
    assert post(client, theirs, whatsapp.sign(theirs)) == 503
    assert post(client, body, whatsapp.sign(body)) == 200
    unknown = body.replace(number.id.encode(), b"12345")
    assert post(client, unknown, whatsapp.sign(unknown)) == 503, "it may be for whoever cannot be read"
    assert ask(client, mode="subscribe", verify_token="our-words", challenge="1").status_code == 200
    assert Message.objects.get().channel == channel and not Update.objects.exists()


ADDRESSES: dict[str, list[Any]] = {
    "none": [""], "NUL": ["\x00"], "half a character": ["\ud800"], "no text": [5, None, ["x"], {"a": 1}],
    "long": ["9" * 100_000], "very long": ["9" * 300_000], "many": [str(number) for number in range(300)],
}  # fmt: skip


@pytest.mark.parametrize("name", ADDRESSES)
def test_wa02_whatever_numbers_a_stranger_names_nothing_is_stored(client, channel, whatsapp, number, name):
    changes = [
        {"field": "messages", "value": {"metadata": {"phone_number_id": address}, "messages": [{}]}}
        for address in (*ADDRESSES[name], number.id)
    ]
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()
    assert post(client, body, {SIGNATURE: "sha256=0"}) == 403
    assert not Update.objects.exists()
    assert post(client, body, whatsapp.sign(body)) == 200
    assert Update.objects.exists() and not Message.objects.exists()


def test_wa04_while_the_database_is_away_the_answer_is_503(client, channel, whatsapp, number, ann, deliver):
    ann.sends(number, "Hello")
    headers, body = whatsapp.pending()[0]
    with patch("unicom.views.webhooks.take_in", side_effect=OperationalError("gone")):
        assert post(client, body, headers) == 503
    assert deliver() == [200]
    assert Message.objects.get().text == "Hello"


def test_wa05_a_repeated_message_is_one_message(client, channel, whatsapp, number, ann):
    ann.sends(number, "Hello")
    headers, body = whatsapp.pending()[0]
    for _ in range(3):
        assert post(client, body, headers) == 200
        drain()
    assert Message.objects.count() == Request.objects.count() == 1


def test_wa05_the_key_is_the_numbers_own(client, channel, whatsapp, number, ann):
    second = make_channel(whatsapp, whatsapp.add_number(account=number.account.id))
    ann.sends(number, "Hello")
    body = whatsapp.pending()[0].body
    other = body.replace(number.id.encode(), second.external_id.encode())
    for part in (body, other):
        assert post(client, part, whatsapp.sign(part)) == 200
    assert Message.objects.count() == 2


def test_wa26_each_app_proves_its_own_numbers_and_no_others(client, whatsapp, number, channel, ann):
    stranger = make_channel(whatsapp, whatsapp.add_number())
    Channel.objects.filter(pk=stranger.pk).update(config={**stranger.config, "APP_SECRET": "another-apps-secret"})
    ann.sends(number, "mine")
    body = whatsapp.pending()[0].body
    theirs = body.replace(number.id.encode(), stranger.external_id.encode())
    assert post(client, theirs, whatsapp.sign(theirs)) == 200
    assert not Message.objects.exists(), "what is signed by another app is nobody's"
    assert post(client, body, whatsapp.sign(body)) == 200
    assert Message.objects.get().channel == channel


@pytest.mark.parametrize("position", [0, 1])
def test_wa26_the_secret_may_be_changed_with_an_overlap(client, whatsapp, number, channel, ann, position):
    both = ["the-other-of-the-two", "the-other-of-the-two"]
    both[position] = whatsapp.app_secret
    Channel.objects.filter(pk=channel.pk).update(config={**channel.config, "APP_SECRET": both})
    ann.sends(number, "Hello")
    headers, body = whatsapp.pending()[0]
    assert post(client, body, headers) == 200
    assert Message.objects.count() == 1


def test_wa26_numbers_of_one_app_may_have_verify_tokens_of_their_own(client, whatsapp, number, channel):
    make_channel(whatsapp, whatsapp.add_number(), VERIFY_TOKEN="other-words")
    for words in ("our-words", "other-words"):
        assert ask(client, mode="subscribe", verify_token=words, challenge="1").status_code == 200


def test_the_address_works_with_and_without_a_slash_and_for_one_channel(client, channel, whatsapp, number, ann):
    for url in (URL, f"{URL}/", f"/unicom/webhook/WhatsApp/{channel.pk}/"):
        ann.sends(number, url)
        headers, body = whatsapp.pending()[-1]
        assert client.post(url, body, content_type="application/json", headers=headers).status_code == 200
    assert Message.objects.count() == 3
    assert client.put(URL).status_code == 405


def test_a_million_characters_are_stored_whole(client, channel, whatsapp, number, ann, deliver):
    text = "ä" * 1_000_000
    ann.sends(number, text)
    assert deliver() == [200]
    assert Message.objects.get().text == text
