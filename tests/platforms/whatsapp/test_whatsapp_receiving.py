"""Hold what comes in: every type, the time, replies, files, clicks and numbers that count as clicks."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.platforms.whatsapp.conftest import post
from unicom.models import Account, Attachment, CallbackExecution, Chat, Job, Message, Reaction, Request, Update
from unicom.signals import button_clicked, message_received
from unicom.testing.draining import drain
from unicom.testing.telegram import SAMPLE_OGG
from unicom.testing.whatsapp import SAMPLE_PNG

CITIES = [
    "Aachen",
    "Berlin",
    "Cologne",
    "Dresden",
    "Essen",
    "Frankfurt",
    "Ghent",
    "Hamburg",
    "Ingolstadt",
    "Jena",
    "Kiel",
]


@pytest.fixture
def clicks():
    """Collect what receivers are told of clicks."""
    told = []

    def receiver(sender, callback_execution, clicking_account, original_message, **kwargs):
        told.append((callback_execution.callback_data, clicking_account.pk, original_message.pk))

    button_clicked.connect(receiver)
    yield told
    button_clicked.disconnect(receiver)


@pytest.fixture
def heard():
    """Collect the messages receivers are told of."""
    told = []

    def receiver(sender, message, **kwargs):
        told.append(message.text)

    message_received.connect(receiver)
    yield told
    message_received.disconnect(receiver)


def last() -> Message:
    """Return the newest message that came in."""
    return Message.objects.filter(is_outgoing=False).latest("seq")


def test_a_text_makes_account_chat_message_and_request(greeted, channel, ann):
    account, chat = Account.objects.get(), Chat.objects.get()
    assert (account.pk, account.name) == (f"whatsapp_{ann.phone}", "Ann")
    assert (chat.pk, chat.external_id) == (f"whatsapp_{channel.pk}_{ann.phone}", ann.phone)
    assert (greeted.chat, greeted.sender, greeted.text, greeted.seq) == (chat, account, "Hello", 1)
    assert greeted.external_id.startswith("wamid.")
    assert Request.objects.get().message == greeted


def test_wa09_the_time_is_the_payloads_not_that_of_arrival(channel, number, ann, deliver):
    at = int(time.time()) - 3600
    ann.sends(number, "An hour ago", at=at)
    deliver()
    assert last().timestamp == datetime.fromtimestamp(at, tz=UTC)


def test_a_reply_points_at_what_it_answers(greeted, number, ann, deliver):
    answer = greeted.reply_with({"text": "Which one?"})
    drain()
    answer.refresh_from_db()
    ann.sends(number, "That one", reply_to=ann.last(number))
    deliver()
    assert last().reply_to_message == answer


def test_an_answer_quotes_what_it_answers(greeted, number, ann):
    greeted.reply_with({"text": "Yes?"})
    drain()
    assert ann.last(number).payload["context"] == {"message_id": greeted.external_id}


PLACE = {"latitude": 52.5, "longitude": 13.4, "name": "Home"}
CARD = [{"name": {"formatted_name": "Bob"}, "phones": [{"phone": "+1 555 0100"}]}]
ORDER = {
    "catalog_id": "1",
    "product_items": [{"product_retailer_id": "tea", "quantity": 2, "item_price": 3, "currency": "EUR"}],
}
UNSUPPORTED = [{"code": 131051, "title": "Message type unknown"}]


@pytest.mark.parametrize(
    ("content", "media_type", "text"),
    [
        ({"type": "location", "location": PLACE}, "location", "Home"),
        ({"type": "contacts", "contacts": CARD}, "contact", "Bob +1 555 0100"),
        ({"type": "order", "order": ORDER}, "text", "2 × tea 3 EUR"),
        ({"type": "unsupported", "errors": UNSUPPORTED}, "text", "messages of this type cannot be sent"),
        ({"type": "button", "button": {"payload": "stop", "text": "Stop"}}, "text", "Stop"),
        ({"text": "Ad?", "referral": {"source_id": "12", "headline": "Tea"}}, "text", "Ad?"),
        ({"type": "request_welcome"}, "text", "[opened the chat]"),
    ],
    ids=lambda value: value.get("type", "referral") if isinstance(value, dict) else None,
)
def test_wa23_each_type_is_stored_and_keeps_its_raw_form(channel, number, ann, deliver, content, media_type, text):
    ann.sends(number, **content)
    assert deliver() == [200]
    message = last()
    assert (message.media_type, text in message.text) == (media_type, True), message.text
    assert message.raw["message"]["type"] == content.get("type", "text")
    if "referral" in content:
        assert message.raw["message"]["referral"] == content["referral"]


def test_wa23_an_unknown_type_is_200_and_kept_raw(channel, number, ann, deliver):
    ann.sends(number, type="hologram", hologram={"id": "1"})
    assert deliver() == [200]
    assert not Message.objects.exists()
    assert Update.objects.get().state == "kept"


def test_wa23_reactions_edits_and_deletions_change_what_is_there(channel, number, ann, deliver):
    mine = ann.sends(number, "Helo")
    deliver()
    message = last()
    message.reply_with({"text": "Hi Ann"})
    drain()
    ann.reacts(number, ann.last(number), "👍")
    ann.edits(number, mine, "Hello")
    deliver()
    message.refresh_from_db()
    assert message.text == "Hello"
    assert Reaction.objects.get().message.text == "Hi Ann"
    ann.reacts(number, ann.last(number))
    ann.deletes(number, mine)
    deliver()
    message.refresh_from_db()
    assert message.deleted_at is not None
    assert not Reaction.objects.exists()


def test_wa23_a_group_is_a_chat_of_its_own(channel, number, ann, whatsapp, deliver):
    bob = whatsapp.user("Bob")
    for person in (ann, bob):
        person.sends(number, f"{person.person.name} here", group="Y2FwaV9ncm91cDoxNzA1NTU1")
    deliver()
    chat = Chat.objects.get()
    assert (chat.is_group, chat.external_id, chat.accounts.count()) == (True, "Y2FwaV9ncm91cDoxNzA1NTU1", 2)
    last().reply_with({"text": "Hello all"})
    drain()
    sent = whatsapp.log.sent()[-1]
    assert (sent.params["recipient_type"], sent.params["to"]) == ("group", chat.external_id)


def test_what_the_owner_writes_on_the_phone_is_an_outgoing_message(
    greeted, channel, number, ann, whatsapp, deliver, heard
):
    echo = {
        "from": "".join(filter(str.isdigit, number.state.display)), "to": ann.phone, "id": "wamid.ECHO",
        "timestamp": str(int(time.time())), "type": "text", "text": {"body": "Answered by hand"},
    }  # fmt: skip
    whatsapp.world.post(number.state, "smb_message_echoes", {"message_echoes": [echo]}, key="echo")
    assert deliver() == [200]
    message = Message.objects.get(external_id="wamid.ECHO")
    assert (message.is_outgoing, message.chat, message.text) == (True, greeted.chat, "Answered by hand")
    assert heard == []
    assert Chat.objects.count() == 1


# Files


def test_wa19_a_file_is_fetched_later_with_the_token_and_its_digest_checked(channel, number, ann, client, whatsapp):
    ann.sends_image(number, SAMPLE_PNG, caption="Look")
    headers, body = whatsapp.pending()[0]
    assert post(client, body, headers) == 200
    assert Attachment.objects.get().state == "pending"
    drain()
    attachment = Attachment.objects.get()
    assert (attachment.state, attachment.sha256) == ("stored", hashlib.sha256(SAMPLE_PNG).hexdigest())
    message = last()
    assert (message.media_type, message.text, bool(message.media)) == ("image", "Look", True)
    with message.media.open("rb") as file:
        assert file.read() == SAMPLE_PNG


def test_wa19_a_file_that_is_not_the_one_announced_is_not_kept(channel, number, ann, deliver, whatsapp):
    ann.sends_file(number, "image", SAMPLE_PNG, "image/png", digest="0" * 64)
    deliver()
    attachment = Attachment.objects.get()
    assert (attachment.state, attachment.file.name) == ("pending", "")
    assert "announced" in Job.objects.get(kind="fetch").error


def test_wa19_a_media_id_that_has_run_out_says_so_on_the_row(channel, number, ann, deliver, whatsapp):
    ann.sends_image(number)
    whatsapp.expire_media()
    deliver()
    attachment = Attachment.objects.get()
    assert attachment.state == "failed"
    assert "seven days" in attachment.error
    assert last().media_type == "image"


def test_wa19_an_address_that_has_run_out_is_asked_for_anew(channel, number, ann, deliver, whatsapp):
    ann.sends_image(number)
    whatsapp.fail("download", error="502")
    deliver()
    assert Attachment.objects.get().state == "pending"
    Job.objects.filter(kind="fetch").update(next_attempt_at="2020-01-01T00:00:00Z")
    drain()
    assert Attachment.objects.get().state == "stored"
    assert len(whatsapp.log.calls("node")) >= 2


def test_a_voice_message_becomes_mp3_and_stays_as_it_came(channel, number, ann, deliver):
    ann.sends_voice(number, SAMPLE_OGG)
    deliver()
    message = last()
    assert (message.media_type, message.media.name.endswith(".mp3")) == ("audio", True)
    attachment = message.attachments.get()
    with attachment.file.open("rb") as file:
        assert file.read() == SAMPLE_OGG


def test_a_document_keeps_its_name(channel, number, ann, deliver):
    ann.sends_document(number, b"%PDF-1.4 x", "Rechnung März.pdf")
    deliver()
    attachment = last().attachments.get()
    assert (attachment.name, attachment.kind, attachment.content_type) == (
        "Rechnung März.pdf", "file", "application/pdf",
    )  # fmt: skip


# Clicks


def offer(greeted: Any, titles: list[str]) -> Any:
    """Send buttons, one a row; returns the message once it has arrived."""
    rows = [[{"text": title, "callback_data": {"choice": title}}] for title in titles]
    message = greeted.reply_with({"text": "Which?", "buttons": rows})
    drain()
    message.refresh_from_db()
    assert message.status in ("sent", "delivered"), message.error
    return message


@pytest.mark.parametrize("count", [2, 3, 4, 10])
def test_wa18_a_tap_on_a_button_or_a_row_is_one_click_and_a_line_of_the_chat(
    greeted, number, ann, deliver, clicks, heard, count
):
    message = offer(greeted, CITIES[:count])
    shown = ann.last(number)
    assert shown.buttons == CITIES[:count]
    ann.taps(number, shown, "Berlin")
    assert deliver()[-1] == 200
    assert clicks == [({"choice": "Berlin"}, f"whatsapp_{ann.phone}", message.pk)]
    assert last().text == "Berlin"
    assert last().reply_to_message == message
    assert heard == [], "a click is not answered twice"
    assert Request.objects.count() == 1


def test_wa18_of_more_than_ten_a_typed_number_is_the_click(greeted, number, ann, deliver, clicks, heard):
    message = offer(greeted, CITIES)
    shown = ann.last(number)
    assert (shown.type, "11. Kiel" in shown.text, "1. Aachen" in shown.text) == ("text", True, True)
    ann.sends(number, " 11. ")
    deliver()
    assert clicks == [({"choice": "Kiel"}, f"whatsapp_{ann.phone}", message.pk)]
    assert (last().text, heard) == (" 11. ", [])
    for other in ("0", "12", "two", "11 please", "²"):
        ann.sends(number, other)
    deliver()
    assert (len(clicks), heard) == (1, ["0", "12", "two", "11 please", "²"])


def test_wa18_a_number_is_a_number_where_nothing_was_numbered(greeted, number, ann, deliver, clicks, heard):
    offer(greeted, ["Yes", "No"])
    ann.sends(number, "1")
    deliver()
    assert (clicks, heard) == ([], ["1"])


def test_wa18_the_answer_to_a_flow_is_a_message_with_its_fields(greeted, channel, number, ann, deliver, heard):
    greeted.reply_with({"interactive": {"type": "flow", "body": {"text": "Size?"}, "action": {"name": "flow"}}})
    drain()
    ann.fills_in(number, ann.last(number), size="L")
    deliver()
    reply = last().raw["message"]["interactive"]["nfm_reply"]
    assert json.loads(reply["response_json"])["size"] == "L"
    assert heard == ["Sent"]


def test_a_forged_token_is_nobodys_click(greeted, number, ann, deliver, clicks):
    offer(greeted, ["Yes", "No"])
    execution = CallbackExecution.objects.first()
    token = f"{execution.pk}.{'A' * 24}"
    answer = {"type": "button_reply", "button_reply": {"id": token, "title": "Yes"}}
    ann.sends(number, type="interactive", interactive=answer)
    assert deliver()[-1] == 200
    assert clicks == []


def test_somebody_elses_button_cannot_be_clicked(greeted, number, whatsapp, ann, deliver, clicks):
    offer(greeted, ["Yes", "No"])
    whatsapp.user("Eve").taps(number, ann.last(number), "Yes")
    deliver()
    assert clicks == []


def test_a_person_without_a_phone_number_can_write_be_answered_and_click(channel, number, whatsapp, deliver, clicks):
    eve = whatsapp.user("Eve", username="eve.k", hides_phone=True)
    eve.sends(number, "Hello from a username")
    deliver()
    message = last()
    account = Account.objects.get()
    assert (account.pk, account.username) == (f"whatsapp_{eve.user_id(number)}", "eve.k")
    sent = offer(message, ["Yes", "No"])
    call = whatsapp.log.sent()[-1].params
    assert (call.get("to"), call["recipient"]) == (None, eve.user_id(number))
    deliver()
    sent.refresh_from_db()
    assert sent.delivered
    eve.taps(number, eve.last(number), "No")
    deliver()
    assert clicks == [({"choice": "No"}, account.pk, sent.pk)]
