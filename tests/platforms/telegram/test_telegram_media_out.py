"""Hold what goes out besides texts: albums, files by their id, places, edits of files, deletions, reactions, drafts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.platforms.telegram.conftest import without_pace
from tests.platforms.telegram.test_telegram_sending import send
from unicom.errors import InvalidMessage
from unicom.models import Attachment, Delivery, Message
from unicom.platforms.telegram import typing_signs
from unicom.testing.draining import drain
from unicom.testing.telegram import SAMPLE_OGG, SAMPLE_PNG, faults

MP4 = bytes(4) + b"ftypisom" + bytes(40)
YES = [[{"text": "Yes", "callback_data": 1}]]


@pytest.fixture
def channel(channel):
    """Return the channel without a pace."""
    return without_pace(channel)


@pytest.fixture
def files(tmp_path):
    """Return a function that writes files and returns the keys that send them."""

    def write(*names: str) -> dict[str, Any]:
        contents = {"png": SAMPLE_PNG, "mp4": MP4, "ogg": SAMPLE_OGG}
        paths = []
        for name in names:
            path = tmp_path / name
            path.write_bytes(contents.get(name.rpartition(".")[2], name.encode()))
            paths.append(str(path))
        return {"file_path": paths[0], "attachments": paths[1:]}

    return write


def methods(telegram) -> list[str]:
    """Return which methods sent something, in order."""
    return [call.method for call in telegram.log.sent() if call.status == 200]


# Albums


def test_pictures_and_films_are_one_album_with_the_text_below(channel, telegram, bot, ann, files):
    message = send(channel, ann, "Our *holiday*", parse_mode="MarkdownV2", **files("a.png", "b.mp4", "c.png"))
    assert (message.status, message.error) == ("sent", "")
    assert methods(telegram) == ["sendMediaGroup"]
    shown = ann.inbox(bot)
    assert [item.text for item in shown] == ["Our holiday", "", ""]
    assert shown[0].json["caption_entities"] == [{"type": "bold", "offset": 4, "length": 7}]
    assert len({item.json["media_group_id"] for item in shown}) == 1
    assert [item.external_id for item in message.attachments.all()] == [f"{ann.id}:{item.message_id}" for item in shown]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.txt", "b.txt"], ["sendMediaGroup"]),
        (["a.png", "b.txt", "c.txt"], ["sendPhoto", "sendMediaGroup"]),
        (["a.ogg", "b.ogg"], ["sendVoice", "sendVoice"]),
        ([f"{number}.png" for number in range(12)], ["sendMediaGroup", "sendMediaGroup"]),
        ([f"{number}.png" for number in range(11)], ["sendMediaGroup", "sendPhoto"]),
    ],
    ids=["documents", "mixed", "voices", "twelve", "eleven"],
)
def test_only_what_fits_together_is_an_album(channel, telegram, bot, ann, files, names, expected):
    message = send(channel, ann, "", **files(*names))
    assert (message.status, message.error) == ("sent", "")
    assert methods(telegram) == expected
    assert len(ann.inbox(bot)) == len(names)


@pytest.mark.parametrize(("text", "expected"), [("Well?", ["sendMediaGroup", "sendMessage"]),
                                                ("", ["sendMediaGroup", "sendPhoto"])])  # fmt: skip
def test_an_album_has_no_buttons_so_what_follows_it_has(channel, telegram, bot, ann, files, text, expected):
    message = send(channel, ann, text, buttons=YES, **files("a.png", "b.png", "c.png"))
    assert (message.status, message.error) == ("sent", "")
    assert methods(telegram) == expected
    assert ann.last(bot).buttons == [["Yes"]]
    assert [item.buttons for item in ann.inbox(bot)[:-1]] == [[]] * (len(ann.inbox(bot)) - 1)


def test_a_reply_keyboard_does_not_get_lost_below_an_album(channel, telegram, bot, ann, files):
    keyboard = {"keyboard": [[{"text": "Yes"}]]}
    send(channel, ann, "", reply_markup=keyboard, **files("a.png", "b.png", "c.png"))
    assert methods(telegram) == ["sendMediaGroup", "sendPhoto"]
    assert ann.last(bot).buttons == [["Yes"]]


def test_an_album_with_a_picture_no_photo_can_be_made_of_is_sent_as_files(channel, telegram, bot, ann, files):
    telegram.fail("sendMediaGroup", error=faults.api_error(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
    message = send(channel, ann, "see", **files("a.png", "b.png"))
    assert message.status == "sent", message.error
    assert ["document" in item.json for item in ann.inbox(bot)] == [True, True]
    assert ann.inbox(bot)[0].text == "see"


def test_a_reply_and_a_reaction_to_an_albums_item_are_the_messages(channel, deliver, bot, ann, files):
    message = send(channel, ann, "", **files("a.png", "b.png"))
    second = ann.inbox(bot)[1]
    ann.sends(bot, "nice", reply_to=second)
    ann.reacts(second, "❤")
    deliver()
    assert Message.objects.get(text="nice").reply_to_message == message
    assert message.reactions.get().emoji == "❤"


# By id


def test_a_file_is_sent_again_by_its_id_without_uploading_it(channel, telegram, bot, ann, files):
    first = send(channel, ann, "first", **files("a.png"))
    result = first.deliveries.get().result
    assert result["kind"] == "photo"
    again = send(channel, ann, "again", photo=result["file_id"])
    assert (again.status, again.error) == ("sent", "")
    assert telegram.log.sent()[-1].params["photo"] == result["file_id"]
    assert ann.last(bot).json["photo"][0]["file_id"] == result["file_id"]
    assert ann.last(bot).text == "again"


def test_what_came_in_can_be_sent_on_by_its_id(channel, deliver, bot, ann):
    ann.sends_voice(bot)
    deliver()
    attachment = Attachment.objects.get()
    answer = attachment.message.reply_with({"voice": attachment.reference["file_id"]})
    drain()
    answer.refresh_from_db()
    assert (answer.status, "voice" in ann.last(bot).json) == ("sent", True), answer.error


def test_a_picture_is_sent_by_its_address(channel, telegram, bot, ann):
    message = send(channel, ann, "look", image_link="https://example.org/cat.png")
    assert (message.status, ann.last(bot).text) == ("sent", "look"), message.error
    assert telegram.log.sent()[-1].params["photo"] == "https://example.org/cat.png"


def test_an_id_of_another_bot_fails_with_a_sentence(channel, ann):
    message = send(channel, ann, "x", document="BQACAgIAAxkBAAnotours")
    assert message.status == "failed"
    assert message.error.startswith("Telegram: Bad Request: wrong file identifier/HTTP URL specified")
    assert "belongs to the bot" in message.error


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"photo": 5}, "photo"),
        ({"photo": ""}, "photo"),
        ({"photo": "A", "video": "B"}, "video"),
        ({"location": "here"}, "location"),
        ({"location": {"latitude": 91, "longitude": 0}}, "location.latitude"),
        ({"location": {"latitude": True}}, "location.longitude"),
        ({"poll": []}, "poll"),
    ],
)
def test_bad_values_are_named_and_nothing_is_saved(channel, ann, keys, named):
    with pytest.raises(InvalidMessage) as error:
        channel.send_message({"chat_id": ann.id, **keys})
    assert named in error.value.problems
    assert not Message.objects.exists()


# Places and other things


def test_a_location_is_sent_with_the_text_before_it(channel, telegram, bot, ann):
    message = send(channel, ann, "Meet me here", location={"latitude": 52.5, "longitude": 13.4}, buttons=YES)
    assert (message.status, message.media_type) == ("sent", "location"), message.error
    text, point = ann.inbox(bot)
    assert (text.text, point.json["location"]["latitude"]) == ("Meet me here", 52.5)
    assert (text.buttons, point.buttons) == ([], [["Yes"]])


def test_a_location_with_a_name_is_a_venue(channel, bot, ann):
    place = {"latitude": 52.5, "longitude": 13.4, "name": "Teahouse", "address": "Main Street 1"}
    assert send(channel, ann, "", location=place).status == "sent"
    assert ann.last(bot).json["venue"]["title"] == "Teahouse"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contact", {"phone_number": "+4930123456", "first_name": "Ann"}),
        ("poll", {"question": "Tea?", "options": [{"text": "Yes"}, {"text": "No"}]}),
        ("dice", {"emoji": "🎲"}),
        ("venue", {"latitude": 1.5, "longitude": 2, "title": "T", "address": "A"}),
    ],
)
def test_other_things_are_sent_as_telegram_knows_them(channel, bot, ann, name, value):
    message = send(channel, ann, "", **{name: value})
    assert message.status == "sent", message.error
    assert name in ann.last(bot).json


def test_html_is_shown_as_formatting_and_kept(channel, bot, ann):
    html = "<p>Good <b>news</b></p><p>for <a href='https://a.example'>all</a></p>"
    message = channel.send_message({"chat_id": ann.id, "html": html})
    drain()
    message.refresh_from_db()
    assert ann.last(bot).text == "Good news\nfor all"
    assert [entity["type"] for entity in ann.last(bot).json["entities"]] == ["bold", "text_link"]
    assert (message.text, "<b>news</b>" in message.html) == ("Good news\nfor all", True)
    message.edit_original_message({"html": "<i>old</i> news"})
    drain()
    message.refresh_from_db()
    assert [entity["type"] for entity in ann.last(bot).json["entities"]] == ["italic"]
    assert (message.text, message.html) == ("old news", "<i>old</i> news")


# Edits of files


def test_an_edit_changes_the_file_and_the_row(channel, bot, ann, files):
    message = send(channel, ann, "before", **files("a.png"))
    message.edit_original_message({"text": "after", "file_path": files("b.mp4")["file_path"], "buttons": YES})
    drain()
    message.refresh_from_db()
    shown = ann.last(bot)
    assert ("video" in shown.json, shown.text, shown.buttons) == (True, "after", [["Yes"]])
    assert (message.media_type, message.text) == ("video", "after")
    with message.media.open() as file:
        assert file.read() == MP4
    assert [item.name for item in message.attachments.all()] == ["b.mp4"]
    assert len(ann.inbox(bot)) == 1


def test_a_file_that_takes_no_other_s_place_leaves_the_row_as_it_was(channel, bot, ann, files):
    message = send(channel, ann, "before", **files("a.png"))
    ann.deletes(ann.last(bot))
    message.edit_original_message({"file_path": files("b.mp4")["file_path"]})
    drain()
    message.refresh_from_db()
    assert Delivery.objects.get(act="edit").state == "failed"
    assert [item.name for item in message.attachments.all()] == ["a.png"]
    with message.media.open() as file:
        assert file.read() == SAMPLE_PNG


def test_a_new_file_keeps_the_text_where_none_is_given(channel, bot, ann, files):
    message = send(channel, ann, "the same", **files("a.png"))
    message.edit_original_message({"file_path": files("b.png")["file_path"]})
    drain()
    assert ann.last(bot).text == "the same"
    assert Delivery.objects.get(act="edit").state == "sent"


def test_a_file_can_be_changed_for_one_that_telegram_has(channel, telegram, bot, ann, files):
    first = send(channel, ann, "", **files("a.png"))
    second = send(channel, ann, "b", **files("b.txt"))
    second.edit_original_message({"text": "c", "photo": first.deliveries.get().result["file_id"]})
    drain()
    assert ("photo" in ann.last(bot).json, ann.last(bot).text) == (True, "c")


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ({"text": "x" * 1025}, "text"),
        ({"attachments": []}, "attachments"),
        ({"voice": "AwAC"}, "voice"),
        ({"file_path": "/nowhere/a.png"}, "file_path"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_beforehand(channel, ann, files, edit, named):
    message = send(channel, ann, "", **files("a.png"))
    with pytest.raises(InvalidMessage) as error:
        message.edit_original_message(edit)
    assert named in error.value.problems
    assert not Delivery.objects.filter(act="edit").exists()


def test_an_edit_of_a_text_in_several_parts_leaves_none_of_the_old_one(channel, bot, ann, files):
    message = send(channel, ann, "old " * 3000, buttons=YES, **files("a.png"))
    assert len(ann.inbox(bot)) == 4
    message.edit_original_message({"text": "new", "buttons": YES})
    drain()
    message.refresh_from_db()
    assert [(shown.text, shown.buttons) for shown in ann.inbox(bot)] == [("new", [["Yes"]])]
    assert (message.text, message.status, message.deleted_at) == ("new", "sent", None)
    message.edit_original_message({"buttons": [[{"text": "No", "callback_data": 0}]]})
    drain()
    assert ann.last(bot).buttons == [["No"]]
    message.delete_original_message()
    drain()
    message.refresh_from_db()
    assert (ann.inbox(bot), message.deleted_at is not None) == ([], True)


def test_only_the_buttons_are_changed(channel, bot, ann):
    message = send(channel, ann, "Well?", buttons=YES)
    message.edit_original_message({"buttons": [[{"text": "No", "callback_data": 0}]]})
    drain()
    assert (ann.last(bot).text, ann.last(bot).buttons) == ("Well?", [["No"]])


# Taking back


def test_every_part_of_a_message_is_taken_back(channel, telegram, bot, ann, files):
    message = send(channel, ann, "long " * 2000, **files("a.png", "b.png"))
    assert len(ann.inbox(bot)) > 3
    message.delete_original_message()
    drain()
    message.refresh_from_db()
    assert ann.inbox(bot) == []
    assert message.deleted_at is not None
    assert message.text == "long " * 2000, "the row stays"


def test_what_is_gone_already_is_taken_back(channel, bot, ann):
    message = send(channel, ann, "x")
    ann.deletes(ann.last(bot))
    message.delete_original_message()
    drain()
    message.refresh_from_db()
    assert message.deleted_at is not None


def test_what_is_not_sent_yet_never_will_be(channel, telegram, ann):
    message = channel.send_message({"chat_id": ann.id, "text": "x"})
    message.delete_original_message()
    drain()
    message.refresh_from_db()
    assert (message.status, message.deleted_at is not None) == ("cancelled", True)
    assert telegram.log.sent() == []


def test_what_is_older_than_two_days_cannot_be_taken_back_and_says_so(channel, bot, ann):
    message = send(channel, ann, "x")
    ann.last(bot).json["date"] -= 49 * 3600
    message.delete_original_message()
    drain()
    message.refresh_from_db()
    delivery = Delivery.objects.get(act="delete")
    assert (delivery.state, "can't be deleted" in delivery.error) == ("failed", True)
    assert (message.deleted_at, message.status) == (None, "sent")


def test_only_our_own_is_taken_back(channel, deliver, bot, ann):
    ann.sends(bot, "mine")
    deliver()
    with pytest.raises(InvalidMessage) as error:
        Message.objects.get().delete_original_message()
    assert "not sent by us" in error.value.problems["message"]


def test_a_message_to_a_customer_is_taken_back(channel, deliver, telegram, bot, ann):
    business = telegram.business(telegram.user("Owner"), bot)
    business.receives(ann, "open?")
    deliver()
    answer = Message.objects.get(text="open?").reply_with({"text": "from ten"})
    drain()
    answer.delete_original_message()
    drain()
    answer.refresh_from_db()
    assert answer.deleted_at is not None
    assert telegram.log.calls("deleteBusinessMessages")[-1].status == 200


# Reacting


def test_we_react_and_take_it_back(channel, deliver, bot, ann):
    sent = ann.sends(bot, "hello")
    deliver()
    message = Message.objects.get()
    message.react_with("👍")
    drain()
    assert sent.chat.reactions[sent.message_id, bot.id] == [{"type": "emoji", "emoji": "👍"}]
    message.react_with("")
    drain()
    assert sent.chat.reactions[sent.message_id, bot.id] == []
    message.refresh_from_db()
    assert (message.status, message.is_outgoing) == ("", False)


def test_an_emoji_telegram_does_not_have_fails_with_its_sentence(channel, deliver, bot, ann):
    ann.sends(bot, "hello")
    deliver()
    Message.objects.get().react_with("🫖")
    drain()
    assert Delivery.objects.get(act="react").error == "Telegram: Bad Request: REACTION_INVALID"


# Drafts and typing


def test_an_answer_is_shown_while_it_is_written_in_a_private_chat(channel, telegram, bot, ann):
    from unicom.adapters import adapter_for

    adapter = adapter_for(channel)
    for text in ("", "Teap", "Teapots are **he", "x" * 5000):
        assert adapter.show_draft(str(ann.id), 7, text) is True
    assert bot.drafts(ann.id, 7) == ["", "Teap", "Teapots are **he", "x" * (5000 - 4096)]
    assert adapter.show_draft(str(ann.id), 8, "so *bold*", parse_mode="MarkdownV2")
    assert telegram.log.calls("sendMessageDraft")[-1].params["entities"][0]["type"] == "bold"


def test_other_chats_show_no_drafts(channel, telegram, bot, ann):
    from unicom.adapters import adapter_for

    adapter = adapter_for(channel)
    group = telegram.group("Team", members=[ann, bot])
    for chat in (str(group.id), f"{group.id}:5", f"BUS1:{ann.id}", "@news"):
        assert adapter.show_draft(chat, 7, "Teap") is False
    assert telegram.log.calls("sendMessageDraft") == []


def test_typing_ends_when_the_answer_is_out(channel, telegram, ann, monkeypatch):
    from unicom.services.telegram import start_typing_in_telegram

    monkeypatch.setattr(typing_signs, "EVERY", 0.02)
    start_typing_in_telegram(channel, chat_id=ann.id)
    assert telegram.log.wait_for(lambda log: len(log.calls("sendChatAction")) >= 2)
    send(channel, ann, "done")
    assert not typing_signs._running
    shown = len(telegram.log.calls("sendChatAction"))
    telegram.log.wait_for_change(0.1)
    assert len(telegram.log.calls("sendChatAction")) <= shown + 1
