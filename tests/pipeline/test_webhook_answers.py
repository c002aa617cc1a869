"""A webhook's answer: 200 once it is kept, 403 to strangers, 503 in trouble, and never a 500."""

from __future__ import annotations

import json

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unicom import inbound
from unicom.models import Account, Channel, InboundReceipt, Job, Message, Update

pytestmark = pytest.mark.django_db

HELLO = {"id": 1, "chat": "room", "sender": "ann", "text": "hello"}


def nothing_stored() -> bool:
    """Tell whether not a row was written."""
    return not any(model.objects.exists() for model in (Message, Update, Account, InboundReceipt, Job))


@pytest.mark.parametrize("secret", ["", "wrong", "Secret", "secret "])
def test_a_wrong_secret_is_403_and_nothing_is_stored(channel, post, secret):
    """Not even a dead letter: strangers do not fill our disk."""
    for payload in (HELLO, b"not JSON", [HELLO, 1]):
        response = post(channel, payload, secret=secret)
        assert (response.status_code, response.json()) == (403, {"error": "Not allowed."})
    assert nothing_stored()


def test_a_missing_secret_is_403_and_nothing_is_stored(channel, client):
    """As a scanner would come."""
    response = client.post(f"/unicom/webhook/Memory/{channel.pk}/", data=HELLO, content_type="application/json")
    assert response.status_code == 403
    assert nothing_stored()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "head"])
def test_other_methods_store_nothing(channel, client, method):
    """Whatever they carry, and with the right secret too."""
    call = getattr(client, method)
    response = call(f"/unicom/webhook/Memory/{channel.pk}/", headers={"X-Secret": "secret"})
    assert response.status_code == 405
    assert nothing_stored()


def test_an_unknown_channel_is_404(channel, client):
    """Also a known one under another platform's name."""
    for path in (f"Memory/{channel.pk + 1}", f"Internal/{channel.pk}", f"memory/{channel.pk}", "Nothing/1"):
        response = client.post(f"/unicom/webhook/{path}/", data=HELLO, content_type="application/json")
        assert (response.status_code, response.json()) == (404, {"error": "There is no such channel."})


def test_a_channel_number_too_large_for_the_database_is_404(client, db):
    """64 bits are what a key has."""
    for number in (2**63, 10**40):
        response = client.post(f"/unicom/webhook/Memory/{number}/", data=HELLO, content_type="application/json")
        assert response.status_code == 404


def test_a_body_over_the_limit_is_413_and_nothing_is_stored(channel, post, settings):
    """It is not even read to its end; one just under it is taken in."""
    settings.UNICOM_MAX_WEBHOOK_BYTES = 1000
    assert post(channel, {**HELLO, "text": "x" * 1000}).status_code == 413
    assert nothing_stored()
    body = json.dumps({**HELLO, "text": ""}).encode()
    body = json.dumps({**HELLO, "text": "x" * (1000 - len(body))}).encode()
    assert len(body) == 1000
    assert post(channel, body).status_code == 200
    assert Message.objects.count() == 1


def test_the_form_limit_of_django_does_not_bind_a_webhook(channel, post, settings):
    """DATA_UPLOAD_MAX_MEMORY_SIZE is meant for forms."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert post(channel, {**HELLO, "text": "x" * 1000}).status_code == 200


def test_a_webhook_needs_no_csrf_token(channel, post):
    """Platforms have none; the secret is their proof."""
    assert post(channel, HELLO, by=Client(enforce_csrf_checks=True)).status_code == 200


@pytest.mark.parametrize("trouble", [OperationalError, InterfaceError])
def test_trouble_with_the_database_is_503_and_never_a_dead_letter(channel, post, monkeypatch, trouble):
    """The platform tries again, and then it is stored once."""

    def fail(*args, **kwargs):
        raise trouble("the server closed the connection")

    for place in ("_write_message", "store_item", "record"):
        with monkeypatch.context() as patched:
            patched.setattr(inbound, place, fail)
            response = post(channel, [HELLO, {"bad": 1}])
        assert (response.status_code, response.json()) == (503, {"error": "Try again."})
        assert nothing_stored()
    assert post(channel, HELLO).status_code == 200
    assert Message.objects.count() == 1


def test_secrets_that_no_key_opens_are_503_and_the_platform_comes_again(channel, post, settings, caplog):
    """A key was taken out too early: nobody can be let in, and nothing is to be lost for that."""
    settings.UNICOM_ENCRYPTION_KEYS = ["another one"]
    response = post(channel, HELLO)
    assert (response.status_code, response.json()) == (503, {"error": "Try again."})
    assert "UNICOM_ENCRYPTION_KEYS" in caplog.text
    settings.UNICOM_ENCRYPTION_KEYS = []
    assert post(channel, HELLO).status_code == 200


def test_trouble_while_looking_for_the_channel_is_503(channel, post, monkeypatch):
    """Before anything was read."""

    def fail(*args, **kwargs):
        raise OperationalError("too many connections")

    monkeypatch.setattr(Channel.objects, "filter", fail)
    assert post(channel, HELLO).status_code == 503


def test_trouble_after_the_first_item_takes_the_first_item_back(channel, post, monkeypatch):
    """503 means that nothing was kept, so the repeat finds nothing half done."""
    whole = inbound.store_item
    calls = []

    def fail_at_the_second(*args):
        calls.append(args)
        if len(calls) == 2:
            raise OperationalError("gone")
        return whole(*args)

    with monkeypatch.context() as patched:
        patched.setattr(inbound, "store_item", fail_at_the_second)
        assert post(channel, [HELLO, {**HELLO, "id": 2}]).status_code == 503
    assert nothing_stored()
    assert post(channel, [HELLO, {**HELLO, "id": 2}]).status_code == 200
    assert Message.objects.count() == 2


def test_a_channel_whose_config_cannot_be_used_lets_nobody_in(channel, post):
    """Without its config nothing proves a sender."""
    Channel.objects.filter(pk=channel.pk).update(config={"NOPE": 1})
    assert post(channel, HELLO).status_code == 403
    assert nothing_stored()


def test_an_inactive_channel_still_takes_messages_in(channel, post):
    """What a platform brings is never lost because an operator paused the sending."""
    Channel.objects.filter(pk=channel.pk).update(active=False)
    assert post(channel, HELLO).status_code == 200
    assert Message.objects.count() == 1


def test_internal_and_web_chats_take_no_webhooks(client, internal):
    """Their messages come from within."""
    web = Channel.objects.create(name="Web", platform="WebChat")
    for local in (internal, web):
        path = f"/unicom/webhook/{local.platform}/{local.pk}/"
        assert client.post(path, data=HELLO, content_type="application/json").status_code == 403
    assert nothing_stored()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["id", "chat", "sender", "name", "text", "click", "edit", "status", "of", "reply_to", "unused"])
EVENTS = st.dictionaries(KEYS, JSON | st.sampled_from(["sent", "seen", "room", "ann", 1]), max_size=7)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(payload=JSON | EVENTS | st.lists(EVENTS, max_size=3))
def test_whatever_json_comes_the_answer_is_200_and_nothing_is_lost(channel, post, payload):
    """Stored, kept, or a dead letter; never a 500, and the same again never fails either."""
    for _ in range(2):
        assert post(channel, json.dumps(payload).encode()).status_code == 200
    if payload != []:
        assert Message.objects.exists() or Update.objects.exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60))
def test_whatever_bytes_come_the_answer_is_200(channel, post, body):
    """Authenticated bytes are kept as they are."""
    assert post(channel, body).status_code == 200
