"""Hold an adapter to what it promises within the pipeline: what comes in, what goes out, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.platforms.subject import Subject
from unicom.errors import IdempotencyConflict, InvalidMessage
from unicom.models import Attachment, Channel, Chat, Delivery, Job, Message, Request, Update
from unicom.platforms import adapter_class
from unicom.platforms.base import Adapter
from unicom.testing import drain
from unicom.types import DeliveryResult, Part

ARRIVED = ("sent", "delivered")
BUTTONS = [[{"text": "Yes", "callback_data": {"answer": 42}}]]


class CoreContract(Subject):
    """Check the adapter through the core."""

    def _greeted(self, client: Client, channel: Channel) -> Message:
        self.receive(client, channel, key="1", text="Hello?")
        return Message.objects.get(channel=channel, is_outgoing=False)

    # Coming in

    @pytest.mark.django_db
    def test_a_message_that_comes_in_is_one_message_one_request_and_one_job(
        self, client: Client, channel: Channel
    ) -> None:
        message = self._greeted(client, channel)
        assert (message.text, message.platform, message.seq) == ("Hello?", self.platform, 1)
        assert message.sender is not None
        assert message.sender.platform == self.platform
        request = Request.objects.get()
        assert (request.message, request.status) == (message, "QUEUED")
        assert Job.objects.filter(kind="message", key=message.pk).count() == 1
        assert not Update.objects.exists()
        drain()
        assert Job.objects.exclude(state="done").count() == 0

    @pytest.mark.django_db
    def test_the_same_message_again_changes_nothing(self, client: Client, channel: Channel) -> None:
        first = self._greeted(client, channel)
        self.receive(client, channel, key="1", text="Hello?")
        drain()
        self.receive(client, channel, key="1", text="Hello?")
        assert Message.objects.get() == first
        assert Request.objects.count() == 1
        assert Job.objects.filter(kind="message").count() == 1

    @pytest.mark.django_db
    def test_a_second_message_joins_the_same_chat(self, client: Client, channel: Channel) -> None:
        message = self._greeted(client, channel)
        if not self.takes_payloads:
            return  # which chat a page writes in is tested with its views
        self.receive(client, channel, key="2", text="Anybody?")
        assert Chat.objects.get() == message.chat
        assert list(Message.objects.order_by("seq").values_list("seq", "text")) == [(1, "Hello?"), (2, "Anybody?")]

    @pytest.mark.django_db
    def test_a_stranger_is_refused_and_nothing_is_stored(self, client: Client, channel: Channel) -> None:
        body = b'{"text": "let me in"}'
        for headers in (
            {},
            dict.fromkeys(self.headers(body), "wrong"),
            {"X-Secret": "Ключ".encode().decode("latin-1")},
        ):
            url = reverse("webhook", args=[self.platform, channel.pk])
            answer = client.post(url, data=body, content_type="application/json", headers=headers)
            assert answer.status_code == 403
        assert not Message.objects.exists()
        assert not Update.objects.exists()

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "body", [b"", b"\xff\xfe", b"[]", b'"x"', b"null", b"NaN", b'{"message": {}}', b"{" * 3000]
    )
    def test_a_proven_but_unreadable_webhook_is_kept_and_answered(
        self, client: Client, channel: Channel, body: bytes
    ) -> None:
        if not self.takes_webhooks:
            return
        assert self.post(client, channel, body).status_code == 200
        assert not Message.objects.exists()
        kept = Update.objects.filter(channel=channel).first()
        if kept is not None:  # an empty list of events is nothing to keep
            assert bytes(kept.body) == body

    # Going out

    @pytest.mark.django_db
    def test_a_reply_is_delivered(self, client: Client, channel: Channel) -> None:
        message = self._greeted(client, channel)
        answer = message.reply_with({"text": "Here I am."})
        assert answer.status == "queued"
        drain()
        answer.refresh_from_db()
        assert answer.status in ARRIVED, answer.error
        assert (answer.sent, answer.reply_to_message, answer.chat) == (True, message, message.chat)
        assert (answer.seq, answer.error) == (2, "")

    @pytest.mark.django_db
    def test_a_long_reply_is_delivered_whole(self, client: Client, channel: Channel) -> None:
        text = "All of this matters. " * 250
        answer = self._greeted(client, channel).reply_with({"text": text})
        drain()
        answer.refresh_from_db()
        assert (answer.status in ARRIVED, answer.text, answer.error) == (True, text, "")
        parts = [Part.from_json(row.payload) for row in answer.deliveries.order_by("part")]
        assert "".join(self.shown(part) for part in parts) == text

    @pytest.mark.django_db
    def test_a_key_makes_one_message_of_the_same_send_and_names_what_differs(
        self, client: Client, channel: Channel
    ) -> None:
        message = self._greeted(client, channel)
        order = {"text": "It is on its way.", "idempotency_key": "order-7"}
        answer = message.reply_with(order)
        drain()
        assert message.reply_with(order) == answer
        with pytest.raises(IdempotencyConflict, match="text"):
            message.reply_with({**order, "text": "It is not."})
        drain()
        assert Message.objects.filter(channel=channel, is_outgoing=True).count() == 1
        assert answer.deliveries.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_the_platform_is_called_outside_any_transaction(
        self, client: Client, channel: Channel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[bool] = []
        cls = adapter_class(self.platform)
        original = cls.deliver

        def deliver(adapter: Adapter, part: Part) -> DeliveryResult:
            calls.append(connection.in_atomic_block)
            return original(adapter, part)

        monkeypatch.setattr(cls, "deliver", deliver)
        answer = self._greeted(client, channel).reply_with({"text": "Here I am."})
        drain()
        answer.refresh_from_db()
        assert answer.status in ARRIVED, answer.error
        assert calls == [False] or (cls.is_local and calls == [])

    @pytest.mark.django_db(transaction=True)
    def test_a_local_message_is_sent_at_once_whoever_runs_the_work(
        self, client: Client, channel: Channel, settings: Any
    ) -> None:
        settings.UNICOM_EXECUTOR = "worker"
        answer = self._greeted(client, channel).reply_with({"text": "Here I am."})
        assert answer.status in (ARRIVED if adapter_class(self.platform).is_local else ("queued",))

    # What the capabilities say

    @pytest.mark.django_db
    def test_buttons_are_taken_or_refused_as_the_capability_says(self, client: Client, channel: Channel) -> None:
        message = self._greeted(client, channel)
        if not adapter_class(self.platform).supports_buttons:
            with pytest.raises(InvalidMessage) as error:
                message.reply_with({"text": "Well?", "buttons": BUTTONS})
            assert set(error.value.problems) == {"buttons"}
            assert not Delivery.objects.exists()
            return
        answer = message.reply_with({"text": "Well?", "buttons": BUTTONS})
        drain()
        answer.refresh_from_db()
        assert answer.status in ARRIVED, answer.error
        parts = [Part.from_json(row.payload) for row in answer.deliveries.order_by("part")]
        assert [button.text for row in parts[-1].buttons for button in row] == ["Yes"]
        assert len(answer.raw["interactive_buttons"]) == 1

    @pytest.mark.django_db
    def test_files_are_taken_or_refused_as_the_capability_says(
        self, client: Client, channel: Channel, tmp_path: Path
    ) -> None:
        message = self._greeted(client, channel)
        note, list_ = tmp_path / "note.txt", tmp_path / "list.txt"
        note.write_text("a note")
        list_.write_text("a list")
        wish = {"text": "See this.", "file_path": str(note), "attachments": [str(list_)]}
        if not adapter_class(self.platform).supports_files:
            with pytest.raises(InvalidMessage) as error:
                message.reply_with(wish)
            assert set(error.value.problems) == {"file_path"}
            assert not Attachment.objects.exists()
            return
        answer = message.reply_with(wish)
        drain()
        answer.refresh_from_db()
        assert answer.status in ARRIVED, answer.error
        assert [_content(item) for item in answer.attachments.order_by("pk")] == [b"a note", b"a list"]

    @pytest.mark.django_db
    def test_an_edit_is_made_or_refused_as_the_capability_says(self, client: Client, channel: Channel) -> None:
        answer = self._greeted(client, channel).reply_with({"text": "Befor"})
        drain()
        answer.refresh_from_db()
        if not adapter_class(self.platform).supports_edit:
            with pytest.raises(InvalidMessage) as error:
                answer.edit_original_message({"text": "Before"})
            assert set(error.value.problems) == {"message"}
            assert answer.deliveries.count() == 1
            return
        answer.edit_original_message({"text": "Before"})
        drain()
        answer.refresh_from_db()
        assert (answer.text, answer.status in ARRIVED) == ("Before", True), [
            (row.act, row.state, row.error) for row in answer.deliveries.all()
        ]
        assert answer.edited_at is not None

    @pytest.mark.django_db
    def test_html_is_carried_or_turned_into_text_as_the_capability_says(self, client: Client, channel: Channel) -> None:
        answer = self._greeted(client, channel).reply_with({"html": "<p>Good <b>news</b></p>"})
        drain()
        answer.refresh_from_db()
        assert answer.status in ARRIVED, answer.error
        if adapter_class(self.platform).supports_html:
            assert "<b>news</b>" in answer.html
        else:
            assert (answer.html, answer.text) == ("", "Good news")

    @pytest.mark.django_db
    def test_a_new_conversation_is_opened_or_refused_as_the_capability_says(self, channel: Channel) -> None:
        if not adapter_class(self.platform).opens_chats:
            with pytest.raises(InvalidMessage) as error:
                channel.send_message({"chat_id": self.chat, "text": "Hello!"})
            assert set(error.value.problems) == {"chat_id"}
            assert not Chat.objects.exists()
            return
        message = channel.send_message({"chat_id": self.chat, **self.opening})
        drain()
        message.refresh_from_db()
        assert message.status in ARRIVED, message.error
        assert message.chat.external_id == self.chat

    @pytest.mark.django_db
    def test_no_error_of_the_channel_shows_a_secret(self, channel: Channel) -> None:
        shown = [repr(channel), str(channel)]
        channel.config = {**channel.config, "NOT_A_KEY": 1}
        assert channel.validate() is False
        shown.append(channel.error)
        assert "NOT_A_KEY" in channel.error
        assert not any(secret in text for text in shown for secret in self.secrets)


def _content(item: Attachment) -> bytes:
    with item.file.open("rb") as file:
        return bytes(file.read())
