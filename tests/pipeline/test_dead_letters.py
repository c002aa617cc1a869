"""An authenticated payload nobody can read, or our own code fails on, is kept, answered with 200, and replayable."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError

from tests.pipeline.simultaneous import at_once
from unicom import dead_letters, inbound
from unicom.models import Account, InboundReceipt, Job, Message, Request, Update

pytestmark = pytest.mark.django_db

HELLO = {"id": 1, "chat": "room", "sender": "ann", "text": "hello"}
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not JSON", b"{", b'{"id": 1', b"\xff\xfe\x00", b'"\xff"', b"1", b'"text"', b"null", b"true", b"1.5e400",
        b"NaN", b'{"id": NaN, "chat": "room", "sender": "ann", "text": "x"}', b"Infinity", b"-Infinity", DEEP,
        b'{"a":' * 5000 + b"1" + b"}" * 5000, b"{}", b'{"chat": {}}', b'{"status": "eaten", "of": 1}',
        b'{"status": "seen", "of": "never sent"}', b"9" * 5000,
    ],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_what_nobody_can_read_is_a_dead_letter_with_its_bytes_and_the_reason(channel, post, body):
    """Never a 500, nothing stored but the letter itself."""
    response = post(channel, body)
    assert (response.status_code, response.json()) == (200, {"ok": True})
    update = Update.objects.get()
    assert (update.state, bytes(update.body), update.seen) == ("dead", body, 1)
    assert update.error
    assert not Message.objects.exists() and not Account.objects.exists() and not InboundReceipt.objects.exists()


def test_the_same_unreadable_bytes_again_only_count(channel, post):
    """A platform that repeats it does not fill the table."""
    for _ in range(3):
        post(channel, b"not JSON")
    assert Update.objects.get().seen == 3


def test_a_bug_of_ours_is_a_dead_letter_with_its_error_and_can_be_replayed(channel, post, monkeypatch, connect):
    """Once mended, ``replay_updates`` stores it as if it had just come."""

    def broken(*args, **kwargs):
        raise ZeroDivisionError("our own bug")

    with monkeypatch.context() as patched:
        patched.setattr(inbound, "_write_message", broken)
        assert post(channel, HELLO).status_code == 200
        update = Update.objects.get()
        assert (update.state, update.error) == ("dead", "ZeroDivisionError: our own bug")
        assert json.loads(bytes(update.body)) == HELLO
        errors = StringIO()
        out = StringIO()
        call_command("replay_updates", stdout=out, stderr=errors)
        assert "0 replayed, 1 still cannot be stored." in out.getvalue()
        assert f"Dead letter {update.pk}: ZeroDivisionError: our own bug" in errors.getvalue()
        assert not Message.objects.exists()
    out = StringIO()
    call_command("replay_updates", stdout=out)
    assert "1 replayed, 0 still cannot be stored." in out.getvalue()
    assert Message.objects.get().text == "hello"
    assert Request.objects.count() == Job.objects.count() == 1
    update.refresh_from_db()
    assert (update.state, update.error) == ("replayed", "") and update.replayed_at is not None


def test_replaying_is_idempotent_also_after_the_platform_came_again(channel, post, monkeypatch):
    """A letter that was replayed twice, and whose update came again, is one message."""

    def broken(*args, **kwargs):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(inbound, "_write_message", broken)
        post(channel, HELLO)
    update = Update.objects.get()
    assert dead_letters.replay(update) is True
    assert dead_letters.replay(update) is True
    post(channel, HELLO)
    assert Message.objects.count() == 1


def test_a_letter_is_replayed_once_also_where_its_events_have_no_ids_of_their_own(channel, post, monkeypatch):
    """Nothing else would tell that it was stored already."""
    keyless = {"chat": "room", "sender": "ann", "text": "hello"}
    with monkeypatch.context() as patched:
        patched.setattr(inbound, "_write_message", lambda *args, **kwargs: 1 / 0)
        post(channel, keyless)
    update = Update.objects.get()
    assert dead_letters.replay(update) is True
    assert dead_letters.replay(update) is True
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_replay_a_letter_at_once_store_it_once(channel, post, monkeypatch):
    """Two operators, or one and the command."""
    with monkeypatch.context() as patched:
        patched.setattr(inbound, "_write_message", lambda *args, **kwargs: 1 / 0)
        post(channel, {"chat": "room", "sender": "ann", "text": "hello"})
    update = Update.objects.get()
    assert at_once([lambda: dead_letters.replay(Update.objects.get(pk=update.pk))] * 4) == [True] * 4
    assert Message.objects.count() == 1


def test_what_fails_again_after_it_was_replayed_is_a_dead_letter_again(channel, post, monkeypatch):
    """It came anew and was not stored: a letter that says "replayed" would hide it."""
    keyless = {"chat": "room", "sender": "ann", "text": "hello"}

    def fail() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(inbound, "_write_message", lambda *args, **kwargs: 1 / 0)
            post(channel, keyless)

    fail()
    dead_letters.replay(Update.objects.get())
    fail()
    update = Update.objects.get()
    assert (update.state, update.seen, "ZeroDivisionError" in update.error) == ("dead", 2, True)
    dead_letters.replay(update)
    Update.objects.update(state="discarded")
    fail()
    assert Update.objects.get().state == "discarded", "somebody said that nothing is to be made of these bytes"


def test_a_reason_with_a_nul_in_it_can_be_kept_at_a_replay_too(channel, post, monkeypatch):
    """PostgreSQL has no NULs."""
    post(channel, b"not JSON")

    def fail(*args):
        raise ValueError("a \x00 and secret in it")

    monkeypatch.setattr(inbound, "read_json", fail)
    assert dead_letters.replay(Update.objects.get()) is False
    assert Update.objects.get().error == "ValueError: a \ufffd and *** in it"


def test_only_the_named_letters_or_those_of_a_channel_are_replayed(channel, post):
    """``replay_updates 7`` and ``--channel``."""
    post(channel, b"not JSON")
    post(channel, b"neither")
    first = Update.objects.earliest("pk")
    out = StringIO()
    call_command("replay_updates", str(first.pk), stdout=out, stderr=StringIO())
    assert "0 replayed, 1 still" in out.getvalue()
    out = StringIO()
    call_command("replay_updates", channel=channel.pk + 1, stdout=out)
    assert "0 replayed, 0 still" in out.getvalue()


def test_a_kept_payload_is_replayed_on_request_only(channel, post):
    """``--kept`` is for a version that has learnt to read what it only kept."""
    post(channel, {"unused": 1})
    out = StringIO()
    call_command("replay_updates", stdout=out)
    assert "0 replayed" in out.getvalue()
    out = StringIO()
    call_command("replay_updates", "--kept", stdout=out)
    assert "1 replayed" in out.getvalue()


def test_the_letter_of_one_bad_item_holds_that_item_alone(channel, post):
    """So that a replay does not go through its siblings again."""
    post(channel, [{**HELLO, "id": 1}, {"bad": "item"}])
    assert json.loads(bytes(Update.objects.get().body)) == {"bad": "item"}


def test_a_replay_in_trouble_with_the_database_raises_and_leaves_the_letter(channel, post, monkeypatch):
    """Trouble says nothing about the payload."""
    post(channel, b"not JSON")
    update = Update.objects.get()

    def trouble(*args, **kwargs):
        raise OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(inbound, "read_json", trouble)
        with pytest.raises(OperationalError):
            dead_letters.replay(update)
    update.refresh_from_db()
    assert update.state == "dead"


# What is odd and still readable is stored.


def test_a_megabyte_of_text_is_stored_whole(channel, post):
    """Nothing is cropped."""
    text = "ä" * (1024 * 1024)
    assert post(channel, {**HELLO, "text": text}).status_code == 200
    assert Message.objects.get().text == text
    assert not Update.objects.exists()


def test_ids_of_forty_digits_are_stored_whole(channel, post):
    """An id is text, whatever digits it has."""
    number = int("9" * 40)
    assert post(channel, {**HELLO, "id": number, "chat": number, "sender": number}).status_code == 200
    message = Message.objects.get()
    assert message.external_id == str(number)
    assert message.chat.external_id == str(number)
    assert message.sender.external_id == str(number)
    assert message.raw["id"] == number or message.raw["id"] == float(number)
    assert not Update.objects.filter(state="dead").exists()


def test_lone_surrogates_and_nuls_are_stored_as_replacement_characters_with_the_raw_kept(channel, post):
    """Neither database could hold them; nothing of the message is lost."""
    body = b'{"id": 1, "chat": "room", "sender": "ann", "name": "A\\u0000", "text": "a\\u0000b\\ud800c", "x\\udfff": 1}'
    assert post(channel, body).status_code == 200
    message = Message.objects.get()
    assert message.text == "a�b�c"
    assert message.sender_name == "A�"
    assert message.raw["x�"] == 1
    update = Update.objects.get()
    assert (update.state, bytes(update.body)) == ("kept", body)


def test_replaying_a_cleaned_payload_stores_it_no_second_time(channel, post):
    """The kept raw has the same event key."""
    post(channel, b'{"id": 1, "chat": "room", "sender": "ann", "text": "a\\u0000"}')
    assert dead_letters.replay(Update.objects.get()) is True
    assert Message.objects.count() == 1


def test_names_of_any_length_and_long_ids_of_people_and_messages_are_stored(channel, post):
    """300-character names, 1,000-character ids: kept apart from others that begin alike."""
    for ending in "ab":
        payload = {"id": "i" * 400 + ending, "chat": "room", "sender": "s" * 1000 + ending, "name": "N" * 300}
        assert post(channel, {**payload, "text": "hello"}).status_code == 200
    assert Message.objects.count() == Account.objects.count() == 2
    assert set(Account.objects.values_list("name", flat=True)) == {"N" * 300}
    assert not Update.objects.exists()


def test_chats_with_ids_of_any_length_are_never_mixed_up(channel, post):
    """One too long for the column is a dead letter; it never ends in the chat of another that begins alike."""
    ids = ["c" * 1000 + ending for ending in "ab"]
    for number, chat_id in enumerate(ids):
        assert post(channel, {"id": number, "chat": chat_id, "sender": "ann", "text": "hello"}).status_code == 200
    stored = Message.objects.values_list("chat_id", flat=True)
    assert len(set(stored)) == len(stored)
    assert len(stored) + Update.objects.filter(state="dead").count() == 2


def test_errors_of_dead_letters_hold_no_secret(channel, post, monkeypatch):
    """The channel's secrets are redacted from what our bugs say."""
    from pydantic import Field, SecretStr

    from unicom.testing.memory import MemoryAdapter, MemoryConfig

    class Config(MemoryConfig):
        TOKEN: SecretStr = Field(SecretStr("tok-123456"))

    def leak(self, payload):
        raise RuntimeError("called https://api/tok-123456/x")

    monkeypatch.setattr(MemoryAdapter, "Config", Config)
    monkeypatch.setattr(MemoryAdapter, "parse", leak)
    post(channel, HELLO)
    assert Update.objects.get().error == "RuntimeError: called https://api/***/x"
