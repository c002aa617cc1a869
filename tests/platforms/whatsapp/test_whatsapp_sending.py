"""Hold what goes out: lengths, buttons in the form that fits, files, places, cards, reactions, reading and typing."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from unicom.errors import InvalidMessage
from unicom.models import Message
from unicom.testing.draining import drain
from unicom.testing.telegram import SAMPLE_OGG
from unicom.testing.whatsapp import SAMPLE_PNG

MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(64)


def send(greeted: Any, **data: Any) -> Any:
    """Send an answer and have it delivered."""
    message = greeted.reply_with(data)
    drain()
    message.refresh_from_db()
    assert message.status == "sent", message.error
    return message


def rows(*titles: str) -> list[list[dict[str, Any]]]:
    """Return buttons that call back, one a row."""
    return [[{"text": title, "callback_data": title}] for title in titles]


def texts(ann: Any, number: Any) -> list[str]:
    """Return what Ann got to read."""
    return [item.text for item in ann.inbox(number)]


# Lengths


@pytest.mark.parametrize("length", [1, 4096, 4097, 10_000])
def test_wa16_a_long_text_goes_out_whole_in_pieces_of_4096(greeted, number, ann, length):
    text = "x" * length
    send(greeted, text=text)
    pieces = texts(ann, number)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 4096


def test_wa16_a_caption_has_1024_and_a_longer_text_follows_the_picture(greeted, number, ann, tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(SAMPLE_PNG)
    send(greeted, text="c" * 1024, file_path=str(path))
    send(greeted, text="t" * 1025, file_path=str(path))
    short, picture, long = ann.inbox(number)
    assert (short.type, short.text) == ("image", "c" * 1024)
    assert (picture.type, picture.text) == ("image", "")
    assert (long.type, long.text) == ("text", "t" * 1025)


def test_wa16_under_buttons_there_are_1024_and_the_rest_goes_before(greeted, number, ann):
    text = "word " * 500
    send(greeted, text=text, buttons=rows("Yes", "No"))
    pieces = texts(ann, number)
    assert "".join(pieces) == text
    assert len(pieces[-1]) <= 1024
    assert ann.last(number).buttons == ["Yes", "No"]


def test_wa16_header_and_footer_have_60(greeted, number, ann):
    send(greeted, text="Well?", buttons=rows("Yes"), header="h" * 60, footer="f" * 60)
    shown = ann.last(number).payload["interactive"]
    assert (shown["header"]["text"], shown["footer"]["text"]) == ("h" * 60, "f" * 60)
    with pytest.raises(InvalidMessage) as refusal:
        greeted.reply_with({"text": "Well?", "buttons": rows("Yes"), "header": "h" * 61, "footer": 3})
    assert set(refusal.value.problems) == {"header", "footer"}


# Buttons


@pytest.mark.parametrize(
    ("titles", "kind"),
    [
        (["Yes"], "button"),
        (["A", "B", "C"], "button"),
        (["x" * 20, "B"], "button"),
        (["x" * 21, "B"], "list"),
        (["Same", "Same"], "list"),
        (["A", "B", "C", "D"], "list"),
        ([str(number) for number in range(10)], "list"),
        (["x" * 24], "list"),
        (["x" * 25], None),
        ([str(number) for number in range(11)], None),
    ],
)
def test_wa17_buttons_take_the_form_in_which_nothing_is_cut(greeted, number, ann, titles, kind):
    send(greeted, text="Which?", buttons=rows(*titles))
    shown = ann.last(number)
    if kind is None:
        assert shown.type == "text"
        assert shown.text.endswith("\n".join(f"{count}. {title}" for count, title in enumerate(titles, 1)))
    else:
        assert (shown.payload["interactive"]["type"], shown.buttons) == (kind, titles)


def test_wa17_ids_are_signed_unique_and_short(greeted, number, ann):
    send(greeted, text="Which?", buttons=rows("A", "B", "C"))
    ids = [item["reply"]["id"] for item in ann.last(number).payload["interactive"]["action"]["buttons"]]
    assert len(set(ids)) == 3
    assert max(map(len, ids)) <= 200


def test_wa17_a_link_alone_is_a_message_with_a_url_button(greeted, number, ann):
    send(greeted, text="Our shop", buttons=[[{"text": "Open", "url": "https://tea.example/"}]])
    shown = ann.last(number).payload["interactive"]
    assert (shown["type"], shown["action"]["parameters"]) == (
        "cta_url", {"display_text": "Open", "url": "https://tea.example/"},
    )  # fmt: skip


@pytest.mark.parametrize("buttons", [[["Site", "Map"]], [["a very long title of a link", None]]], ids=["two", "long"])
def test_wa17_links_without_a_button_of_their_own_are_lines(greeted, number, ann, buttons):
    titles = [title for title in buttons[0] if title]
    send(greeted, text="See", buttons=[[{"text": title, "url": "https://tea.example/"} for title in titles]])
    assert ann.last(number).type == "text"
    assert all(f"{title}: https://tea.example/" in ann.last(number).text for title in titles)


def test_wa17_links_beside_buttons_are_lines_above_them(greeted, number, ann):
    send(greeted, text="Well?", buttons=[*rows("Yes"), [{"text": "Terms", "url": "https://tea.example/t"}]])
    shown = ann.last(number)
    assert (shown.text, shown.buttons) == ("Well?\n\nTerms: https://tea.example/t", ["Yes"])


def test_wa18_a_list_has_a_button_that_opens_it(greeted, number, ann):
    send(greeted, text="Which?", buttons=rows("A", "B", "C", "D"), list_button="Our teas")
    assert ann.last(number).payload["interactive"]["action"]["button"] == "Our teas"


def test_a_picture_heads_the_buttons_under_its_text(greeted, number, ann, tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(SAMPLE_PNG)
    send(greeted, text="This one?", file_path=str(path), buttons=rows("Yes", "No"))
    [shown] = ann.inbox(number)
    assert (shown.payload["interactive"]["header"]["type"], shown.buttons) == ("image", ["Yes", "No"])


def test_buttons_need_a_text_and_a_hundred_and_one_are_too_many(greeted, tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(SAMPLE_PNG)
    for data, wrong in (
        ({"file_path": str(path), "buttons": rows("Yes")}, "text"),
        ({"text": "Which?", "buttons": rows(*map(str, range(101)))}, "buttons"),
        ({"text": "Which?", "buttons": rows(*(f"{count} {'x' * 60}" for count in range(90)))}, "buttons"),
    ):
        with pytest.raises(InvalidMessage) as refusal:
            greeted.reply_with(data)
        assert set(refusal.value.problems) == {wrong}


# Files


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.png", SAMPLE_PNG, "image"),
        ("a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(200), "image"),
        ("a.gif", b"GIF89a\x01\x00\x01\x00" + bytes(20), "document"),
        ("a.webp", b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(40), "document"),
        ("a.ogg", SAMPLE_OGG, "audio"),
        ("vorbis.ogg", b"OggS\x00\x02" + bytes(22) + b"\x01vorbis" + bytes(20), "document"),
        ("a.mp3", b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(40), "audio"),
        ("a.mp4", MP4, "video"),
        ("a.pdf", b"%PDF-1.4 x", "document"),
        ("a.txt", b"words", "document"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wa20_each_file_goes_as_what_whatsapp_shows_it_as(greeted, number, ann, whatsapp, tmp_path, name, data, kind):
    path = tmp_path / name
    path.write_bytes(data)
    send(greeted, file_path=str(path))
    shown = ann.last(number)
    assert shown.type == kind
    assert whatsapp.world.media[shown.payload[kind]["id"]].data == data
    assert shown.payload[kind].get("filename") == (name if kind == "document" else None)


def test_wa20_a_picture_over_5_mb_goes_as_a_document_and_over_100_mb_not_at_all(greeted, number, ann, tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(SAMPLE_PNG + bytes(5 * 1024 * 1024))
    send(greeted, file_path=str(path))
    assert ann.last(number).type == "document"
    huge = tmp_path / "huge.bin"
    with huge.open("wb") as file:
        file.truncate(100 * 1024 * 1024 + 1)
    with pytest.raises(InvalidMessage) as refusal:
        greeted.reply_with({"file_path": str(huge)})
    assert "104,857,600" in refusal.value.problems["file_path"]


def test_a_voice_message_is_marked_as_one_and_its_text_follows(greeted, number, ann):
    send(greeted, text="As I said", base64_audio=base64.b64encode(SAMPLE_OGG).decode())
    voice, text = ann.inbox(number)
    assert (voice.payload["audio"]["voice"], text.text) == (True, "As I said")


def test_wa13_an_upload_that_failed_is_tried_again_and_sends_once(greeted, number, ann, whatsapp, tmp_path: Path):
    from unicom.models import Delivery

    path = tmp_path / "a.png"
    path.write_bytes(SAMPLE_PNG)
    whatsapp.fail("media", error=131053)
    whatsapp.fail("media", error="drop_after")
    message = greeted.reply_with({"file_path": str(path)})
    for _ in range(3):
        drain()
        Delivery.objects.filter(state="queued").update(next_attempt_at="2020-01-01T00:00:00Z")
    message.refresh_from_db()
    assert (message.status, len(ann.inbox(number))) == ("sent", 1)


def test_a_link_to_a_picture_is_fetched_by_whatsapp(greeted, number, ann):
    send(greeted, text="Look", image_link="https://tea.example/pot.png")
    assert ann.last(number).payload["image"] == {"link": "https://tea.example/pot.png", "caption": "Look"}


# What only WhatsApp has


def test_places_cards_and_other_objects_of_the_api_are_passed_on(greeted, number, ann):
    place = {"latitude": 52.5, "longitude": 13.4, "name": "Shop"}
    card = [{"name": {"formatted_name": "Tea & Co.", "first_name": "Tea"}, "phones": [{"phone": "+49301234"}]}]
    send(greeted, location=place)
    send(greeted, contacts=card)
    send(greeted, text="Have a look at https://tea.example", preview_url=True)
    first, second, third = ann.inbox(number)
    assert (first.payload["location"], second.payload["contacts"]) == (place, card)
    assert third.payload["text"]["preview_url"] is True


def test_a_reaction_is_sent_to_the_persons_message(greeted, number, ann, whatsapp):
    send(greeted, reaction={"message_id": greeted.external_id, "emoji": "👍"})
    assert whatsapp.log.sent()[-1].params["reaction"] == {"message_id": greeted.external_id, "emoji": "👍"}


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"location": {"latitude": "north"}}, "location"),
        ({"contacts": {}}, "contacts"),
        ({"reaction": {"emoji": 3}}, "reaction"),
        ({"interactive": []}, "interactive"),
        ({"text": "x", "image_link": "pot.png", "preview_url": 1}, "image_link preview_url"),
        ({"text": "x", "footer": "y"}, "footer"),
        ({"text": "x", "subject": "y", "nonsense": 1}, "subject nonsense"),
        ({"text": "  "}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"chat_id": "Ann", "text": "x"}, "chat_id"),
    ],
    ids=str,
)
def test_what_whatsapp_would_refuse_is_named_before_anything_is_saved(greeted, data, wrong):
    count = Message.objects.count()
    with pytest.raises(InvalidMessage) as refusal:
        greeted.reply_with(data)
    assert set(refusal.value.problems) == set(wrong.split())
    assert Message.objects.count() == count


@pytest.mark.parametrize("way", ["+{0}{1}", "00{0}{1}", "{0}{1}", " +{0}{1} ", "+{0} ({1})", "+{0}-{1}", "+{0}.{1}"])
def test_a_phone_number_is_known_however_it_is_written(greeted, channel, number, ann, way):
    message = channel.send_message({"chat_id": way.format(ann.phone[:5], ann.phone[5:]), "text": "Hello"})
    assert message.chat == greeted.chat


def test_wa21_reading_and_typing_are_one_call_about_the_message_that_is_answered(greeted, number, ann, whatsapp):
    from unicom.services.whatsapp import mark_as_read, start_typing_in_whatsapp

    mark_as_read(greeted)
    assert whatsapp.message(greeted.external_id).statuses == ["read"]
    start_typing_in_whatsapp(greeted.channel, chat_id=greeted.chat_id)
    assert whatsapp.message(greeted.external_id).statuses == ["read", "read", "typing"]


def test_wa21_with_show_typing_what_comes_in_is_read_and_answered_to_at_once(channel, number, ann, deliver, whatsapp):
    from unicom.models import Channel, Job

    Channel.objects.filter(pk=channel.pk).update(config={**channel.config, "SHOW_TYPING": True})
    first = ann.sends(number, "Hello?")
    whatsapp.fail("messages", error=131009)
    second = ann.sends(number, "Anybody?")
    deliver()
    assert [item.statuses for item in (first, second)] in ([["read", "typing"], []], [[], ["read", "typing"]])
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}, "a courtesy that failed is nobody's trouble"
