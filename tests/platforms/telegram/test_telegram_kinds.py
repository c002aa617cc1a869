"""Hold what comes in besides texts: files, places, service messages, business accounts, reactions."""

from __future__ import annotations

import json

import pytest
from aiogram.types import Update as OfficialUpdate
from django.dispatch import Signal

from tests.platforms.telegram.conftest import post
from tests.platforms.telegram.test_telegram_receiving import FIXTURES
from unicom import signals
from unicom.models import Attachment, Chat, Message, Reaction, Request, Suppression, Update
from unicom.testing.draining import drain
from unicom.testing.telegram import SAMPLE_OGG, SAMPLE_PNG

# What a bot of ours never asks for, and what is newer than this: kept raw, and no error.
KEPT_RAW = {
    "a_kind_of_tomorrow",
    "business_message_of_the_bot",
    "chat_boost",
    "chosen_inline_result",
    "ephemeral_message",
    "game",
    "guest_message",
    "inline_query",
    "managed_bot",
    "member_changed",
    "poll",
    "poll_answer",
    "pre_checkout_query",
    "purchased_paid_media",
    "removed_chat_boost",
    "rich_message",
    "shipping_query",
    "stopped_message_generation",
    "subscription",
}


@pytest.fixture
def heard():
    """Return a function that collects what a signal is sent with."""
    connected = []

    def listen(signal: Signal):
        told: list[dict] = []

        def hear(sender, **arguments):
            told.append({key: value for key, value in arguments.items() if key != "signal"})

        signal.connect(hear, weak=False)
        connected.append((signal, hear))
        return told

    yield listen
    for signal, hear in connected:
        signal.disconnect(hear)


@pytest.mark.once
def test_there_is_a_fixture_of_every_kind_of_update():
    kinds = {key for path in FIXTURES for key in json.loads(path.read_text())} - {"update_id"}
    assert set(OfficialUpdate.model_fields) - {"update_id"} <= kinds


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_kind_of_update_is_stored_or_kept_raw_and_never_an_error(channel, client, bot, path):
    body = path.read_bytes()
    headers = {"X-Telegram-Bot-Api-Secret-Token": bot.webhook.secret_token}
    assert post(client, channel, body, headers) == 200
    kept = list(Update.objects.values_list("state", "error"))
    assert kept == ([("kept", "")] if path.stem in KEPT_RAW else [])
    assert post(client, channel, body, headers) == 200, "and again"
    assert Message.objects.count() <= 1


KINDS = [
    ("photo", SAMPLE_PNG, {}, "image", "image/png"),
    ("audio", b"ID3" + bytes(50), {"name": "song.mp3", "mime_type": "audio/mpeg"}, "audio", "audio/mpeg"),
    ("video", bytes(4) + b"ftypisom" + bytes(40), {"name": "a.mp4"}, "video", "video/mp4"),
    ("video_note", bytes(4) + b"ftypisom" + bytes(40), {}, "video", "video/mp4"),
    ("animation", bytes(4) + b"ftypisom" + bytes(40), {"name": "cat.mp4"}, "video", "video/mp4"),
    ("document", b"some words", {"name": "note.txt", "mime_type": "text/plain"}, "file", "text/plain"),
    ("sticker", b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(20), {}, "image", "image/webp"),
]


@pytest.mark.parametrize(("kind", "content", "extra", "media_type", "content_type"), KINDS, ids=[k[0] for k in KINDS])
def test_a_file_of_each_kind_is_fetched(channel, deliver, bot, ann, kind, content, extra, media_type, content_type):
    ann.sends_file(bot, kind, content, **extra)
    deliver()
    message, attachment = Message.objects.get(), Attachment.objects.get()
    assert (message.media_type, attachment.state, attachment.error) == (media_type, "stored", "")
    assert (attachment.content_type, attachment.size) == (content_type, len(content))
    if "name" in extra:
        assert attachment.name == extra["name"]
    with message.media.open() as file:
        assert file.read() == content


def test_a_voice_message_is_mp3_with_the_recording_as_attachment(channel, deliver, bot, ann, heard):
    told = heard(signals.message_received)
    ann.sends_voice(bot, SAMPLE_OGG)
    deliver()
    message = Message.objects.get()
    assert message.media_type == "audio"
    assert message.media.name.endswith(".mp3")
    assert told[0]["message"].media.name == message.media.name, "it is there when receivers hear of it"
    with message.attachments.get().file.open() as file:
        assert file.read() == SAMPLE_OGG


def test_no_stored_row_shows_the_token(channel, deliver, telegram, bot, ann):
    ann.sends_photo(bot)
    ann.sends_document(bot, b"x", size=21 * 1024 * 1024)
    telegram.fail("getFile", error="500")
    deliver()
    secret = bot.token.partition(":")[2]
    rows = [*Message.objects.values(), *Attachment.objects.values(), *Update.objects.values("error")]
    assert secret not in str(rows)


def test_formatting_is_kept_as_html_and_links_are_not_lost(channel, deliver, bot, ann):
    entities = [{"type": "text_link", "offset": 0, "length": 4, "url": "https://example.com/?a=1&b"}]
    ann.sends(bot, "here <you> are", entities=entities)
    ann.sends(bot, "plain @words")
    deliver()
    formatted, plain = Message.objects.order_by("seq")
    assert formatted.text == "here <you> are"
    assert formatted.html == '<a href="https://example.com/?a=1&amp;b">here</a> &lt;you&gt; are'
    assert (plain.text, plain.html) == ("plain @words", "")


def test_a_forward_and_a_quote_keep_what_telegram_told(channel, deliver, bot, ann):
    origin = {"type": "hidden_user", "sender_user_name": "Bob", "date": 1_789_990_000}
    ann.sends(bot, "look", forward_origin=origin)
    first = ann.sends(bot, "tea or coffee")
    ann.sends(bot, "this", reply_to=first, quote={"text": "tea", "position": 0})
    deliver()
    forwarded, asked, quoting = Message.objects.order_by("seq")
    assert forwarded.raw["message"]["forward_origin"] == origin
    assert quoting.reply_to_message == asked
    assert quoting.raw["message"]["quote"]["text"] == "tea"


def test_a_service_message_is_the_systems_and_nobodys_request(channel, deliver, telegram, bot, ann, heard):
    told, received = heard(signals.service_message_received), heard(signals.message_received)
    group = telegram.group("Team", members=[ann, bot])
    deliver()
    assert [message.text for message in Message.objects.order_by("seq")] == [
        "Ann let the bot in.",
        "Ann created the group.",
    ]
    group.add(telegram.user("Bob"))
    deliver()
    last = Message.objects.order_by("seq").last()
    assert (last.text, last.is_outgoing, last.sender.name) == ("Ann added Bob.", None, "Ann")
    assert len(told) == 3 and told[-1] == {"message": last}
    assert received == [] and not Request.objects.exists()


def test_a_chat_follows_its_title(channel, deliver, telegram, bot, ann):
    group = telegram.group("Team", members=[ann, bot])
    group.chat.title = "Crew"
    ann.sends(group, new_chat_title="Crew")
    deliver()
    assert Chat.objects.get().name == "Crew"


def test_known_failure_21_a_long_title_a_missing_size_and_a_large_file_lose_nothing(
    channel, deliver, telegram, bot, ann
):
    """Known failure 21, Telegram's part; chats and people can be deleted afterwards."""
    group = telegram.group("T" * 128, members=[ann, bot], announced=False)
    ann.sends(group, "hello")
    voice = ann.sends_voice(bot)
    voice.json["voice"].pop("file_size", None)
    ann.sends_document(bot, b"x", name="big.zip", size=21 * 1024 * 1024)
    assert set(deliver()) == {200}
    assert Message.objects.count() == 3
    assert Chat.objects.get(is_group=True).name == "T" * 128
    large = Attachment.objects.get(name="big.zip")
    assert (large.state, "20 MB" in large.error) == ("failed", True)
    assert not Update.objects.exists()
    for chat in Chat.objects.all():
        chat.delete()
    Message.objects.all().delete()
    from unicom.models import Account

    Account.objects.all().delete()
    assert not Attachment.objects.exists()


# Business accounts


@pytest.fixture
def business(telegram, bot):
    """Return the account of a person for whom the bot acts."""
    return telegram.business(telegram.user("Owner"), bot)


def test_a_customers_message_is_a_chat_of_its_own_and_is_answered_there(channel, deliver, telegram, bot, ann, business):
    ann.sends(bot, "privately")
    asked = business.receives(ann, "open on Sunday?")
    deliver()
    message = Message.objects.get(text="open on Sunday?")
    assert message.chat.external_id == f"{business.id}:{ann.id}"
    assert message.chat != Message.objects.get(text="privately").chat
    answer = message.reply_with({"text": "From ten."})
    drain()
    answer.refresh_from_db()
    assert answer.status == "sent", answer.error
    sent = telegram.log.calls("sendMessage")[-1].params
    assert (sent["business_connection_id"], sent["chat_id"]) == (business.id, ann.id)
    assert sent["reply_parameters"]["message_id"] == asked.message_id


def test_what_the_owner_writes_is_ours_and_nobodys_request(channel, deliver, ann, business):
    business.receives(ann, "open?")
    business.answers(ann, "from ten")
    deliver()
    echo = Message.objects.get(text="from ten")
    assert (echo.is_outgoing, echo.status, echo.sent, echo.sender_name) == (True, "sent", True, "Owner")
    assert Request.objects.get().message.text == "open?"


def test_a_customers_edit_and_deletion_reach_the_row(channel, deliver, ann, business, heard):
    told = heard(signals.message_deleted)
    first, second = business.receives(ann, "opne?"), business.receives(ann, "never mind")
    deliver()
    ann.edits(first, "open?")
    business.deletes(second)
    deliver()
    edited, deleted = Message.objects.filter(is_outgoing=False).order_by("seq")
    assert (edited.text, edited.raw["edits"][0]["text"], edited.deleted_at) == ("open?", "opne?", None)
    assert (deleted.text, deleted.deleted_at is not None) == ("never mind", True)
    assert told == [{"message": deleted}]


def test_the_owner_is_told_that_the_bot_acts_for_them(channel, deliver, business):
    business.disconnect()
    deliver()
    assert list(Message.objects.order_by("seq").values_list("text", "is_outgoing")) == [
        ("The bot now acts for the account of Owner.", None),
        ("The bot does not act any more for the account of Owner.", None),
    ]


# Reactions


def test_a_persons_reactions_are_rows_and_follow_their_changes(channel, deliver, bot, ann, heard):
    told = heard(signals.reaction_changed)
    sent = ann.sends(bot, "hello")
    deliver()
    message = Message.objects.get()
    ann.reacts(sent, "👍")
    deliver()
    ann.reacts(sent, "🔥", "👍")
    deliver()
    assert [str(row.emoji) for row in message.reactions.all()] == ["👍", "🔥"]
    ann.reacts(sent)
    deliver()
    assert not Reaction.objects.exists()
    assert [(item["added"], item["removed"]) for item in told] == [
        (["👍"], []),
        (["🔥"], []),
        ([], ["👍", "🔥"]),
    ]
    assert {item["account"].pk for item in told} == {f"telegram_{ann.id}"}


def test_a_reaction_to_a_part_of_our_answer_is_the_answers(channel, deliver, bot, ann):
    ann.sends(bot, "tell me all")
    deliver()
    answer = Message.objects.get().reply_with({"text": "All of it. " * 500})
    drain()
    ann.reacts(ann.last(bot), "👏")
    deliver()
    assert Reaction.objects.get().message == answer


def test_a_reaction_to_a_message_nobody_knows_does_no_harm(channel, deliver, bot, ann):
    before_we_were_there = ann.sends(bot, "hello")
    bot.state.queue.clear()
    ann.reacts(before_we_were_there, "👍")
    assert deliver() == [200]
    assert not Reaction.objects.exists()
    assert not Update.objects.exists()


def test_a_channels_reactions_are_counted(channel, deliver, telegram, bot, heard):
    told = heard(signals.reaction_changed)
    news = telegram.channel("News", admins=[bot])
    news.counts_reactions(news.posts("today"), **{"🔥": 12})
    deliver()
    message = Message.objects.get(text="today")
    assert message.raw["reaction_counts"] == {"🔥": 12}
    assert told == [{"message": message, "account": None, "added": ["🔥"], "removed": []}]


# People who come and go


def test_a_request_to_join_is_told(channel, deliver, telegram, bot, ann, heard):
    told = heard(signals.service_message_received)
    group = telegram.group("Members", members=[bot], supergroup=True, announced=False)
    group.chat.members[bot.id] = "administrator"
    group.asks_to_join(ann)
    deliver()
    message = told[0]["message"]
    assert (message.text, message.sender_id) == ("Ann asks to join.", f"telegram_{ann.id}")
    assert message.raw["chat_join_request"]["user_chat_id"] == ann.id


def test_blocking_is_of_one_bot_only(channel, deliver, telegram, bot, ann, client):
    from unicom.models import Channel

    other_bot = telegram.add_bot("other_bot")
    other = Channel.objects.create(name="Other", platform="Telegram", config={"API_TOKEN": other_bot.token})
    assert other.validate()
    ann.start(other_bot)
    ann.blocks(bot)
    deliver()
    telegram.deliver(other_bot, lambda headers, body: post(client, other, body, headers))
    assert Suppression.objects.get().channel == channel
    answer = Message.objects.get(channel=other).reply_with({"text": "welcome"})
    drain()
    answer.refresh_from_db()
    assert answer.status == "sent"


def test_a_topic_of_a_private_chat_is_a_chat_of_its_own(channel, deliver, telegram, bot, ann):
    topic = ann.opens_topic(bot, "Orders")
    ann.sends(bot, "in the topic", topic=topic)
    ann.sends(bot, "outside")
    deliver()
    inside, outside = Message.objects.get(text="in the topic"), Message.objects.get(text="outside")
    assert inside.chat.external_id == f"{ann.id}:{topic}"
    assert outside.chat.external_id == str(ann.id)
    inside.reply_with({"text": "here"})
    drain()
    assert telegram.log.calls("sendMessage")[-1].params["message_thread_id"] == topic
