"""Hold each fact about the Bot API that the adapter leans on; the number is the fact's."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.platforms.telegram.conftest import post, without_pace
from tests.platforms.telegram.test_telegram_sending import send
from unicom.adapters import adapter_for
from unicom.errors import DeliveryError, InvalidMessage
from unicom.models import Attachment, CallbackExecution, Channel, Chat, Delivery, Message, Suppression, Update
from unicom.platforms.cutting import utf16_length
from unicom.platforms.telegram import typing_signs
from unicom.platforms.telegram.adapter import TelegramAdapter
from unicom.platforms.telegram.parsing import ALLOWED_UPDATES
from unicom.platforms.telegram.polling import poll
from unicom.testing.draining import drain
from unicom.testing.telegram import SAMPLE_OGG, SAMPLE_PNG, faults

YES = [[{"text": "Yes", "callback_data": {"answer": 42}}]]


@pytest.fixture
def channel(channel):
    """Return the channel without a pace."""
    return without_pace(channel)


@pytest.fixture
def asked(deliver, bot, ann):
    """Return a message that Ann has written, as it is stored."""
    ann.sends(bot, "hello")
    deliver()
    return Message.objects.get(is_outgoing=False)


def test_tg_01_a_webhook_without_the_secret_is_403_and_stores_nothing(channel, client, telegram, bot, ann):
    ann.sends(bot, "hello")
    ((headers, body),) = telegram.pending(bot)
    secret = headers["X-Telegram-Bot-Api-Secret-Token"]
    assert 1 <= len(secret) <= 256 and secret.replace("-", "").replace("_", "").isalnum()
    for wrong in ("", "wrong", secret[:-1], secret + "x", "Ключ".encode().decode("latin-1")):
        assert post(client, channel, body, {"X-Telegram-Bot-Api-Secret-Token": wrong}) == 403
    assert not Message.objects.exists() and not Update.objects.exists()
    assert post(client, channel, body, headers) == 200


def test_tg_02_a_webhook_is_answered_before_any_call_and_repeats_are_one(channel, client, telegram, bot, ann, settings):
    settings.UNICOM_EXECUTOR = "worker"
    ann.sends_photo(bot)
    ((headers, body),) = telegram.pending(bot)
    before = len(telegram.log.calls())
    assert [post(client, channel, body, headers) for _ in range(3)] == [200, 200, 200]
    assert len(telegram.log.calls()) == before, "what takes time is done later"
    assert Message.objects.count() == 1


def test_tg_03_updates_are_known_by_bot_and_id_and_need_not_rise(channel, client, telegram, bot, ann):
    other_bot = telegram.add_bot("other_bot")
    other = Channel.objects.create(name="Other", platform="Telegram", config={"API_TOKEN": other_bot.token})
    assert other.validate()
    for where, of, update_id in ((channel, bot, 900), (channel, bot, 17), (other, other_bot, 17), (channel, bot, 900)):
        person = {"id": ann.id, "is_bot": False, "first_name": "Ann"}
        message = {"message_id": update_id, "from": person, "chat": {"id": ann.id, "type": "private"}, "text": "x"}
        body = json.dumps({"update_id": update_id, "message": {**message, "date": 1_790_000_000}}).encode()
        headers = {"X-Telegram-Bot-Api-Secret-Token": of.webhook.secret_token}
        assert post(client, where, body, headers) == 200
    assert sorted(Message.objects.values_list("channel", "external_id")) == [
        (channel.pk, f"{ann.id}:17"),
        (channel.pk, f"{ann.id}:900"),
        (other.pk, f"{ann.id}:17"),
    ]


def test_tg_04_what_piles_up_at_telegram_is_told(channel, bot, ann):
    for number in range(100):
        ann.sends(bot, str(number))
    assert "100 updates wait" in channel.check_health().problems[0]


def test_tg_05_the_full_list_of_updates_is_asked_for(channel, bot):
    assert set(bot.state.allowed_updates) == set(ALLOWED_UPDATES)
    assert {"message_reaction", "message_reaction_count", "my_chat_member"} <= set(ALLOWED_UPDATES)


def test_tg_06_polling_removes_the_webhook_and_two_takers_are_a_conflict(channel, telegram, bot, ann):
    ann.sends(bot, "hello")
    assert poll(channel, once=True) == 1
    assert bot.webhook.url == ""
    telegram.fail("getUpdates", error=faults.api_error(409, "Conflict: terminated by other getUpdates request"))
    with pytest.raises(DeliveryError) as error:
        poll(channel, once=True)
    assert (error.value.code, error.value.retryable) == ("409", True)


def test_tg_07_the_webhook_is_not_set_again_where_nothing_differs(channel, telegram):
    for _ in range(3):
        assert channel.validate()
    assert len(telegram.log.calls("setWebhook")) == 1
    assert telegram.log.calls("setMyCommands") == []


def test_tg_08_retry_after_is_waited_out_and_a_400_is_never_repeated(channel, telegram, ann):
    telegram.fail("sendMessage", error=faults.too_many(7))
    before = timezone.now()
    send(channel, ann)
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.attempts) == ("queued", 1)
    assert timedelta(seconds=7) <= waiting.next_attempt_at - before < timedelta(seconds=9)
    waiting.message.delete()
    refused = send(channel, ann, chat_id=ann.id + 1)
    assert refused.status == "failed"
    drain()
    assert len(telegram.log.calls("sendMessage")) == 2


def test_tg_09_the_documented_paces_are_the_defaults():
    limits = TelegramAdapter.limits
    paces = [limits.channel_pace, limits.chat_pace, limits.group_pace]
    assert [(pace.count, pace.seconds) for pace in paces if pace] == [(30, 1), (1, 1), (20, 60)]


def test_tg_10_lengths_are_of_what_is_seen_and_albums_hold_two_to_ten(channel, telegram, bot, ann, tmp_path):
    text = "<b>" + "&lt;" * 4096 + "</b>"
    assert send(channel, ann, text, parse_mode="HTML").deliveries.count() == 1
    assert send(channel, ann, "x" * 4097).deliveries.count() == 2
    paths = []
    for number in range(11):
        (tmp_path / f"{number}.png").write_bytes(SAMPLE_PNG)
        paths.append(str(tmp_path / f"{number}.png"))
    assert send(channel, ann, "y" * 1024, file_path=paths[0], attachments=paths[1:]).status == "sent"
    album = telegram.log.calls("sendMediaGroup")[-1].params["media"]
    assert len(json.loads(album) if isinstance(album, str) else album) == 10
    assert send(channel, ann, "z" * 1025, file_path=paths[0]).deliveries.count() == 2


def test_tg_11_offsets_are_utf16_and_no_pair_is_cut(channel, bot, ann):
    send(channel, ann, "😀 <b>bold</b>", parse_mode="HTML")
    assert ann.last(bot).json["entities"] == [{"type": "bold", "offset": 3, "length": 4}]
    send(channel, ann, "😀" * 3000)
    shown = [message.text for message in ann.inbox(bot)[1:]]
    assert "".join(shown) == "😀" * 3000
    assert max(map(utf16_length, shown)) <= 4096


def test_tg_12_the_rendered_text_is_measured_and_buttons_are_on_the_last_part(channel, bot, ann):
    send(channel, ann, "**b** " * 1500, parse_mode="Markdown", buttons=YES)
    shown = ann.inbox(bot)
    assert [message.buttons for message in shown] == [[]] * (len(shown) - 1) + [[["Yes"]]]
    assert "*" not in "".join(message.text for message in shown)


def test_tg_13_every_reserved_character_of_markdown_v2_can_be_sent(channel, bot, ann):
    reserved = "_*[]()~`>#+-=|{}.!\\"
    send(channel, ann, "".join(f"\\{char}" for char in reserved), parse_mode="MarkdownV2")
    assert ann.last(bot).text == reserved
    send(channel, ann, "1. half *open (and) more!", parse_mode="MarkdownV2")
    assert ann.last(bot).text == "1. half *open (and) more!"


def test_tg_14_an_unknown_tag_is_shown_and_refused_formatting_is_sent_plain(channel, telegram, bot, ann):
    send(channel, ann, "List<String> <b>bold</b>", parse_mode="HTML")
    assert ann.last(bot).text == "List<String> bold"
    telegram.fail("sendMessage", error=faults.api_error(400, "Bad Request: can't parse entities: whatever"))
    assert send(channel, ann, "<b>words</b>", parse_mode="HTML").status == "sent"
    assert (ann.last(bot).text, "entities" in ann.last(bot).json) == ("words", False)


def test_tg_15_formatting_goes_as_entities(channel, telegram, ann):
    for mode, text in (("HTML", "<b>x</b>"), ("MarkdownV2", "*x*"), ("Markdown", "**x**")):
        send(channel, ann, text, parse_mode=mode)
    for call in telegram.log.calls("sendMessage"):
        assert "parse_mode" not in call.params
        assert call.params["entities"] == [{"type": "bold", "offset": 0, "length": 1}]


def _kept_raw(client: Any, channel: Any, bot: Any, kind: str, payload: Any) -> None:
    body = json.dumps({"update_id": 9, kind: payload}).encode()
    assert post(client, channel, body, {"X-Telegram-Bot-Api-Secret-Token": bot.webhook.secret_token}) == 200
    assert not Message.objects.exists()
    assert list(Update.objects.values_list("state", "error")) == [("kept", "")]


def test_tg_16_a_rich_message_is_kept_raw_and_no_error(channel, client, bot, ann):
    chat, person = {"id": ann.id, "type": "private"}, {"id": ann.id, "is_bot": False, "first_name": "Ann"}
    rich = {"message_id": 1, "date": 1_790_000_000, "chat": chat, "from": person, "rich_message": {"blocks": []}}
    _kept_raw(client, channel, bot, "message", rich)


def test_tg_17_drafts_are_for_private_chats_have_an_id_and_are_followed_by_the_message(channel, bot, ann):
    adapter = adapter_for(channel)
    assert [adapter.show_draft(str(ann.id), 7, text) for text in ("", "Teap", "Teapot")] == [True] * 3
    assert adapter.show_draft("-100200", 7, "Teap") is False
    with pytest.raises(DeliveryError):
        adapter.show_draft(str(ann.id), 0, "Teap")
    assert bot.drafts(ann.id, 7) == ["", "Teap", "Teapot"]
    assert send(channel, ann, "Teapots").status == "sent"


def test_tg_18_a_button_carries_an_opaque_token_and_is_always_answered(channel, deliver, bot, ann):
    data = {"answer": "x" * 5000}
    send(channel, ann, "Well?", buttons=[[{"text": "Yes", "callback_data": data}]])
    carried = ann.last(bot).button("Yes")["callback_data"]
    assert 1 <= len(carried.encode()) <= 64 and "x" * 10 not in carried
    CallbackExecution.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    click = ann.clicks(ann.last(bot), "Yes")
    deliver()
    assert click.answered and 0 < len(click.answers[0]["text"]) <= 200


def test_tg_19_a_click_on_a_message_out_of_sight_counts_and_its_data_is_never_trusted(channel, deliver, bot, ann):
    send(channel, ann, "Well?", buttons=YES)
    clicks = [ann.clicks(ann.last(bot), "Yes", inaccessible=True)]
    execution = CallbackExecution.objects.get()
    clicks += [ann.sends_callback(ann.last(bot), data) for data in ("", "x", f"{execution.pk}.forged", execution.pk)]
    deliver()
    execution.refresh_from_db()
    assert execution.clicks == 1
    assert all(click.answered for click in clicks)


def test_tg_20_a_file_keeps_its_name_and_the_token_is_in_no_row(channel, deliver, telegram, bot, ann):
    ann.sends_document(bot, b"words", name="Übersicht.txt", mime_type="text/plain")
    ann.sends_document(bot, b"x", name="big.zip", size=20 * 1024 * 1024 + 1)
    deliver()
    kept, refused = Attachment.objects.order_by("pk")
    assert (kept.name, kept.content_type, kept.state) == ("Übersicht.txt", "text/plain", "stored")
    assert (refused.state, "20 MB" in refused.error) == ("failed", True)
    assert len(telegram.log.calls("getFile")) == 1
    assert bot.token.partition(":")[2] not in str([*Attachment.objects.values(), *Message.objects.values()])


def test_tg_21_what_a_file_is_sent_as_follows_telegrams_limits(channel, telegram, ann, tmp_path):
    sent = {
        "large.png": (SAMPLE_PNG + bytes(10 * 1024 * 1024), "sendDocument"),
        "small.png": (SAMPLE_PNG, "sendPhoto"),
        "voice.ogg": (SAMPLE_OGG, "sendVoice"),
        "song.mp3": (b"ID3\x04" + bytes(100), "sendAudio"),
        "raw.wav": (b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(20), "sendDocument"),
    }
    for name, (content, method) in sent.items():
        (tmp_path / name).write_bytes(content)
        assert send(channel, ann, "", file_path=str(tmp_path / name)).status == "sent"
        assert telegram.log.sent()[-1].method == method, name
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate(50 * 1024 * 1024 + 1)
    with pytest.raises(InvalidMessage) as error:
        channel.send_message({"chat_id": ann.id, "file_path": str(tmp_path / "huge.bin")})
    assert "52,428,800" in error.value.problems["file_path"]


def test_tg_22_a_group_that_became_a_supergroup_is_followed_once(channel, deliver, telegram, bot, ann):
    group = telegram.group("Team", members=[ann, bot])
    deliver()
    chat = Chat.objects.get()
    new = group.upgrade()
    bot.state.queue.clear()
    message = chat.send_message({"text": "still here"})
    drain()
    message.refresh_from_db()
    chat.refresh_from_db()
    assert (message.status, chat.external_id, new < -(2**32)) == ("sent", str(new), True)
    assert telegram.log.sent_texts(new) == ["still here"]


def test_tg_23_a_block_suppresses_the_contact_and_coming_back_ends_it(channel, deliver, bot, ann, asked):
    ann.blocks(bot)
    bot.state.queue.clear()
    refused = asked.reply_with({"text": "there?"})
    drain()
    refused.refresh_from_db()
    assert (refused.status, Suppression.objects.get().reason) == ("failed", "the user blocked the bot")
    ann.unblocks(bot)
    deliver()
    assert not Suppression.objects.exists()


def test_tg_24_edits_of_every_kind_change_the_row_and_may_show_no_difference(channel, deliver, telegram, bot, ann):
    news, business = telegram.channel("News", admins=[bot]), telegram.business(telegram.user("Owner"), bot)
    bot.state.queue.clear()
    written = [ann.sends(bot, "a"), news.posts("a"), business.receives(ann, "a")]
    deliver()
    ann.edits(written[0], "b")
    news.edits(written[1], "b")
    ann.edits(written[2], "b")
    ann.edits(written[0])
    deliver()
    rows = Message.objects.filter(is_outgoing=False)
    assert [(row.text, len(row.raw["edits"])) for row in rows] == [("b", 1)] * 3


def test_tg_25_an_album_is_one_turn(channel, deliver, bot, ann):
    ann.sends_album(bot, [SAMPLE_PNG] * 3, caption="Our holiday")
    deliver()
    message = Message.objects.get()
    assert (message.text, message.attachments.count(), message.requests.count()) == ("Our holiday", 3, 1)


def test_tg_26_a_chat_is_chat_topic_and_account(channel, deliver, telegram, bot, ann):
    group = telegram.group("Team", members=[ann, bot], supergroup=True)
    topic = group.topic("Plans")
    business = telegram.business(telegram.user("Owner"), bot)
    bot.state.queue.clear()
    ann.sends(bot, "1")
    ann.sends(group, "2")
    ann.sends(group, "3", topic=topic)
    business.receives(ann, "4")
    ann.sends(group, "5", direct_messages_topic={"topic_id": 8})
    deliver()
    assert list(Message.objects.order_by("text").values_list("chat__external_id", flat=True)) == [
        str(ann.id),
        str(group.id),
        f"{group.id}:{topic}",
        f"{business.id}:{ann.id}",
        f"{group.id}:d8",
    ]


def test_tg_27_a_bot_sets_one_reaction_and_counts_come_grouped(channel, deliver, telegram, bot, ann, asked):
    asked.react_with("👍")
    asked.react_with("❤")
    drain()
    (chat,) = bot.state.private.values()
    assert chat.reactions[int(asked.external_id.split(":")[1]), bot.id] == [{"type": "emoji", "emoji": "❤"}]
    news = telegram.channel("News", admins=[bot])
    news.counts_reactions(news.posts("today"), **{"🔥": 3, "👎": 1})
    deliver()
    assert Message.objects.get(text="today").raw["reaction_counts"] == {"🔥": 3, "👎": 1}


def test_tg_28_a_business_chat_is_apart_and_is_answered_read_and_edited_there(channel, deliver, telegram, bot, ann):
    business = telegram.business(telegram.user("Owner"), bot)
    ann.sends(bot, "here")
    business.receives(ann, "there")
    deliver()
    there = Message.objects.get(text="there")
    assert there.chat != Message.objects.get(text="here").chat
    answer = there.reply_with({"text": "anwser"})
    drain()
    answer.edit_original_message({"text": "answer"})
    drain()
    for method in ("sendMessage", "editMessageText"):
        assert telegram.log.calls(method)[-1].params["business_connection_id"] == business.id
    ann_sees = bot.state.business[business.id, ann.id].messages.values()
    assert [message["text"] for message in ann_sees] == ["there", "answer"]


def test_tg_29_guest_and_ephemeral_messages_are_kept_raw_and_no_error(channel, client, bot, ann):
    chat, person = {"id": -5, "type": "group"}, {"id": ann.id, "is_bot": False, "first_name": "Ann"}
    message = {"message_id": 0, "date": 1_790_000_000, "chat": chat, "from": person, "text": "psst"}
    _kept_raw(client, channel, bot, "message", {**message, "ephemeral_message_id": 5})
    Update.objects.all().delete()
    _kept_raw(client, channel, bot, "guest_message", {**message, "guest_query_id": "G"})


def test_tg_30_typing_is_repeated_within_its_five_seconds_and_stops_at_the_answer(channel, telegram, ann, monkeypatch):
    from unicom.services.telegram import start_typing_in_telegram

    assert typing_signs.EVERY < 5
    monkeypatch.setattr(typing_signs, "EVERY", 0.02)
    start_typing_in_telegram(channel, chat_id=ann.id)
    assert telegram.log.wait_for(lambda log: len(log.calls("sendChatAction")) >= 2)
    send(channel, ann, "here it is")
    assert not typing_signs._running


def test_tg_31_not_modified_is_a_success_and_old_messages_are_edited_but_not_deleted(channel, bot, ann):
    message = send(channel, ann, "same")
    ann.last(bot).json["date"] -= 49 * 3600
    for text in ("same", "new"):
        message.edit_original_message({"text": text})
        drain()
    message.delete_original_message()
    drain()
    assert list(Delivery.objects.order_by("pk").values_list("act", "state")) == [
        ("send", "sent"),
        ("edit", "sent"),
        ("edit", "sent"),
        ("delete", "failed"),
    ]
    assert ann.last(bot).text == "new"


def test_tg_32_what_may_have_arrived_is_never_repeated_by_itself(channel, telegram, bot, ann):
    telegram.fail("sendMessage", error="drop_after")
    message = send(channel, ann, "once")
    assert message.status == "unknown"
    drain()
    assert telegram.log.sent_texts(ann.id) == ["once"]


def test_tg_33_a_reply_to_a_message_that_is_gone_arrives_all_the_same(channel, deliver, telegram, bot, ann):
    gone = ann.sends(bot, "hello")
    deliver()
    ann.deletes(gone)
    answer = Message.objects.get().reply_with({"text": "still"})
    drain()
    answer.refresh_from_db()
    assert (answer.status, ann.last(bot).text) == ("sent", "still")
    assert telegram.log.calls("sendMessage")[-1].params["reply_parameters"]["allow_sending_without_reply"] is True
