"""Read conversations in the admin and answer in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.admin.conftest import EVIL, page
from unicom.models import Account, Attachment, Channel, Chat, Delivery, Message, Reaction

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


def reply_to(client: Client, chat: Chat, **data: Any) -> Any:
    """Post the reply box; returns the page that follows."""
    address = reverse("admin:unicom_chat_reply", args=[page("chat", chat.pk).split("/")[-3]])
    return client.post(address, data, follow=True)


def content_of(response: Any) -> bytes:
    """Return a file that was handed out; reading it to its end closes it."""
    return b"".join(response.streaming_content)


def test_messages_stand_in_the_order_of_their_numbers_the_newest_last(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    said("second", seq=2)
    said("third", seq=3, is_outgoing=True, status="sent")
    said("first", seq=1, is_outgoing=None)
    said("waiting", seq=None, is_outgoing=True, status="queued")
    bubbles = admin_client.get(page("chat", chat.pk)).context["page"].bubbles
    assert [bubble.text for bubble in bubbles] == ["first", "second", "third", "waiting"]
    assert [bubble.side for bubble in bubbles] == ["system", "in", "out", "out"]


def test_a_page_holds_the_last_hundred_and_leads_to_the_older_ones(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    for number in range(1, 131):
        said(f"number {number}")
    newest = admin_client.get(page("chat", chat.pk))
    shown = [bubble.message.seq for bubble in newest.context["page"].bubbles]
    assert shown == list(range(31, 131))
    assert '<a href="?before=31">' in newest.content.decode()
    older = admin_client.get(page("chat", chat.pk), {"before": 31}).context["page"]
    assert [bubble.message.seq for bubble in older.bubbles] == list(range(1, 31))
    assert older.older is None


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "²"])
def test_an_odd_page_number_shows_the_newest(admin_client: Client, chat: Chat, before: str) -> None:
    assert admin_client.get(page("chat", chat.pk), {"before": before}).status_code == 200


def test_known_failure_23_nothing_a_person_sends_is_markup_on_any_page(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    chat.name = EVIL
    message = said(EVIL, html=EVIL, subject=EVIL, sender_name=EVIL, raw={"x": EVIL}, error=EVIL, to=[EVIL])
    answer = said(EVIL, is_outgoing=True, status="failed", error=EVIL, reply_to_message=message)
    Attachment.objects.create(message=message, name=EVIL, state="failed", error=EVIL)
    for address in (
        page("chat"),
        page("chat", chat.pk),
        page("chat", chat.pk) + f"?reply_to={message.pk}",
        page("chat", chat.pk, view="delete"),
        page("message"),
        page("message", message.pk),
        page("message", answer.pk),
    ):
        response = admin_client.get(address)
        content = response.content.decode()
        assert response.status_code == 200
        assert "<script>alert" not in content, address
        assert "<img src=x" not in content, address


def test_known_failure_23_html_is_shown_sanitised_in_a_frame_that_may_do_nothing(
    admin_client: Client, said: Callable[..., Message]
) -> None:
    message = said("", html=f'<b>bold</b>{EVIL}<a href="javascript:x()">link</a><iframe src="//evil"></iframe>')
    content = admin_client.get(page("message", message.pk)).content.decode()
    start = content.index("<iframe")
    frame = content[start : content.index("</iframe>", start)]
    assert 'sandbox=""' in frame
    assert content.count("<iframe") == 1
    answer = admin_client.get(frame.partition(' src="')[2].partition('"')[0])
    shown = answer.content.decode()
    assert "<b>bold</b>" in shown
    assert answer["Content-Security-Policy"].startswith("default-src 'none';")
    assert answer["Content-Security-Policy"].endswith("; sandbox")
    assert not [word for word in ("script", "onerror", "javascript", "evil") if word in shown]


def test_html_without_text_is_read_as_text_in_the_conversation(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    said("", html="<style>p {color: red}</style><p>Hello</p><script>x()</script><p>you &amp; me</p>")
    bubble = admin_client.get(page("chat", chat.pk)).context["page"].bubbles[0]
    assert bubble.text.split() == ["Hello", "you", "&", "me"]


def test_reactions_stand_below_their_message_with_who_gave_them(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    message, other = said("Done!", is_outgoing=True), said("Thanks", is_outgoing=False)
    bob = Account.objects.create(id="toy_bob", platform="Toy", external_id="bob", name=EVIL)
    for account, emoji in (("toy_ada", "👍"), (bob.pk, "👍"), ("toy_ada", "🎉")):
        Reaction.objects.create(message=message, account_id=account, emoji=emoji)
    for emoji in ("🔥", "❤"):
        Delivery.objects.create(
            message=other, channel=chat.channel, chat=chat, act="react", state="sent", payload={"text": emoji}
        )
    response = admin_client.get(page("chat", chat.pk))
    first, second = response.context["page"].bubbles
    assert [(item.emoji, item.count, item.names) for item in first.reactions] == [
        ("👍", 2, f"Ada, {EVIL}"[:65]), ("🎉", 1, "Ada"),
    ]  # fmt: skip
    assert [(item.emoji, item.names) for item in second.reactions] == [("❤", "we")]
    assert "<script>alert" not in response.content.decode()


def test_a_channel_s_post_shows_how_often_each_reaction_was_given(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    Chat.objects.filter(pk=chat.pk).update(is_group=True)
    chat.is_group = True
    said("News", is_outgoing=True, raw={"reaction_counts": {"👍": 12, "👎": 0, "odd": "x"}})
    bubble = admin_client.get(page("chat", chat.pk)).context["page"].bubbles[0]
    assert [(item.emoji, item.count) for item in bubble.reactions] == [("👍", 12)]


def test_what_was_deleted_is_marked_and_still_read(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    said("Here")
    said("Taken back", deleted_at=timezone.now())
    content = admin_client.get(page("chat", chat.pk)).content.decode()
    assert content.count("unicom-deleted") == 1
    assert "Taken back" in content
    assert content.count('class="unicom-answer"') == 1


def test_a_reply_is_sent_in_the_chat_by_the_user_and_noted(
    admin_client: Client, admin_user: Any, chat: Chat, said: Callable[..., Message]
) -> None:
    question = said("Where is it?")
    reply_to(admin_client, chat, text="On its\r\nway", reply_to=question.pk)
    message = Message.objects.get(is_outgoing=True)
    assert (message.text, message.user, message.chat, message.reply_to_message) == (
        "On its\nway", admin_user, chat, question,
    )  # fmt: skip
    assert message.deliveries.count() == 1
    assert "On its" not in LogEntry.objects.get().change_message


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("text", "told"),
    [("fine", "The reply was sent."), ("fail", "The reply is failed: refused for good"), ("maybe", "timed out")],
)
def test_what_became_of_a_reply_is_told(admin_client: Client, chat: Chat, text: str, told: str) -> None:
    assert told in reply_to(admin_client, chat, text=text).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_reply_on_a_channel_that_is_down_is_queued(admin_client: Client, chat: Chat) -> None:
    from django.utils import timezone

    Channel.objects.update(down_since=timezone.now())
    response = reply_to(admin_client, chat, text="later")
    assert "The reply is queued." in response.content.decode()
    assert [bubble.text for bubble in response.context["page"].bubbles] == ["later"]


def test_a_file_is_sent_under_its_own_cleaned_name(admin_client: Client, chat: Chat) -> None:
    upload = SimpleUploadedFile("../../in voice<1>.txt", b"12 apples", content_type="text/html")
    reply_to(admin_client, chat, file=upload)
    attachment = Attachment.objects.get()
    with attachment.file.open() as stored:
        content = stored.read()
    assert (attachment.name, attachment.content_type, content) == (
        "in voice_1_.txt", "text/plain", b"12 apples",
    )  # fmt: skip


def test_what_is_wrong_with_a_reply_is_said_at_its_field_and_nothing_is_lost(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    said("Hello")
    response = reply_to(admin_client, chat, text="", reply_to="no such message")
    errors = response.context["reply_form"].errors
    assert errors["text"] == ["required: a message needs text, html or a file"]
    assert errors["__all__"] == ["reply_to_message_id: 'no such message' is not a message of this chat"]
    assert len(response.context["page"].bubbles) == 1
    assert not Message.objects.filter(is_outgoing=True).exists()


def test_a_reply_on_an_inactive_channel_keeps_the_text_and_says_why(admin_client: Client, chat: Chat) -> None:
    Channel.objects.update(active=False, error="never validated")
    content = reply_to(admin_client, chat, text="My long text").content.decode()
    assert "is not active (never validated)" in content
    assert "My long text</textarea>" in content


def test_saving_the_chat_after_a_failed_reply_goes_to_the_chat(admin_client: Client, chat: Chat) -> None:
    content = reply_to(admin_client, chat, text="").content.decode()
    assert f'action="{page("chat", chat.pk)}"' in content


def test_a_nul_in_an_address_or_a_reply_is_no_crash(admin_client: Client, chat: Chat) -> None:
    assert admin_client.get(page("chat", chat.pk), {"reply_to": "\x00"}).status_code == 200
    assert reply_to(admin_client, chat, text="Hello\x00", reply_to="\x00").status_code == 200
    assert admin_client.get(reverse("admin:unicom_message_media", args=["\x00"])).status_code == 404
    assert not Message.objects.exists()


def test_a_reply_to_a_message_of_another_chat_quotes_nothing(
    admin_client: Client, toy: Channel, chat: Chat, said: Callable[..., Message]
) -> None:
    other = Chat.objects.create(id="other", channel=toy, external_id="other")
    foreign = said("private words", chat=other)
    response = admin_client.get(page("chat", chat.pk), {"reply_to": foreign.pk})
    assert response.context["answered"] is None
    assert "private words" not in response.content.decode()


def test_the_page_of_a_message_has_a_reply_button(
    admin_client: Client, staff: Callable[..., Client], chat: Chat, said: Callable[..., Message]
) -> None:
    message = said("Hello")
    target = f"{page('chat', chat.pk)}?reply_to={message.pk}#reply"
    assert target in admin_client.get(page("message", message.pk)).content.decode()
    assert target not in staff("view_message", "view_chat").get(page("message", message.pk)).content.decode()


def test_who_may_see_a_chat_but_not_send_has_no_reply_box(staff: Callable[..., Client], chat: Chat) -> None:
    client = staff("view_chat", "view_message")
    assert "reply_form" not in client.get(page("chat", chat.pk)).context
    assert reply_to(client, chat, text="Hello").status_code == 403
    assert not Message.objects.exists()


def test_who_may_send_but_not_see_chats_cannot_reply(staff: Callable[..., Client], chat: Chat) -> None:
    assert reply_to(staff("add_message"), chat, text="Hello").status_code == 403


def test_who_may_see_chats_but_not_messages_reads_none(
    staff: Callable[..., Client], chat: Chat, said: Callable[..., Message]
) -> None:
    message = said("private words")
    client = staff("view_chat", "add_message")
    content = client.get(page("chat", chat.pk), {"reply_to": message.pk}).content.decode()
    assert "private words" not in content
    assert "You may not read the messages of this chat." in content


def test_the_list_of_chats_keeps_the_last_words_from_who_may_not_read_messages(
    staff: Callable[..., Client], chat: Chat, said: Callable[..., Message]
) -> None:
    said("private words")
    assert "private words" not in staff("view_chat").get(page("chat")).content.decode()
    assert "private words" in staff("view_chat", "view_message").get(page("chat")).content.decode()


def test_a_picture_is_shown_and_anything_else_is_a_download(
    admin_client: Client, staff: Callable[..., Client], said: Callable[..., Message]
) -> None:
    message = said("Look")
    picture = Attachment(message=message, name="cat.png", content_type="image/png", size=len(PNG))
    picture.file.save("cat.png", ContentFile(PNG))
    html = Attachment(message=message, name="page.html", content_type="text/html")
    html.file.save("page.html", ContentFile(EVIL.encode()))
    shown = admin_client.get(reverse("admin:unicom_attachment", args=[picture.pk]))
    assert (shown["Content-Type"], content_of(shown)) == ("image/png", PNG)
    kept = admin_client.get(reverse("admin:unicom_attachment", args=[html.pk]))
    assert content_of(kept) == EVIL.encode()
    assert kept["Content-Type"] == "application/octet-stream"
    assert kept["Content-Disposition"].startswith("attachment")
    for response in (shown, kept):
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response["Content-Security-Policy"]
    assert staff("view_chat").get(reverse("admin:unicom_attachment", args=[picture.pk])).status_code == 403
    bubble = admin_client.get(page("chat", message.chat_id)).context["page"].bubbles[0]
    assert ([item.name for item in bubble.pictures], [item.name for item in bubble.others]) == (
        ["cat.png"],
        ["page.html"],
    )


def test_a_file_that_is_gone_is_not_found(admin_client: Client, said: Callable[..., Message]) -> None:
    message = said("Look")
    item = Attachment(message=message, name="cat.png", content_type="image/png")
    item.file.save("cat.png", ContentFile(PNG))
    Path(item.file.path).unlink()
    assert admin_client.get(reverse("admin:unicom_attachment", args=[item.pk])).status_code == 404
    assert admin_client.get(reverse("admin:unicom_attachment", args=[0])).status_code == 404


def test_the_media_of_a_message_without_attachments_is_served_by_what_it_is(
    admin_client: Client, chat: Chat, said: Callable[..., Message]
) -> None:
    message = said("Look")
    message.media.save("cat.png", ContentFile(EVIL.encode()))
    address = reverse("admin:unicom_message_media", args=[message.pk])
    assert address in admin_client.get(page("chat", chat.pk)).content.decode()
    response = admin_client.get(address)
    assert content_of(response) == EVIL.encode()
    assert response["Content-Type"] == "application/octet-stream"
