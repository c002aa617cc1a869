"""Hold what goes out: whole, formatted, answered, and each refusal with its consequence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.platforms.telegram.conftest import without_pace
from unicom.errors import InvalidMessage
from unicom.models import Channel, Delivery, Message, Suppression
from unicom.testing.draining import drain
from unicom.testing.telegram import SAMPLE_OGG, SAMPLE_PNG, faults

LONG = "Every word of this matters, and none is lost 😀. " * 200


@pytest.fixture
def channel(channel):
    """Return the channel without a pace: how long parts wait is tested with the pace."""
    return without_pace(channel)


def send(channel: Any, ann: Any, text: str = "hello", **more: Any) -> Any:
    """Send and deliver; returns the message as it is then."""
    message = channel.send_message({"chat_id": ann.id, "text": text, **more})
    drain()
    message.refresh_from_db()
    return message


def test_a_text_arrives_as_it_was_written(channel, bot, ann):
    text = "*not bold* _nor_ <b>this</b> & <that> [x](y) `z` \\* 😀"
    message = send(channel, ann, text)
    assert (message.status, message.error) == ("sent", "")
    assert ann.last(bot).json["text"] == text
    assert "entities" not in ann.last(bot).json
    assert message.external_id == f"{ann.id}:{ann.last(bot).message_id}"


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("HTML", "<b>bold <i>both</i></b> <a href='https://example.org/'>link</a> 😀<code>a&lt;b</code>"),
        ("MarkdownV2", r"*bold _both_* [link](https://example.org/) 😀`a<b`"),
    ],
)
def test_formatting_arrives_as_entities(channel, telegram, bot, ann, mode, text):
    send(channel, ann, text, parse_mode=mode)
    shown = ann.last(bot).json
    assert shown["text"] == "bold both link 😀a<b"
    assert {(entity["type"], entity["offset"], entity["length"]) for entity in shown["entities"]} == {
        ("bold", 0, 9), ("italic", 5, 4), ("text_link", 10, 4), ("code", 17, 3),
    }  # fmt: skip
    assert "parse_mode" not in telegram.log.sent()[-1].params


def test_the_older_markdown_arrives_as_entities(channel, bot, ann):
    send(channel, ann, "*bold* _it_ [l](https://example.org) `c` half_open", parse_mode="Markdown")
    shown = ann.last(bot).json
    assert shown["text"] == "bold it l c half_open"
    assert [entity["type"] for entity in shown["entities"]] == ["bold", "italic", "text_link", "code"]


def test_what_telegram_cannot_make_sense_of_is_sent_once_more_as_plain_text(channel, telegram, bot, ann):
    telegram.fail("sendMessage", error=faults.api_error(400, "Bad Request: can't parse entities: oh no"))
    message = send(channel, ann, "<b>bold</b>", parse_mode="HTML")
    assert (message.status, ann.last(bot).json["text"]) == ("sent", "bold")
    assert "entities" not in ann.last(bot).json
    assert len(telegram.log.calls("sendMessage")) == 2


def test_a_callers_own_entities_are_taken_and_checked(channel, bot, ann):
    send(channel, ann, "😀 bold", entities=[{"type": "bold", "offset": 3, "length": 4}])
    assert ann.last(bot).json["entities"] == [{"type": "bold", "offset": 3, "length": 4}]
    for wrong in ([{"type": "bold", "offset": 1, "length": 1}], "x", [3], [{"type": "b", "offset": 0, "length": 1}]):
        with pytest.raises(InvalidMessage) as error:
            channel.send_message({"chat_id": ann.id, "text": "😀 bold", "entities": wrong})
        assert set(error.value.problems) == {"entities"}


def test_a_long_text_arrives_whole_with_the_buttons_on_the_last_part(channel, telegram, bot, ann):
    message = send(channel, ann, LONG, buttons=[[{"text": "Ok", "callback_data": 1}]])
    parts = ann.inbox(bot)
    assert len(parts) == 3
    assert "".join(part.text + " " for part in parts) == LONG
    assert [part.buttons for part in parts] == [[], [], [["Ok"]]]
    assert message.text == LONG
    assert message.external_id == f"{ann.id}:{parts[0].message_id}"


def test_a_hundred_thousand_characters_of_markdown_with_emoji_arrive_whole_and_in_order(channel, telegram, bot, ann):
    words = [
        f"**{number}** 😀 _word_ `{number}` 👩‍👩‍👧‍👦 and [more](https://example.org/{number})."
        for number in range(1500)
    ]
    text = "\n".join(words)
    assert len(text) > 100_000
    message = send(channel, ann, text, parse_mode="Markdown", buttons=[[{"text": "Ok", "callback_data": 1}]])
    assert (message.status, message.error) == ("sent", "")
    shown = ann.inbox(bot)
    arrived = "\n".join(part.text for part in shown)
    plain = "\n".join(f"{number} 😀 word {number} 👩‍👩‍👧‍👦 and more." for number in range(1500))
    assert arrived.split() == plain.split()
    links = [entity["url"] for part in shown for entity in part.json["entities"] if entity["type"] == "text_link"]
    assert links == [f"https://example.org/{number}" for number in range(1500)]
    assert [part.buttons for part in shown] == [[]] * (len(shown) - 1) + [[["Ok"]]]


def test_a_long_formatted_text_keeps_its_formatting_across_parts(channel, bot, ann):
    send(channel, ann, f"<b>{LONG}</b>", parse_mode="HTML")
    for part in ann.inbox(bot):
        assert [entity["type"] for entity in part.json["entities"]] == ["bold"]


def test_more_than_a_hundred_entities_are_spread_over_messages(channel, bot, ann):
    send(channel, ann, "<b>a</b> " * 250, parse_mode="HTML")
    assert [len(part.json["entities"]) for part in ann.inbox(bot)] == [100, 100, 50]


def test_a_reply_answers_the_message_and_only_its_first_part_does(channel, deliver, bot, ann):
    asked = ann.sends(bot, "well?")
    deliver()
    Message.objects.get().reply_with({"text": LONG})
    drain()
    answered = [part.json.get("reply_to_message", {}).get("message_id") for part in ann.inbox(bot)]
    assert answered == [asked.message_id, None, None]


def test_a_reply_to_a_message_that_was_deleted_arrives_all_the_same(channel, deliver, bot, ann):
    asked = ann.sends(bot, "well?")
    deliver()
    ann.deletes(asked)
    reply = Message.objects.get().reply_with({"text": "yes"})
    drain()
    reply.refresh_from_db()
    assert (reply.status, ann.last(bot).text) == ("sent", "yes")
    assert "reply_to_message" not in ann.last(bot).json


def test_silent_and_protected_are_passed_on(channel, telegram, ann):
    send(channel, ann, silent=True, protect=True, link_preview_options={"is_disabled": True})
    params = telegram.log.sent()[-1].params
    assert (params["disable_notification"], params["protect_content"]) == (True, True)
    assert params["link_preview_options"] == {"is_disabled": True}


def test_the_older_switch_for_previews_is_translated(channel, telegram, ann):
    send(channel, ann, disable_web_page_preview=True)
    assert telegram.log.sent()[-1].params["link_preview_options"] == {"is_disabled": True}


def test_a_reply_keyboard_is_passed_on(channel, bot, ann):
    send(channel, ann, reply_markup={"keyboard": [[{"text": "Share", "request_contact": True}]]})
    assert ann.last(bot).buttons == [["Share"]]


def test_url_buttons_open_pages_and_others_are_refused_beforehand(channel, bot, ann):
    send(channel, ann, buttons=[[{"text": "Site", "url": "https://example.org", "type": "url"}]])
    assert ann.last(bot).button("Site")["url"] == "https://example.org"
    with pytest.raises(InvalidMessage) as error:
        send(channel, ann, buttons=[[{"text": "Call", "url": "tel:+31612345678"}]])
    assert set(error.value.problems) == {"buttons[0][0].url"}


# Files


@pytest.mark.parametrize(
    ("name", "content", "method"),
    [
        ("look.png", SAMPLE_PNG, "sendPhoto"),
        ("say.ogg", SAMPLE_OGG, "sendVoice"),
        ("note.txt", b"words", "sendDocument"),
        ("page.html", b"<script>", "sendDocument"),
    ],
)
def test_a_file_goes_by_the_method_of_its_kind(channel, telegram, bot, ann, tmp_path, name, content, method):
    (tmp_path / name).write_bytes(content)
    message = send(channel, ann, "see", file_path=str(tmp_path / name))
    assert (message.status, message.error) == ("sent", "")
    assert [call.method for call in telegram.log.sent()] == [method]
    assert ann.last(bot).json["caption"] == "see"


def test_a_picture_no_photo_can_be_made_of_is_sent_as_a_file(channel, telegram, ann, tmp_path):
    (tmp_path / "wide.png").write_bytes(SAMPLE_PNG)
    telegram.fail("sendPhoto", error=faults.api_error(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
    message = send(channel, ann, "see", file_path=str(tmp_path / "wide.png"), has_spoiler=True)
    assert message.status == "sent"
    assert [call.method for call in telegram.log.calls() if "send" in call.method] == ["sendPhoto", "sendDocument"]


def test_a_text_too_long_for_a_caption_follows_the_file_with_the_buttons(channel, telegram, bot, ann, tmp_path):
    (tmp_path / "look.png").write_bytes(SAMPLE_PNG)
    message = send(
        channel, ann, "x" * 1025, file_path=str(tmp_path / "look.png"), buttons=[[{"text": "Ok", "callback_data": 1}]]
    )
    photo, text = ann.inbox(bot)
    assert message.status == "sent"
    assert ("caption" in photo.json, text.text, photo.buttons, text.buttons) == (False, "x" * 1025, [], [["Ok"]])


def test_a_caption_of_exactly_1024_stays_with_the_file(channel, bot, ann, tmp_path):
    (tmp_path / "look.png").write_bytes(SAMPLE_PNG)
    send(channel, ann, "😀" * 512, file_path=str(tmp_path / "look.png"))
    assert [message.json["caption"] for message in ann.inbox(bot)] == ["😀" * 512]


def test_several_files_are_several_messages_in_order(channel, telegram, bot, ann, tmp_path):
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    send(
        channel,
        ann,
        "all",
        file_path=str(tmp_path / "a.txt"),
        attachments=[str(tmp_path / n) for n in ("b.txt", "c.txt")],
    )
    assert [message.json["document"]["file_name"] for message in ann.inbox(bot)] == ["a.txt", "b.txt", "c.txt"]
    assert [message.text for message in ann.inbox(bot)] == ["all", "", ""]


def test_a_file_that_is_gone_from_our_storage_fails_with_a_sentence(channel, telegram, ann, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    message = channel.send_message({"chat_id": ann.id, "text": "x", "file_path": str(tmp_path / "a.txt")})
    message.media.delete(save=False)
    drain()
    message.refresh_from_db()
    assert (message.status, "not in our storage" in message.error) == ("failed", True)


# Editing


def test_an_edit_changes_text_and_row(channel, bot, ann):
    message = send(channel, ann, "Processing…")
    message.edit_original_message({"text": "<b>Done</b>", "parse_mode": "HTML"})
    drain()
    message.refresh_from_db()
    assert (ann.last(bot).text, ann.last(bot).json["entities"][0]["type"]) == ("Done", "bold")
    assert message.edited_at is not None
    assert len(ann.inbox(bot)) == 1


def test_an_edit_that_changes_nothing_is_a_success(channel, telegram, ann):
    message = send(channel, ann, "same")
    message.edit_original_message({"text": "same"})
    drain()
    assert telegram.log.calls("editMessageText")[-1].status == 400
    assert list(Delivery.objects.values_list("act", "state")) == [("send", "sent"), ("edit", "sent")]


def test_an_edit_of_a_file_changes_its_caption(channel, bot, ann, tmp_path):
    (tmp_path / "look.png").write_bytes(SAMPLE_PNG)
    message = send(channel, ann, "befor", file_path=str(tmp_path / "look.png"))
    message.edit_original_message({"text": "before"})
    drain()
    assert ann.last(bot).json["caption"] == "before"


def test_an_edit_too_long_for_one_message_is_refused_beforehand(channel, ann):
    message = send(channel, ann)
    with pytest.raises(InvalidMessage) as error:
        message.edit_original_message({"text": "x" * 4097})
    assert set(error.value.problems) == {"text"}


def test_an_edit_of_a_message_that_is_gone_fails_with_telegrams_sentence(channel, bot, ann):
    message = send(channel, ann)
    ann.deletes(ann.last(bot))
    message.edit_original_message({"text": "new"})
    drain()
    edit = Delivery.objects.get(act="edit")
    assert (edit.state, edit.error) == ("failed", "Telegram: Bad Request: message to edit not found")
    message.refresh_from_db()
    assert message.text == "hello"


# Refusals and their consequences


def test_a_chat_that_does_not_exist_fails_with_telegrams_sentence(channel, telegram):
    message = channel.send_message({"chat_id": "user_chat_id", "text": "hello"})
    drain()
    message.refresh_from_db()
    assert (message.status, message.error) == ("failed", "Telegram: Bad Request: chat not found")


@pytest.mark.parametrize("how", ["blocks", "deactivates"])
def test_a_contact_who_is_gone_is_suppressed(channel, deliver, telegram, bot, ann, how):
    ann.sends(bot, "hi")
    deliver()
    getattr(ann, how)(*([bot] if how == "blocks" else []))
    bot.state.queue.clear()  # the update about it is late
    reply = Message.objects.get(is_outgoing=False).reply_with({"text": "there?"})
    drain()
    reply.refresh_from_db()
    assert reply.status == "failed"
    assert Suppression.objects.get().account_id == f"telegram_{ann.id}"


def test_a_chat_the_bot_was_thrown_out_of_fails_and_others_go_on(channel, deliver, telegram, bot, ann):
    group = telegram.group("Team", members=[ann, bot])
    ann.sends(group, "hi")
    deliver()
    group.removes(bot)
    refused = Message.objects.get(is_outgoing=False).reply_with({"text": "bye"})
    fine = channel.send_message({"chat_id": ann.id, "text": "hello"})
    drain()
    refused.refresh_from_db()
    fine.refresh_from_db()
    assert (refused.status, fine.status) == ("failed", "sent")
    assert refused.error == "Telegram: Forbidden: bot was kicked from the group chat"


def test_a_token_revoked_in_mid_queue_stops_the_channel_and_loses_nothing(channel, telegram, bot, ann):
    first = send(channel, ann, "one")
    bot.revoke()
    waiting = [send(channel, ann, text) for text in ("two", "three")]
    channel.refresh_from_db()
    assert channel.down_since is not None
    assert "@BotFather" in channel.error
    assert [message.status for message in (first, *waiting)] == ["sent", "queued", "queued"]
    assert len(telegram.log.calls("sendMessage")) == 2, "one refusal is enough"
    bot.restore()
    assert channel.validate()
    drain()
    assert telegram.log.sent_texts(ann.id) == ["one", "two", "three"]


def test_a_429_is_waited_out_to_the_second(channel, telegram, ann):
    telegram.fail("sendMessage", error=faults.too_many(17))
    before = timezone.now()
    message = send(channel, ann)
    due = Delivery.objects.get().next_attempt_at
    assert message.status == "queued"
    assert timedelta(seconds=17) <= due - before < timedelta(seconds=19)


@pytest.mark.parametrize(
    ("fault", "status", "arrived"),
    [
        ("500", "unknown", 0),
        ("502", "unknown", 0),
        ("503", "queued", 0),
        ("timeout_before", "unknown", 0),
        ("timeout_after", "unknown", 1),
        ("drop_before", "unknown", 0),
        ("drop_after", "unknown", 1),
        ("malformed", "unknown", 1),
    ],
)
def test_a_fault_repeats_only_what_surely_did_not_arrive(channel, telegram, ann, fault, status, arrived):
    telegram.fail("sendMessage", error=fault)
    message = send(channel, ann)
    assert message.status == status, message.error
    assert len(telegram.log.calls("sendMessage")) == 1
    assert len(telegram.log.sent_texts(ann.id)) == arrived


def test_a_server_that_is_away_is_tried_again(channel, telegram, ann, settings):
    url = settings.UNICOM_TELEGRAM_API_URL
    settings.UNICOM_TELEGRAM_API_URL = "http://127.0.0.1:9"
    message = send(channel, ann)
    assert (message.status, "could not be reached" in Delivery.objects.get().error) == ("queued", True)
    settings.UNICOM_TELEGRAM_API_URL = url
    Delivery.objects.update(next_attempt_at=timezone.now())
    drain()
    assert telegram.log.sent_texts(ann.id) == ["hello"]


def test_a_group_that_moved_is_followed_and_the_message_sent_once(channel, deliver, telegram, bot, ann):
    group = telegram.group("Team", members=[ann, bot])
    ann.sends(group, "hi")
    deliver()
    group.upgrade()
    bot.state.queue.clear()
    reply = Message.objects.get(is_outgoing=False).reply_with({"text": "hello"})
    drain()
    reply.refresh_from_db()
    assert (reply.status, reply.error) == ("sent", "")
    assert reply.chat.external_id == str(group.id)
    assert telegram.log.sent_texts(group.id) == ["hello"]


def test_no_error_log_or_row_shows_a_secret(channel, telegram, bot, ann, caplog, settings):
    caplog.set_level("DEBUG")
    secrets = [bot.token, bot.token.partition(":")[2], channel.config["SECRET_TOKEN"]]
    for fault in ("500", "502", "timeout_before", "drop_after", "malformed", "503"):
        telegram.fail("sendMessage", error=fault)
        send(channel, ann)
        Delivery.objects.update(state="failed", finished_at=timezone.now())
    telegram.fail("sendMessage", error=faults.api_error(400, f"Bad Request: /bot{bot.token}/sendMessage is odd"))
    odd = send(channel, ann)
    assert odd.error == "Telegram: Bad Request: /bot***/sendMessage is odd"
    telegram.fail("sendMessage", error="429")
    send(channel, ann)
    settings.UNICOM_TELEGRAM_API_URL = "http://127.0.0.1:9"
    channel.validate()
    send_to_closed = Channel.objects.get(pk=channel.pk).error
    rows = [str(row) for model in (Delivery, Message) for row in model.objects.values()]
    shown = [*rows, send_to_closed, caplog.text, *(str(record.__dict__) for record in caplog.records)]
    assert [text[:300] for text in shown for secret in secrets if secret in text] == []
    assert len(rows) > 8
