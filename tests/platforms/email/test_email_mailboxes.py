"""Know which mailboxes are to be listened to without reading again what nobody has changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from unicom import crypto
from unicom.models import Channel
from unicom.platforms.email.mailboxes import BATCH, Wanted

pytestmark = pytest.mark.django_db


def channel(number: int = 1, **more: Any) -> Channel:
    config = {
        "EMAIL_ADDRESS": f"box{number}@example.com",
        "EMAIL_PASSWORD": "secret",
        "IMAP": {"host": "imap.example.com"},
        **more,
    }
    return Channel.objects.create(name=f"Box {number}", platform="Email", config=config, active=True)


def test_a_look_at_channels_nobody_has_written_is_one_query_and_decrypts_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channels = [channel(number) for number in range(BATCH + 5)]
    wanted = Wanted()
    first = wanted.look()
    assert sorted(first) == [item.pk for item in channels]

    def refuse(stored: str) -> str:
        raise AssertionError("nothing is to be decrypted")

    monkeypatch.setattr(crypto, "decrypt", refuse)
    with CaptureQueriesContext(connection) as seen:
        second = wanted.look()
    assert len(seen) == 1
    assert all(second[pk] is mailbox for pk, mailbox in first.items())


def test_a_channel_that_is_saved_without_another_config_keeps_its_connection() -> None:
    saved = channel()
    wanted = Wanted()
    before = wanted.look()[saved.pk]
    saved.name = "Another name"
    saved.save()
    assert wanted.look()[saved.pk] is before


def test_channels_that_come_change_and_go_are_seen() -> None:
    first, second = channel(1), channel(2)
    wanted = Wanted()
    before = wanted.look()
    first.config = {**first.config, "EMAIL_PASSWORD": "another"}
    first.save()
    second.active = False
    second.save()
    third = channel(3)
    after = wanted.look()
    assert sorted(after) == [first.pk, third.pk]
    assert after[first.pk] is not before[first.pk]
    assert after[first.pk].config.login("IMAP")[1] == "another"
    second.active = True
    second.save()
    assert second.pk in wanted.look()
    Channel.objects.filter(pk=third.pk).delete()
    assert third.pk not in wanted.look()


def test_what_cannot_be_listened_to_is_left_out_and_not_read_again() -> None:
    channel(1, IMAP=None)
    channel(2, NONSENSE=1)
    wanted = Wanted()
    assert wanted.look() == {}
    with CaptureQueriesContext(connection) as seen:
        assert wanted.look() == {}
    assert len(seen) == 1


def test_a_channel_whose_secrets_no_key_opens_stops_no_other() -> None:
    good, lost = channel(1), channel(2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE unicom_channel SET config = 'unicom1:0:nonsense' WHERE id = %s", [lost.pk])
    wanted = Wanted()
    assert list(wanted.look()) == [good.pk]
    error = Channel.objects.filter(pk=lost.pk).values_list("error", flat=True).get()
    assert "key" in error
