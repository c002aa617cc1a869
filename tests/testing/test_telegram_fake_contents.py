"""What a message may hold, and what Telegram refuses: keyboards, formatted text, files, albums, places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from unicom.testing.telegram import SAMPLE_OGG, SAMPLE_PNG, ApiClient, FakeBot, FakeTelegram, FakeUser
from unicom.testing.telegram.media import MAX_PHOTO

BUTTON = {"text": "Yes", "callback_data": "y"}


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram(time_scale=0.01) as fake:
        yield fake


@pytest.fixture
def bot(telegram: FakeTelegram) -> FakeBot:
    return telegram.add_bot("shop_bot")


@pytest.fixture
def ann(telegram: FakeTelegram, bot: FakeBot) -> FakeUser:
    user = telegram.user("Ann")
    user.start(bot)
    return user


@pytest.fixture
def api(telegram: FakeTelegram, bot: FakeBot) -> Iterator[ApiClient]:
    client = telegram.client(bot)
    yield client
    client.close()


def keyboard(*rows: list[Any]) -> dict[str, Any]:
    return {"inline_keyboard": list(rows)}


# Keyboards


@pytest.mark.parametrize(
    ("button", "sentence"),
    [
        ({"text": "x", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "callback_data": "é" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "x"}, "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
        ({"text": " ", "callback_data": "y"}, "inline keyboard button text must be non-empty"),
        ({"callback_data": "y"}, 'can\'t parse inline keyboard button: Field "text" must be of type String'),
        ("x", "can't parse inline keyboard button: expected an Object"),
        (
            {"text": "x", "url": "http://localhost/"},
            "inline keyboard button URL 'http://localhost/' is invalid: Wrong HTTP URL",
        ),
        ({"text": "x", "url": "javascript:1"}, "inline keyboard button URL 'javascript:1' is invalid: Wrong HTTP URL"),
        (
            {"text": "x", "url": "ftp://a.b/"},
            "inline keyboard button URL 'ftp://a.b/' is invalid: Unsupported URL protocol",
        ),
    ],
)
def test_buttons_that_are_refused(api: ApiClient, ann: FakeUser, button: Any, sentence: str) -> None:
    answer = api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=keyboard([button]))
    assert answer.description == f"Bad Request: {sentence}"


def test_too_many_buttons_and_empty_rows(telegram: FakeTelegram, api: ApiClient, ann: FakeUser) -> None:
    answer = api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=keyboard(*[[BUTTON]] * 101))
    assert answer.description == "Bad Request: reply markup is too long"
    sent = api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=keyboard([], [BUTTON], [])).result
    assert sent["reply_markup"] == keyboard([BUTTON])
    assert telegram.violations == []


def test_a_button_of_two_kinds_is_a_violation(telegram: FakeTelegram, api: ApiClient, ann: FakeUser) -> None:
    both = {**BUTTON, "url": "https://example.org/", "colour": "red"}
    api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=keyboard([both]))
    assert [violation.sentence for violation in telegram.violations] == [
        "inline button 'Yes': exactly one of url, callback_data",
        "inline button 'Yes': unknown field 'colour'",
    ]


@pytest.mark.parametrize(
    ("markup", "sentence"),
    [
        ("{", "can't parse reply markup JSON object"),
        ([1], "object expected as reply markup"),
        ({"inline_keyboard": [1]}, 'field "inline_keyboard" must be an Array of Arrays'),
        ({"keyboard": []}, "keyboard must be non-empty"),
        ({"keyboard": [[" "]]}, "keyboard button text must be non-empty"),
        ({"keyboard": [[1]]}, "can't parse keyboard button: expected an Object or a String"),
        ({"keyboard": [["a"]], "input_field_placeholder": "x" * 65}, "INPUT_FIELD_PLACEHOLDER_INVALID"),
    ],
)
def test_keyboards_that_are_refused(api: ApiClient, ann: FakeUser, markup: Any, sentence: str) -> None:
    answer = api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=markup)
    assert answer.description == f"Bad Request: {sentence}"


def test_other_keyboards(telegram: FakeTelegram, api: ApiClient, bot: FakeBot, ann: FakeUser) -> None:
    for markup in ({"remove_keyboard": True}, {"force_reply": True}, {"keyboard": [["a"]], "resize_keyboard": True}):
        sent = api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=markup).result
        assert "reply_markup" not in sent
    assert telegram.violations == []
    api.call("sendMessage", chat_id=ann.id, text="?", reply_markup={"buttons": []})
    api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=keyboard([BUTTON] * 9))
    assert [violation.sentence for violation in telegram.violations] == [
        "reply_markup: neither inline_keyboard, keyboard, remove_keyboard nor force_reply",
        "reply_markup: 9 buttons in a row, 8 are shown",
    ]
    message = ann.last(bot)
    answer = api.call(
        "editMessageText", chat_id=ann.id, message_id=message.message_id, text="x", reply_markup={"force_reply": True}
    )
    assert answer.description == "Bad Request: inline keyboard expected"


def test_parse_modes(telegram: FakeTelegram, api: ApiClient, ann: FakeUser) -> None:
    answer = api.call("sendMessage", chat_id=ann.id, text="x", parse_mode="BBCode")
    assert answer.description == "Bad Request: unsupported parse_mode BBCode"
    answer = api.call("sendMessage", chat_id=ann.id, text="a.b", parse_mode="markdownv2")
    assert answer.description.startswith("Bad Request: can't parse entities: Character '.' is reserved")
    bold = {"type": "bold", "offset": 0, "length": 1}
    sent = api.call("sendMessage", chat_id=ann.id, text="<i>x</i>", parse_mode="HTML", entities=[bold]).result
    assert sent["entities"] == [{"type": "italic", "offset": 0, "length": 1}]
    many = [bold] * 101
    assert len(api.call("sendMessage", chat_id=ann.id, text="x", entities=many).result["entities"]) == 100
    blink = {**bold, "type": "blink"}
    assert "entities" not in api.call("sendMessage", chat_id=ann.id, text="x", entities=[blink]).result
    assert [violation.sentence for violation in telegram.violations] == [
        "entities are ignored beside parse_mode",
        "101 entities, the first 100 are kept",
        "entity type 'blink' is unknown and dropped",
    ]


# Files


def test_every_kind_of_file_and_sending_again_by_id(api: ApiClient, ann: FakeUser, telegram: FakeTelegram) -> None:
    for kind in ("document", "audio", "voice", "video", "animation", "videoNote", "sticker"):
        field = "video_note" if kind == "videoNote" else kind
        data = (f"{kind}.ogg", SAMPLE_OGG, "audio/ogg")
        method = f"send{kind[0].upper()}{kind[1:]}"
        first = api.upload(method, {field: data}, chat_id=ann.id).result[field]
        again = api.call(method, chat_id=ann.id, **{field: first["file_id"]}).result[field]
        assert again["file_id"] == first["file_id"]
    assert telegram.violations == []


def test_file_ids_are_of_one_bot(telegram: FakeTelegram, bot: FakeBot, ann: FakeUser) -> None:
    photo = ann.sends_photo(bot).json["photo"][-1]["file_id"]
    other = telegram.add_bot()
    ann.start(other)
    client = telegram.client(other)
    answer = client.call("sendPhoto", chat_id=ann.id, photo=photo)
    assert answer.description == "Bad Request: wrong file identifier/HTTP URL specified"
    answer = client.call("getFile", file_id=photo)
    assert answer.description == "Bad Request: wrong file_id or the file is temporarily unavailable"
    client.close()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "file must be non-empty"),
        (b"not a picture", "IMAGE_PROCESS_FAILED"),
        (
            SAMPLE_PNG + bytes(MAX_PHOTO),
            f"file of size {MAX_PHOTO + len(SAMPLE_PNG)} bytes is too big for a photo; "
            f"the maximum size is {MAX_PHOTO} bytes",
        ),
    ],
)
def test_photos_that_are_refused(api: ApiClient, ann: FakeUser, data: bytes, sentence: str) -> None:
    answer = api.upload("sendPhoto", {"photo": ("p.png", data, "image/png")}, chat_id=ann.id)
    assert answer.description == f"Bad Request: {sentence}"


def test_uploads_over_50_mb_are_413(api: ApiClient, ann: FakeUser) -> None:
    files = {"document": ("d.bin", bytes(52 * 1024 * 1024), "application/octet-stream")}
    assert api.upload("sendDocument", files, chat_id=ann.id).status == 413


def test_downloads_over_20_mb_are_refused(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    big = ann.sends_document(bot, b"begin", "film.mkv", size=30_000_000).json["document"]
    assert big["file_size"] == 30_000_000
    assert api.call("getFile", file_id=big["file_id"]).description == "Bad Request: file is too big"
    assert api.download("documents/none").status == 404


def test_captions(api: ApiClient, bot: FakeBot, ann: FakeUser) -> None:
    photo = ann.sends_photo(bot).json["photo"][-1]["file_id"]
    fits = "🎉" * 512
    assert api.call("sendPhoto", chat_id=ann.id, photo=photo, caption=fits).result["caption"] == fits
    answer = api.call("sendPhoto", chat_id=ann.id, photo=photo, caption="x" * 1025)
    assert answer.description == "Bad Request: message caption is too long"


def test_albums(telegram: FakeTelegram, api: ApiClient, bot: FakeBot, ann: FakeUser) -> None:
    photo = ann.sends_photo(bot).json["photo"][-1]["file_id"]
    voice = ann.sends_voice(bot).json["voice"]["file_id"]
    item = {"type": "photo", "media": photo}
    sent = api.call("sendMediaGroup", chat_id=ann.id, media=[{**item, "caption": "two"}, item]).result
    assert len({message["media_group_id"] for message in sent}) == 1
    assert telegram.log.sent(ann.id)[-1].weight == 2
    for media, sentence in (
        ([item], "wrong number of media in the album"),
        ([item] * 11, "too many messages to send as an album"),
        ([], "there is no media in the request"),
        ([item, {"type": "voice", "media": voice}], "can't parse InputMedia: type 'voice' is unsupported"),
    ):
        answer = api.call("sendMediaGroup", chat_id=ann.id, media=media)
        assert answer.description == f"Bad Request: {sentence}"


def test_other_contents(telegram: FakeTelegram, api: ApiClient, ann: FakeUser) -> None:
    place = {"chat_id": ann.id, "latitude": 1.5, "longitude": "2.5"}
    assert api.call("sendLocation", **place).result["location"] == {"latitude": 1.5, "longitude": 2.5}
    assert api.call("sendLocation", **{**place, "latitude": 91}).status == 400
    assert api.call("sendVenue", **place, title="Inn", address="Street 1").result["venue"]["title"] == "Inn"
    assert api.call("sendContact", chat_id=ann.id, phone_number="+1", first_name="B").result["contact"]
    assert api.call("sendPoll", chat_id=ann.id, question="?", options=[{"text": "a"}, {"text": "b"}]).result["poll"]
    assert api.call("sendPoll", chat_id=ann.id, question="?", options=["a"]).status == 400
    assert api.call("sendDice", chat_id=ann.id).result["dice"]["value"] == 4
    first = api.call("sendMessage", chat_id=ann.id, text="again").result["message_id"]
    where = {"chat_id": ann.id, "from_chat_id": ann.id, "message_id": first}
    assert set(api.call("copyMessage", **where).result) == {"message_id"}
    assert api.call("forwardMessage", **where).result["forward_origin"]["type"] == "user"
    assert telegram.log.sent_texts(ann.id) == ["again"] * 3
    assert telegram.violations == []


def test_actions_and_drafts(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    assert api.call("sendChatAction", chat_id=ann.id, action="typing").result is True
    assert bot.actions == [(ann.id, "typing")]
    answer = api.call("sendChatAction", chat_id=ann.id, action="juggling")
    assert answer.description == "Bad Request: wrong parameter action in request"
    for text in ("", "Hel", "Hello"):
        assert api.call("sendMessageDraft", chat_id=ann.id, draft_id=7, text=text).result is True
    assert bot.drafts(ann.id, 7) == ["", "Hel", "Hello"]
    assert api.call("sendMessageDraft", chat_id=ann.id, draft_id=0, text="x").status == 400
