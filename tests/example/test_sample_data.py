"""The sample data: written once, and whole."""

from __future__ import annotations

import pytest

from example.bot import sample_data
from unicom.models import Channel, ChannelState, Chat, DraftMessage, Member, Message

pytestmark = pytest.mark.django_db(transaction=True)  # the pipeline commits as it does on a site


def test_it_is_written_once() -> None:
    assert sample_data.seed() is True
    counts = [model.objects.count() for model in (Channel, Chat, Message, Member, DraftMessage)]
    assert counts[0] == 2
    assert all(counts)
    assert sample_data.seed() is False
    assert counts == [model.objects.count() for model in (Channel, Chat, Message, Member, DraftMessage)]
    for chat in Chat.objects.all():
        assert list(chat.messages.order_by("seq").values_list("seq", flat=True)) == list(
            range(1, chat.messages.count() + 1)
        )
        newest = chat.messages.order_by("seq").last()
        assert newest is not None
        assert chat.last_message_at == newest.timestamp
        assert list(chat.messages.order_by("seq")) == list(chat.messages.order_by("timestamp"))


def test_an_interrupted_first_start_is_begun_anew() -> None:
    sample_data.seed()
    ChannelState.objects.filter(channel__platform="WebChat").delete()
    state = ChannelState.objects.create(
        channel=Channel.objects.get(platform="WebChat"), key=sample_data.MARK, value="begun"
    )
    for other in ChannelState.objects.exclude(pk=state.pk):
        other.value = "begun"
        other.save()
    assert sample_data.seed() is True
    assert Channel.objects.count() == 2
    assert Member.objects.count() == 3


def test_a_database_in_use_is_left_alone() -> None:
    Channel.objects.create(name="Mine", platform="Internal")
    assert sample_data.seed() is False
    assert Chat.objects.count() == 0
