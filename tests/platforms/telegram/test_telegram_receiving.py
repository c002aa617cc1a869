"""Hold what comes in: whom it is from, where it belongs, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiogram.types import Update as OfficialUpdate
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.platforms.telegram.conftest import post
from unicom.models import Account, Attachment, Chat, Message, Request, Suppression, Update
from unicom.testing.draining import drain
from unicom.testing.telegram import SAMPLE_PNG

FIXTURES = sorted(path for path in (Path(__file__).parent / "fixtures").glob("*.json") if ".expected" not in path.name)


@pytest.mark.once
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_fixture_has_the_official_shape(path):
    OfficialUpdate.model_validate_json(path.read_text())


def test_a_text_becomes_a_message_of_its_sender(channel, deliver, bot, ann):
    sent = ann.sends(bot, "hello 😀")
    assert deliver() == [200]
    message = Message.objects.get()
    assert (message.text, message.is_outgoing) == ("hello 😀", False)
    assert message.external_id == f"{ann.id}:{sent.message_id}"
    assert (message.sender_id, message.chat_id) == (f"telegram_{ann.id}", f"telegram_{channel.pk}_{ann.id}")
    assert message.raw["message"]["text"] == "hello 😀"


def test_an_update_that_telegram_repeats_is_one_message(channel, client, telegram, bot, ann):
    ann.sends(bot, "once")
    ((headers, body),) = telegram.pending(bot)
    assert [post(client, channel, body, headers) for _ in range(3)] == [200, 200, 200]
    assert (Message.objects.count(), Request.objects.count()) == (1, 1)


def test_two_bots_with_equal_update_and_message_ids_keep_both_messages(channel, client, telegram, bot, ann):
    """Known failure 15: they dropped each other's."""
    from unicom.models import Channel

    other_bot = telegram.add_bot("other_bot")
    other = Channel.objects.create(name="Other", platform="Telegram", config={"API_TOKEN": other_bot.token})
    assert other.validate()
    ann.sends(bot, "to both")
    ((headers, body),) = telegram.pending(bot)
    secret = other_bot.webhook.secret_token
    assert post(client, channel, body, headers) == 200
    assert post(client, other, body, {**headers, "X-Telegram-Bot-Api-Secret-Token": secret}) == 200
    assert sorted(Message.objects.values_list("channel_id", flat=True)) == sorted([channel.pk, other.pk])
    assert Account.objects.count() == 1, "a person is one account for all bots"
    assert Chat.objects.count() == 2


def test_a_receiver_that_fails_loses_no_message(channel, deliver, bot, ann):
    """Known failure 15: an error after the update was marked as seen lost the message for ever."""
    from unicom.signals import message_received

    calls = []

    def receiver(**kwargs):
        calls.append(kwargs["message"].text)
        raise ValueError("a bug in the project")

    message_received.connect(receiver)
    try:
        ann.sends(bot, "keep me")
        assert deliver() == [200]
    finally:
        message_received.disconnect(receiver)
    assert calls == ["keep me"]
    assert Message.objects.get().text == "keep me"
    from unicom.models import Job

    assert Job.objects.get(kind="message").state == "queued", "it is tried again"


def test_a_known_sender_costs_at_most_twelve_statements(channel, client, telegram, bot, ann):
    ann.sends(bot, "first")
    telegram.deliver(bot, lambda headers, body: post(client, channel, body, headers))
    drain()
    ann.sends(bot, "second")
    ((headers, body),) = telegram.pending(bot)
    with CaptureQueriesContext(connection) as queries:
        assert post(client, channel, body, headers) == 200
    # Savepoints are counted in tests only as the test's own transaction makes them of transactions.
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) <= 12, "\n".join(statements)


def test_a_photo_is_fetched_and_stored(channel, deliver, bot, ann):
    ann.sends_photo(bot, caption="look")
    deliver()
    message = Message.objects.get()
    attachment = Attachment.objects.get()
    assert (message.text, message.media_type, attachment.state, attachment.error) == ("look", "image", "stored", "")
    assert message.media.name == attachment.file.name
    with attachment.file.open("rb") as stored:
        assert stored.read() == SAMPLE_PNG


def test_a_file_too_large_is_said_on_its_row_and_the_message_is_kept(channel, deliver, bot, ann):
    ann.sends_document(bot, b"x", "film.mkv", size=21 * 1024 * 1024, caption="the film")
    deliver()
    attachment = Attachment.objects.get()
    assert attachment.state == "failed"
    assert "20 MB" in attachment.error
    assert Message.objects.get().text == "the film"


def test_a_file_whose_size_is_not_told_and_is_too_large_is_said_on_its_row(channel, deliver, telegram, bot, ann):
    from unicom.testing.telegram import faults

    telegram.fail("getFile", error=faults.api_error(400, "Bad Request: file is too big"))
    ann.sends_document(bot, b"x", "film.mkv")
    deliver()
    assert "20 MB" in Attachment.objects.get().error


def test_a_file_that_cannot_be_fetched_now_is_fetched_later(channel, deliver, telegram, bot, ann):
    from unicom.models import Job

    telegram.fail("file", error="drop_before")
    ann.sends_voice(bot)
    deliver()
    assert Attachment.objects.get().state == "pending"
    Job.objects.filter(kind="fetch").update(next_attempt_at="2020-01-01T00:00Z")
    drain()
    assert Attachment.objects.get().state == "stored"


def test_an_edit_changes_the_message_and_keeps_what_it_said(channel, deliver, bot, ann):
    sent = ann.sends(bot, "helo")
    deliver()
    ann.edits(sent, "hello")
    deliver()
    message = Message.objects.get()
    assert message.text == "hello"
    assert [item["text"] for item in message.raw["edits"]] == ["helo"]
    assert Request.objects.count() == 1


def test_a_reply_knows_what_it_answers(channel, deliver, bot, ann):
    first = ann.sends(bot, "first")
    deliver()
    ann.sends(bot, "second", reply_to=first)
    deliver()
    assert Message.objects.get(text="second").reply_to_message == Message.objects.get(text="first")


def test_a_group_is_one_chat_and_each_topic_its_own(channel, deliver, telegram, bot, ann):
    group = telegram.group("Team " * 60, members=[ann, bot], supergroup=True)
    topic = group.topic("Plans")
    bot.state.queue.clear()
    ann.sends(group, "in general")
    ann.sends(group, "in the topic", topic=topic)
    assert set(deliver()) == {200}
    chats = dict(Message.objects.values_list("text", "chat__external_id"))
    assert chats == {"in general": str(group.id), "in the topic": f"{group.id}:{topic}"}
    assert all(Chat.objects.values_list("is_group", flat=True))
    reply = Message.objects.get(text="in the topic").reply_with({"text": "here"})
    drain()
    assert telegram.log.sent(group.id)[-1].params["message_thread_id"] == topic, reply.error


def test_a_channels_posts_are_from_the_channel(channel, deliver, telegram, bot):
    news = telegram.channel("News", admins=[bot])
    bot.state.queue.clear()
    news.posts("today")
    deliver()
    message = Message.objects.get()
    assert (message.sender_id, message.sender_name) == (f"telegram_{news.id}", "News")


def test_blocking_the_bot_suppresses_it_and_coming_back_ends_that(channel, deliver, telegram, bot, ann):
    ann.sends(bot, "hi")
    deliver()
    ann.blocks(bot)
    deliver()
    assert Suppression.objects.get().reason == "the user blocked the bot"
    refused = Message.objects.get().reply_with({"text": "still there?"})
    drain()
    refused.refresh_from_db()
    assert (refused.status, refused.error) == ("failed", "not sent: the user blocked the bot")
    assert telegram.log.calls("sendMessage") == [], "Telegram is not asked"
    ann.unblocks(bot)
    deliver()
    assert not Suppression.objects.exists()


def test_a_group_that_becomes_a_supergroup_stays_one_chat(channel, deliver, telegram, bot, ann):
    group = telegram.group("Team", members=[ann, bot])
    bot.state.queue.clear()
    ann.sends(group, "before")
    deliver()
    old = group.id
    group.upgrade()
    ann.sends(group, "after")
    assert set(deliver()) == {200}
    chat = Chat.objects.get()
    assert (chat.external_id, chat.pk) == (str(group.id), f"telegram_{channel.pk}_{old}")
    assert [message.text for message in chat.messages.order_by("seq")] == ["before", "after"]


@pytest.mark.parametrize("kind", ["inline_query", "chat_member", "guest_message", "poll", "something_new"])
def test_a_kind_that_is_not_used_yet_is_kept_raw_and_answered(channel, client, bot, kind):
    body = json.dumps({"update_id": 9, kind: {"any": "thing"}}).encode()
    headers = {"X-Telegram-Bot-Api-Secret-Token": bot.webhook.secret_token}
    assert post(client, channel, body, headers) == 200
    assert bytes(Update.objects.get().body) == body
    assert Update.objects.get().error == ""


def test_a_nul_and_half_a_surrogate_pair_are_replaced_and_kept_raw(channel, client, bot, ann):
    chat = {"id": ann.id, "type": "private", "first_name": "A\x00"}
    message = {
        "message_id": 1,
        "date": 1_790_000_000,
        "chat": chat,
        "from": {**chat, "is_bot": False},
        "text": "x\x00\ud83d",
    }
    body = json.dumps({"update_id": 9, "message": message}).encode()
    headers = {"X-Telegram-Bot-Api-Secret-Token": bot.webhook.secret_token}
    assert post(client, channel, body, headers) == 200
    assert Message.objects.get().text == "x\ufffd\ufffd"
    assert bytes(Update.objects.get().body) == body
