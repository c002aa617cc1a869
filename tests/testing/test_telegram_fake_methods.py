"""The fake Bot API's methods: what they do, and how they refuse, in Telegram's words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from unicom.testing.telegram import ApiClient, FakeBot, FakeTelegram, FakeUser
from unicom.testing.telegram.methods import METHODS, PARAMETERS

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


ODD: list[Any] = [
    None, "", 0, -1, 2, 3.5, True, "x", "1", [], {}, [1], [[]], [{}], {"a": 1}, "[]", "{", "null", "9" * 40,
    {"type": "photo", "media": "x"}, [{"type": "photo", "media": 1}] * 2, {"type": [], "media": {}},
    {"type": "photo", "media": "x", "caption_entities": "z"}, {"inline_keyboard": 1}, {"inline_keyboard": [[BUTTON]]},
    {"inline_keyboard": [[{"text": "a", "url": 1}]]}, {"inline_keyboard": [[{"text": "a", "web_app": 1}]]},
    {"inline_keyboard": [[{"text": "a", "copy_text": 1}]]}, {"keyboard": [[1]]}, {"keyboard": [["a"]]},
    {"keyboard": [["a"]], "input_field_placeholder": 1}, {"message_id": [1]}, {"message_id": 1, "quote": 1},
    {"message_id": 1, "chat_id": {}}, [{"type": "emoji", "emoji": []}], [{"type": [], "offset": 0, "length": 1}],
    [{"type": "bold", "offset": 0, "length": 1}], [{"command": 1}], {"force_reply": 1}, {"remove_keyboard": True},
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_any_parameters_are_answered(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser, seed: int
) -> None:
    chance = random.Random(seed)
    group = telegram.group(members=[ann, bot], supergroup=True)
    for _ in range(700):
        method = chance.choice(sorted(METHODS))
        params = {name: chance.choice(ODD) for name in sorted(PARAMETERS[method]) if chance.random() < 0.5}
        params.pop("business_connection_id", None)
        usual = {
            "chat_id": chance.choice([ann.id, group.id]),
            "text": chance.choice(["<b>x</b>", "*x*"]),
            "message_id": chance.randint(1, 5),
        }
        params.update((name, value) for name, value in usual.items() if name in params and chance.random() < 0.8)
        answer = api.call(method, **params)
        assert answer.status < 500, (method, params, telegram.violations[-1])
        if method == "leaveChat":
            group.add(bot)


# Whom a bot may write to


def test_a_stranger_is_not_found(telegram: FakeTelegram, api: ApiClient) -> None:
    stranger = telegram.user("Bob")
    for chat_id in (stranger.id, 1, -5, -1001234567890, "@nobody", "x", 10**30):
        assert api.call("sendMessage", chat_id=chat_id, text="hi").description == "Bad Request: chat not found"
    assert api.call("sendMessage", text="hi").description == "Bad Request: chat_id is empty"


def test_a_fellow_of_a_group_must_start_first(telegram: FakeTelegram, bot: FakeBot, api: ApiClient) -> None:
    bob = telegram.user("Bob")
    telegram.group(members=[bob, bot])
    answer = api.call("sendMessage", chat_id=bob.id, text="hi")
    assert (answer.status, answer.description) == (403, "Forbidden: bot can't initiate conversation with a user")


def test_blocked_and_deactivated(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    ann.blocks(bot)
    answer = api.call("sendMessage", chat_id=ann.id, text="hi")
    assert (answer.status, answer.description) == (403, "Forbidden: bot was blocked by the user")
    with pytest.raises(ValueError, match="unblock"):
        ann.sends(bot, "hello")
    ann.unblocks(bot)
    assert api.call("sendMessage", chat_id=ann.id, text="hi").status == 200
    ann.deactivates()
    assert api.call("sendMessage", chat_id=ann.id, text="hi").description == "Forbidden: user is deactivated"


def test_groups(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    group = telegram.group("Team", members=[ann, bot])
    assert group.id < 0
    assert api.call("sendMessage", chat_id=group.id, text="hi").result["chat"]["title"] == "Team"
    group.removes(bot)
    answer = api.call("sendMessage", chat_id=group.id, text="hi")
    assert (answer.status, answer.description) == (403, "Forbidden: bot was kicked from the group chat")
    group.add(bot)
    api.call("leaveChat", chat_id=group.id)
    assert api.call("getChat", chat_id=group.id).description == "Forbidden: bot is not a member of the group chat"
    foreign = telegram.group("Others", members=[ann])
    assert api.call("sendMessage", chat_id=foreign.id, text="hi").description == "Bad Request: chat not found"


def test_an_upgraded_group_tells_its_new_id(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser
) -> None:
    group = telegram.group(members=[ann, bot])
    old = group.id
    new = group.upgrade()
    assert new <= -(10**12)
    answer = api.call("sendMessage", chat_id=old, text="hi")
    assert answer.json == {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": new},
    }
    assert api.call("sendMessage", chat_id=new, text="hi").status == 200
    with pytest.raises(ValueError, match="supergroup already"):
        group.upgrade()


def test_message_ids_are_unique_per_chat_only(
    telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser
) -> None:
    bob = telegram.user("Bob")
    bob.start(bot)
    ids = [api.call("sendMessage", chat_id=user.id, text="hi").result["message_id"] for user in (ann, bob)]
    assert ids == [2, 2]


# Texts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "message text is empty"),
        ("  \n ", "text must be non-empty"),
        ("x" * 4097, "message is too long"),
        ("🎉" * 2049, "message is too long"),
    ],
)
def test_texts_that_are_refused(api: ApiClient, ann: FakeUser, text: str, sentence: str) -> None:
    assert api.call("sendMessage", chat_id=ann.id, text=text).description == f"Bad Request: {sentence}"


@pytest.mark.parametrize("text", ["x" * 4096, "🎉" * 2048, f"<b>{'x' * 4096}</b>"])
def test_texts_of_just_the_right_length(api: ApiClient, ann: FakeUser, text: str) -> None:
    mode = {"parse_mode": "HTML"} if text.startswith("<") else {}
    assert api.call("sendMessage", chat_id=ann.id, text=text, **mode).status == 200


def test_unknown_parameters_are_violations(telegram: FakeTelegram, api: ApiClient, ann: FakeUser) -> None:
    assert api.call("sendMessage", chat_id=ann.id, text="hi", txet="hi", parse_mode=None).status == 200
    assert [str(violation) for violation in telegram.violations] == [
        "sendMessage: parse_mode: null instead of nothing",
        "sendMessage: unknown parameter 'txet'",
    ]


def test_replies(api: ApiClient, bot: FakeBot, ann: FakeUser) -> None:
    question = ann.sends(bot, "how much is it?")
    reply = {"message_id": question.message_id, "quote": "much"}
    sent = api.call("sendMessage", chat_id=ann.id, text="7", reply_parameters=reply).result
    assert sent["reply_to_message"]["text"] == "how much is it?"
    assert sent["quote"] == {"text": "much", "position": 4, "is_manual": True}
    gone = {"message_id": 999}
    answer = api.call("sendMessage", chat_id=ann.id, text="7", reply_parameters=gone)
    assert answer.description == "Bad Request: message to be replied not found"
    gone["allow_sending_without_reply"] = True
    assert "reply_to_message" not in api.call("sendMessage", chat_id=ann.id, text="7", reply_parameters=gone).result


def test_topics(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    group = telegram.group(members=[ann, bot], supergroup=True)
    answer = api.call("sendMessage", chat_id=group.id, text="hi", message_thread_id=7)
    assert answer.description == "Bad Request: message thread not found"
    topic = group.topic("Bills")
    sent = api.call("sendMessage", chat_id=group.id, text="hi", message_thread_id=topic).result
    assert (sent["message_thread_id"], sent["is_topic_message"], sent["chat"]["is_forum"]) == (topic, True, True)
    group.closes(topic)
    answer = api.call("sendMessage", chat_id=group.id, text="hi", message_thread_id=topic)
    assert answer.description == "Bad Request: TOPIC_CLOSED"


# Editing, deleting, reacting


def test_editing_a_text(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    sent = api.call("sendMessage", chat_id=ann.id, text="one", reply_markup=keyboard([BUTTON])).result
    where = {"chat_id": ann.id, "message_id": sent["message_id"]}
    same = api.call("editMessageText", **where, text="one", reply_markup=keyboard([BUTTON]))
    assert same.description.startswith("Bad Request: message is not modified: specified new message content")
    edited = api.call("editMessageText", **where, text="two").result
    assert (edited["text"], "reply_markup" in edited, edited["edit_date"] > 0) == ("two", False, True)
    assert ann.last(bot).text == "two"
    assert api.call("editMessageReplyMarkup", **where).status == 400
    assert api.call("editMessageReplyMarkup", **where, reply_markup=keyboard([BUTTON])).result["text"] == "two"
    assert telegram.violations == []


@pytest.mark.parametrize(
    ("method", "message_id", "sentence"),
    [
        ("editMessageText", 999, "message to edit not found"),
        ("editMessageText", 1, "message can't be edited"),
        ("editMessageText", "", "message identifier is not specified"),
        ("deleteMessage", 999, "message to delete not found"),
    ],
)
def test_edits_that_are_refused(api: ApiClient, ann: FakeUser, method: str, message_id: Any, sentence: str) -> None:
    extra = {"text": "x"} if method == "editMessageText" else {}
    answer = api.call(method, chat_id=ann.id, message_id=message_id, **extra)
    assert answer.description == f"Bad Request: {sentence}"


def test_editing_media(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    photo = ann.sends_photo(bot).json["photo"][-1]["file_id"]
    sent = api.call("sendPhoto", chat_id=ann.id, photo=photo, caption="a").result
    where = {"chat_id": ann.id, "message_id": sent["message_id"]}
    assert api.call("editMessageCaption", **where, caption="b").result["caption"] == "b"
    assert "caption" not in api.call("editMessageCaption", **where).result
    answer = api.call("editMessageText", **where, text="b")
    assert answer.description == "Bad Request: there is no text in the message to edit"
    files = {"new": ("d.txt", b"text", "text/plain")}
    media = '{"type": "document", "media": "attach://new", "caption": "c"}'
    edited = api.upload("editMessageMedia", files, **where, media=media).result
    assert (edited["document"]["file_name"], edited["caption"], "photo" in edited) == ("d.txt", "c", False)
    text = api.call("sendMessage", chat_id=ann.id, text="x").result["message_id"]
    answer = api.call("editMessageCaption", chat_id=ann.id, message_id=text, caption="b")
    assert answer.description == "Bad Request: there is no caption in the message to edit"


def test_deleting(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    theirs = ann.sends(bot, "mine")
    assert api.call("deleteMessage", chat_id=ann.id, message_id=theirs.message_id).result is True
    old = api.call("sendMessage", chat_id=ann.id, text="x").result["message_id"]
    bot.state.private[ann.id].messages[old]["date"] -= 3 * 86400
    answer = api.call("deleteMessage", chat_id=ann.id, message_id=old)
    assert answer.description == "Bad Request: message can't be deleted for everyone"
    group = telegram.group(members=[ann, bot])
    said = ann.sends(group, "in public")
    answer = api.call("deleteMessage", chat_id=group.id, message_id=said.message_id)
    assert answer.description == "Bad Request: message can't be deleted"
    assert api.call("deleteMessages", chat_id=group.id, message_ids=[999]).result is True


def test_reactions(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    message = {"chat_id": ann.id, "message_id": ann.sends(bot, "hi").message_id}
    thumb = {"type": "emoji", "emoji": "👍"}
    assert api.call("setMessageReaction", **message, reaction=[thumb]).result is True
    assert api.call("setMessageReaction", **message, reaction=[{"type": "emoji", "emoji": "x"}]).status == 400
    assert api.call("setMessageReaction", **message, reaction=[thumb, thumb]).status == 400


def test_answering_clicks(bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    api.call("sendMessage", chat_id=ann.id, text="?", reply_markup=keyboard([BUTTON]))
    click = ann.clicks(ann.last(bot), "Yes")
    assert click is not None
    assert not click.answered
    assert api.call("answerCallbackQuery", callback_query_id=click.id, text="x" * 201).status == 400
    assert api.call("answerCallbackQuery", callback_query_id=click.id, text="thanks").result is True
    assert click.answers == [{"text": "thanks", "show_alert": False}]
    bot.state.queries[click.id].created -= 15 * 60 * 0.01 + 1
    for query in (click.id, "4000"):
        answer = api.call("answerCallbackQuery", callback_query_id=query)
        assert answer.description == (
            "Bad Request: query is too old and response timeout expired or query ID is invalid"
        )


def test_commands_and_members(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    commands = [{"command": "help", "description": "Says what to do"}]
    assert api.call("setMyCommands", commands=commands).result is True
    assert api.call("getMyCommands").result == commands == bot.commands
    assert api.call("setMyCommands", commands=[{"command": "Help", "description": "x"}]).status == 400
    assert api.call("deleteMyCommands").result is True
    group = telegram.group(members=[ann, bot])
    assert api.call("getChatMember", chat_id=group.id, user_id=ann.id).result["status"] == "creator"
    assert api.call("getChatMember", chat_id=group.id, user_id=5).status == 400
    assert api.call("getChatMemberCount", chat_id=group.id).result == 2


def test_business_messages(telegram: FakeTelegram, bot: FakeBot, api: ApiClient, ann: FakeUser) -> None:
    customer = telegram.user("Carl")
    shop = telegram.business(ann, bot)
    shop.receives(customer, "open today?")
    where = {"chat_id": customer.id, "business_connection_id": shop.id}
    sent = api.call("sendMessage", **where, text="until six").result
    assert (sent["from"]["id"], sent["sender_business_bot"]["id"]) == (ann.id, bot.id)
    assert api.call("readBusinessMessage", **where, message_id=1).result is True
    assert api.call("getBusinessConnection", business_connection_id=shop.id).result["is_enabled"] is True
    assert api.call("sendMessage", chat_id=customer.id, text="x").description == "Bad Request: chat not found"
    shop.disconnect()
    assert api.call("sendMessage", **where, text="x").description == "Bad Request: BUSINESS_CONNECTION_INVALID"


def test_messages_of_an_account_the_bot_acts_for_are_deleted_together(telegram, bot, api, ann):
    shop = telegram.business(telegram.user("Owner"), bot)
    first, second = shop.receives(ann, "a"), shop.receives(ann, "b")
    ids = [first.message_id, second.message_id]
    for connection, wanted, said in (
        ("BUS0", ids, "BUSINESS_CONNECTION_INVALID"),
        (shop.id, [], "message identifiers are not specified"),
        (shop.id, [*ids, 99], "message to delete not found"),
    ):
        answer = api.call("deleteBusinessMessages", business_connection_id=connection, message_ids=wanted)
        assert (answer.status, answer.description) == (400, f"Bad Request: {said}")
    assert api.call("deleteBusinessMessages", business_connection_id=shop.id, message_ids=ids).result is True
    assert not first.chat.messages


def test_a_topic_of_a_private_chat_is_written_to_and_another_is_refused(bot, api, ann):
    topic = ann.opens_topic(bot, "Orders")
    sent = api.call("sendMessage", chat_id=ann.id, text="here", message_thread_id=topic).result
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (topic, True)
    refused = api.call("sendMessage", chat_id=ann.id, text="x", message_thread_id=topic + 50)
    assert refused.description == "Bad Request: message thread not found"
