"""What cannot be sent is refused as a whole, every key named at once, and nothing is saved."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from unicom.errors import InvalidMessage, UnicomError, UnsupportedFeature
from unicom.models import (
    Attachment,
    CallbackExecution,
    Channel,
    Chat,
    Delivery,
    IdempotencyKey,
    Message,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(channel, chat, stored_files):
    """Return a function that sends, sees it refused with nothing saved, and returns the problems."""

    def refuse(data, *, on=None):
        before = (Chat.objects.count(), stored_files())
        with pytest.raises(InvalidMessage) as caught:
            (on or chat).send_message(data)
        error = caught.value
        assert {ValidationError, UnicomError} <= set(type(error).__mro__)
        assert list(error.problems) == sorted(error.problems)
        assert error.message_dict == {key: [sentence] for key, sentence in error.problems.items()}
        for model in (Message, Delivery, Attachment, CallbackExecution, IdempotencyKey):
            assert not model.objects.exists(), model
        assert (Chat.objects.count(), stored_files()) == before
        return error.problems

    return refuse


def test_every_bad_key_and_value_is_named_at_once_and_sorted(refused, channel):
    """One round is enough to mend a message."""
    problems = refused(
        {
            "chat_id": 1.5, "text": 7, "html": b"<p>", "file_path": "/no/such/file.png", "attachments": "a.png",
            "base64_image": "%%%", "base64_audio": 3, "buttons": "Yes", "silent": "yes", "protect": 1,
            "priority": "urgent", "parse_mode": "BBCode", "type": "poem", "idempotency_key": "", "sender": "me",
            3: "three", "reply_to_message_id": "nobody",
        },
        on=channel,
    )  # fmt: skip
    assert list(problems) == sorted(
        [
            "chat_id", "text", "html", "file_path", "attachments", "base64_image", "base64_audio", "buttons", "silent",
            "protect", "priority", "parse_mode", "type", "idempotency_key", "sender", "3", "reply_to_message_id",
        ]
    )  # fmt: skip
    for key, value in (("priority", "'urgent'"), ("parse_mode", "'BBCode'"), ("silent", "'yes'"), ("type", "'poem'")):
        assert value in problems[key], key
    assert "/no/such/file.png" in problems["file_path"]


@pytest.mark.parametrize("data", [None, [], "text", 7, [("text", "x")]])
def test_anything_but_a_dict_is_refused(refused, data):
    """The sentence says what was given."""
    assert "a dict is needed" in refused(data)["message"]


@pytest.mark.parametrize(
    "data", [{}, {"text": ""}, {"text": " \n\t"}, {"html": ""}, {"text": None}, {"attachments": []}], ids=repr
)
def test_an_empty_message_is_refused(refused, data):
    """A message needs text, html or a file."""
    assert refused(data) == {"text": "required: a message needs text, html or a file"}


def test_a_message_to_nowhere_is_refused(refused, channel, internal):
    """``chat_id`` is required where nothing else says where."""
    assert refused({"text": "x"}, on=channel) == {"chat_id": "required"}
    assert refused({"text": "x", "chat_id": ""}, on=channel).keys() == {"chat_id"}
    problems = refused({"text": "x", "chat_id": "unknown"}, on=internal)
    assert "'unknown'" in problems["chat_id"] and "'Inside'" in problems["chat_id"]


def test_a_chat_of_another_channel_is_not_known_here(refused, chat, internal):
    """Neither by our id nor by the platform's."""
    assert refused({"text": "x", "chat_id": chat.pk}, on=internal).keys() == {"chat_id"}
    assert refused({"text": "x", "chat_id": chat.external_id}, on=internal).keys() == {"chat_id"}
    other = Channel.objects.create(name="Other", platform="Memory", active=True)
    assert refused({"text": "x", "chat_id": chat.pk}, on=other).keys() == {"chat_id"}, "our id opens no chat"


def test_a_chat_id_that_contradicts_the_chat_is_refused(refused):
    """``chat.send_message`` takes no other chat's id."""
    assert "another chat" in refused({"text": "x", "chat_id": "elsewhere"})["chat_id"]


def test_a_message_of_another_chat_cannot_be_answered(refused, channel):
    """An answer belongs to the conversation of what it answers."""
    message = Channel.receive_message(channel, {"id": 1, "chat": "elsewhere", "sender": "ann", "text": "hello"})
    with pytest.raises(InvalidMessage) as caught:
        Chat.objects.get(external_id="room").send_message({"text": "x", "reply_to_message_id": message.pk})
    assert caught.value.problems.keys() == {"reply_to_message_id"}


def test_an_unknown_platform_is_named(refused, db):
    """With those there are."""
    channel = Channel.objects.create(name="Old", platform="Pager", active=True)
    problems = refused({"text": "x", "chat_id": "1"}, on=channel)
    assert "'Pager'" in problems["platform"] and "Internal, Memory" in problems["platform"]


def test_an_inactive_channel_is_named_with_its_reason(refused, channel, chat):
    """And the other problems beside it."""
    Channel.objects.filter(pk=channel.pk).update(active=False, error="the token was revoked")
    chat.refresh_from_db()
    problems = refused({"text": ""})
    assert problems.keys() == {"channel", "text"}
    assert "'Memory'" in problems["channel"] and "the token was revoked" in problems["channel"]


def test_a_config_that_cannot_be_used_is_named_key_by_key(refused, channel):
    """Without the values, which may be secrets."""
    channel.config = {"SECRET": 5, "NOPE": "hunter2", "ON_UNKNOWN": "panic"}
    problems = refused({"text": "x", "chat_id": "room"}, on=channel)
    assert problems.keys() == {"channel.config.SECRET", "channel.config.NOPE", "channel.config.ON_UNKNOWN"}
    assert "hunter2" not in str(problems)


@pytest.mark.parametrize("key", ["text", "html", "chat_id", "idempotency_key", "file_path"])
@pytest.mark.parametrize("value", ["a\x00b", "a\ud800b", "\udfff"])
def test_nuls_and_lone_surrogates_are_refused_on_their_way_out(refused, channel, key, value):
    """Inbound ones are replaced; what we send is ours to mend."""
    assert key in refused({"chat_id": "room", "text": "x"} | {key: value}, on=channel)


@pytest.mark.parametrize("key", ["text", "html"])
@pytest.mark.parametrize("value", [1, True, b"bytes", ["a"], {"a": 1}, object()])
def test_texts_of_a_wrong_type_are_refused(refused, key, value):
    """Nothing is guessed into text."""
    assert type(value).__name__ in refused({key: value})[key]


@pytest.mark.parametrize("path", ["/no/such/file", "/", "", "relative/nowhere.png", 5, ["a"], "/proc/self/mem/x"])
def test_a_missing_file_is_an_error(refused, path):
    """Known failure 15 of the web chat's images: a missing ``file_path`` is an error, on every platform."""
    assert "file_path" in refused({"text": "x", "file_path": path})
    assert "attachments[1]" in refused({"text": "x", "attachments": [__file__, path]})


def test_a_file_is_not_kept_where_another_key_is_wrong(refused):
    """Files are copied only when everything is right."""
    refused({"text": "x", "file_path": __file__, "priority": "urgent"})


def test_a_file_that_was_copied_goes_where_the_transaction_fails(chat, stored_files, monkeypatch):
    """A database error after the copy leaves no orphan in the storage."""
    before = stored_files()

    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("unicom.outbound._queue", fail)
    with pytest.raises(RuntimeError):
        chat.send_message({"text": "x", "file_path": __file__})
    assert stored_files() == before
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("buttons", "key"),
    [
        ("Yes", "buttons"), (["Yes"], "buttons"), ([[1]], "buttons[0][0]"), ([[{"text": ""}]], "buttons[0][0]"),
        ([[{"text": "A"}]], "buttons[0][0].callback_data"),
        ([[{"text": "A", "url": "javascript:x"}]], "buttons[0][0].url"),
        ([[{"text": "A", "url": 5}]], "buttons[0][0].url"), ([[{"text": "A", "type": "poem"}]], "buttons[0][0].type"),
        ([[{"text": "A", "callback_data": float("nan")}]], "buttons[0][0].callback_data"),
        ([[{"text": "A", "callback_data": {1, 2}}]], "buttons[0][0].callback_data"),
        ([[{"text": "A", "callback_data": 1, "color": "red"}]], "buttons[0][0].color"),
        ([[{"text": "A", "callback_data": 1}] * 21], "buttons"),
        ([[{"text": "A\x00", "callback_data": 1}]], "buttons[0][0]"),
        ([[{"text": "A\ud800", "callback_data": 1}]], "buttons[0][0]"),
        ([[{"text": "A", "callback_data": "a\x00b"}]], "buttons[0][0].callback_data"),
        ([[{"text": "A", "callback_data": ["\ud800"]}]], "buttons[0][0].callback_data"),
        ([[{"text": "A", "url": "https://x/\x00"}]], "buttons[0][0].url"),
        ([[{"text": "A", "callback_data": 1, "expires_at": "tomorrow"}]], "buttons[0][0].expires_at"),
        ([[{"text": "A", "callback_data": 1, "account": "ann"}]], "buttons[0][0].account"),
        ([[{"text": "A", "callback_data": 1, "tool_call": 7}]], "buttons[0][0].tool_call"),
        ([[{"text": "A", "callback_data": 1, "style": "s\x00"}]], "buttons[0][0].style"),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_a_bad_button_is_named_by_row_and_column(refused, buttons, key):
    """Every button that cannot be shown, or not be clicked, is said before anything is saved."""
    assert key in refused({"text": "Choose", "buttons": buttons})


def test_buttons_and_a_reply_markup_together_are_refused(refused):
    """Which of the two is meant nobody knows."""
    buttons = [[{"text": "A", "callback_data": 1}]]
    assert refused({"text": "x", "buttons": buttons, "reply_markup": {"inline_keyboard": []}}).keys() == {
        "reply_markup"
    }


@pytest.mark.parametrize(
    "markup",
    [
        "x", 5, [], {"inline_keyboard": "x"}, {"inline_keyboard": [1]}, {"force_reply": float("nan")},
        {"keyboard": {1, 2}}, {"keyboard": [["a\x00"]]}, {"keyboard": [["\ud800"]]}, {"keyboard": print},
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_a_bad_reply_markup_is_named(refused, markup):
    """The older spelling is checked as well."""
    assert "reply_markup" in refused({"text": "x", "reply_markup": markup})


def test_what_the_platform_cannot_do_is_refused_before_anything_is_saved(refused, monkeypatch):
    """``Adapter.check`` and the capabilities speak up first."""
    from unicom.testing.memory import MemoryAdapter

    monkeypatch.setattr(MemoryAdapter, "supports_buttons", False)
    monkeypatch.setattr(MemoryAdapter, "supports_files", False)
    problems = refused({"text": "x", "buttons": [[{"text": "A", "callback_data": 1}]], "file_path": __file__})
    assert problems.keys() == {"buttons", "file_path"}

    def check(self, message):
        raise UnsupportedFeature({"silent": "there is no silence here"})

    monkeypatch.setattr(MemoryAdapter, "check", check)
    assert refused({"text": "x", "silent": True}) == {"silent": "there is no silence here"}


def test_an_edit_is_refused_as_a_send_is(channel, chat, drain):
    """Every bad key, and a message that is not ours or never arrived."""
    ours = chat.send_message({"text": "one"})
    drain()
    with pytest.raises(InvalidMessage) as caught:
        ours.edit_original_message({"text": 5, "nope": 1, "buttons": "x"})
    assert caught.value.problems.keys() == {"text", "nope", "buttons"}
    for empty in ({}, {"text": ""}, {"text": " "}):
        with pytest.raises(InvalidMessage):
            ours.edit_original_message(empty)
    theirs = channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "text": "hello"})
    with pytest.raises(InvalidMessage, match="not sent by us"):
        theirs.edit_original_message({"text": "two"})
    Message.objects.filter(pk=ours.pk).update(status="failed")
    ours.refresh_from_db()
    with pytest.raises(InvalidMessage, match="never delivered"):
        ours.edit_original_message({"text": "two"})
    assert Delivery.objects.count() == 1
