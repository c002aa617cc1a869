"""The fake's shapes, checked against types by another hand: aiogram's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from unicom.testing.telegram import (
    SAMPLE_OGG,
    SAMPLE_PNG,
    ApiClient,
    FakeBot,
    FakeTelegram,
    FakeUser,
)
from unicom.testing.telegram.methods import PARAMETERS
from unicom.testing.telegram.queue import KINDS

aiogram_types = pytest.importorskip("aiogram.types")
aiogram_methods = pytest.importorskip("aiogram.methods")

RENAMED = {"from_user": "from"}


def names(model: Any) -> set[str]:
    """Return the names of a type's fields on the wire."""
    return {RENAMED.get(name, name) for name in model.model_fields}


def check(kind: str, value: Any) -> Any:
    """Read ``value`` as an aiogram type, and refuse fields that the type does not have, at any depth."""
    model = getattr(aiogram_types, kind)
    parsed = model.model_validate(value)
    _check_fields(parsed, value, kind)
    return parsed


def _check_fields(parsed: Any, value: Any, where: str) -> None:
    if isinstance(value, list):
        for at, (one, raw) in enumerate(zip(parsed, value, strict=True)):
            _check_fields(one, raw, f"{where}[{at}]")
    elif isinstance(value, dict) and hasattr(type(parsed), "model_fields"):
        unknown = set(value) - names(type(parsed))
        assert not unknown, f"{where} ({type(parsed).__name__}) has no {unknown}"
        for name, raw in value.items():
            attribute = next((key for key, renamed in RENAMED.items() if renamed == name), name)
            _check_fields(getattr(parsed, attribute), raw, f"{where}.{name}")


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as fake:
        yield fake


@pytest.fixture
def bot(telegram: FakeTelegram) -> FakeBot:
    one = telegram.add_bot("shop_bot")
    one.state.allowed_updates = list(KINDS)
    return one


@pytest.fixture
def ann(telegram: FakeTelegram, bot: FakeBot) -> FakeUser:
    user = telegram.user("Ann Smith", username="ann_smith")
    user.start(bot)
    return user


@pytest.fixture
def api(telegram: FakeTelegram, bot: FakeBot) -> Iterator[ApiClient]:
    client = telegram.client(bot)
    yield client
    client.close()


@pytest.mark.parametrize("method", sorted(PARAMETERS))
def test_parameters_are_those_of_aiogram(method: str) -> None:
    model = getattr(aiogram_methods, method[0].upper() + method[1:])
    # Older releases do not know the newest parameters.
    assert set(model.model_fields) <= PARAMETERS[method]


def test_kinds_of_updates_are_those_of_aiogram() -> None:
    assert names(aiogram_types.Update) - {"update_id"} <= set(KINDS)


def test_the_errors_beside_the_result(api: ApiClient) -> None:
    parameters = api.call("sendMessage", chat_id=0, text="x").json
    assert set(parameters) == {"ok", "error_code", "description"}


def test_every_update_a_user_makes(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    message = ann.sends(bot, "hello #tag https://example.org/x me@example.org @someone /help")
    ann.sends(bot, "a reply", reply_to=message)
    ann.edits(message, "changed")
    ann.sends_photo(bot, SAMPLE_PNG, "look @someone")
    ann.sends_album(bot, [SAMPLE_PNG, SAMPLE_PNG], "two")
    ann.sends_voice(bot, SAMPLE_OGG, duration=3)
    ann.sends_document(bot, b"text", "a.txt", mime_type="text/plain", caption="read")
    for kind in ("audio", "video", "animation", "video_note", "sticker"):
        ann.sends_file(bot, kind, SAMPLE_OGG, extra={"performer": "A", "title": "B", "duration": 2})
    ann.sends_location(bot)
    ann.sends_contact(bot)
    ann.sends(bot, "about orders", topic=ann.opens_topic(bot, "Orders"))
    ann.reacts(message, "👍")
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=markup)
    ann.clicks(ann.last(bot), "Yes")
    ann.clicks(ann.last(bot), "Yes", inaccessible=True)
    ann.blocks(bot)
    ann.unblocks(bot)
    updates = api.call("getUpdates").result
    for update in updates:
        check("Update", update)
    kinds = {kind for update in updates for kind in update}
    assert {"message", "edited_message", "message_reaction", "callback_query", "my_chat_member"} <= kinds
    ids = [update["update_id"] for update in updates]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_every_update_of_groups_channels_and_businesses(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser
) -> None:
    bob = telegram.user("Bob")
    group = telegram.group("Team", members=[ann, bot])
    group.add(bot, admin=True)
    group.add(bob)
    said = ann.sends(group, "hello all")
    bob.reacts(said, "🔥")
    group.removes(bob)
    group.upgrade()
    topic = group.topic("Bills")
    ann.sends(group, "about bills", topic=topic)
    group.closes(topic)
    group.asks_to_join(telegram.user("Carl"))
    channel = telegram.channel("News", admins=[ann, bot], username="news")
    post = channel.posts("first")
    channel.edits(post, "second")
    channel.counts_reactions(post, **{"👍": 3})
    shop = telegram.business(ann, bot)
    asked = shop.receives(bob, "open?")
    bob.edits(asked, "open today?")
    shop.answers(bob, "from ten")
    shop.deletes(asked)
    shop.disconnect()
    updates = api.call("getUpdates").result
    for update in updates:
        check("Update", update)
    kinds = {kind for update in updates for kind in update if kind != "update_id"}
    assert kinds == {
        "message", "my_chat_member", "chat_member", "message_reaction", "chat_join_request", "channel_post",
        "edited_channel_post", "message_reaction_count", "business_connection", "business_message",
        "edited_business_message", "deleted_business_messages",
    }  # fmt: skip
    services = {name for update in updates for name in update.get("message", ())}
    assert {"migrate_to_chat_id", "migrate_from_chat_id", "new_chat_members", "left_chat_member"} <= services


def test_every_result(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    here = {"chat_id": ann.id}
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]}
    check("User", api.call("getMe").result)
    text = api.call("sendMessage", **here, text="<b>x</b>", parse_mode="HTML", reply_markup=markup).result
    check("Message", text)
    reply = {"message_id": text["message_id"], "quote": "x"}
    check("Message", api.call("sendMessage", **here, text="y", reply_parameters=reply, protect_content=True).result)
    for method, data in (
        ("sendPhoto", SAMPLE_PNG),
        ("sendDocument", b"text"),
        ("sendAudio", SAMPLE_OGG),
        ("sendVoice", SAMPLE_OGG),
        ("sendVideo", SAMPLE_OGG),
        ("sendAnimation", SAMPLE_OGG),
        ("sendVideoNote", SAMPLE_OGG),
        ("sendSticker", SAMPLE_OGG),
    ):
        field = re.sub(r"(?<!^)([A-Z])", r"_\1", method[4:]).lower()
        files = {field: ("f.bin", data, "application/octet-stream")}
        extra = {} if method in ("sendVideoNote", "sendSticker") else {"caption": "*c*", "parse_mode": "MarkdownV2"}
        message = api.upload(method, files, **here, **extra).result
        check("Message", message)
    photo = ann.sends_photo(bot).json["photo"][0]["file_id"]
    check("File", api.call("getFile", file_id=photo).result)
    media = [{"type": "photo", "media": photo, "caption": "c"}, {"type": "photo", "media": photo}]
    for message in api.call("sendMediaGroup", **here, media=media).result:
        check("Message", message)
    place = {"latitude": 1, "longitude": 2}
    check("Message", api.call("sendLocation", **here, **place).result)
    check("Message", api.call("sendVenue", **here, **place, title="t", address="a").result)
    check("Message", api.call("sendContact", **here, phone_number="1", first_name="a").result)
    check("Message", api.call("sendPoll", **here, question="?", options=["a", "b"]).result)
    check("Message", api.call("sendDice", **here).result)
    source = {**here, "from_chat_id": ann.id, "message_id": text["message_id"]}
    check("Message", api.call("forwardMessage", **source).result)
    check("MessageId", api.call("copyMessage", **source).result)
    check("Message", api.call("editMessageText", **here, message_id=text["message_id"], text="z").result)
    check("ChatFullInfo", api.call("getChat", **here).result)
    check("WebhookInfo", api.call("getWebhookInfo").result)
    group = telegram.group(members=[ann, bot])
    for user_id, kind in ((ann.id, "ChatMemberOwner"), (bot.id, "ChatMemberMember")):
        check(kind, api.call("getChatMember", chat_id=group.id, user_id=user_id).result)
    assert telegram.violations == []
