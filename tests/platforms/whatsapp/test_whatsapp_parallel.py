"""Hold webhooks that come at the same moment: one person, one account, one conversation, nothing lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from tests.platforms.whatsapp.conftest import post
from unicom.models import Account, AccountIdentity, Chat, Message, Request
from unicom.testing.draining import drain

pytestmark = pytest.mark.django_db(transaction=True)


def post_all(whatsapp: Any) -> None:
    """Post everything at once, and again what the site asked for again, as WhatsApp does."""

    def one(webhook: Any) -> int:
        try:
            return post(Client(), webhook.body, webhook.headers)
        finally:
            connections.close_all()

    waiting = whatsapp.pending()
    for _ in range(20):
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(one, waiting))
        assert set(answers) <= {200, 503}
        waiting = [webhook for webhook, status in zip(waiting, answers, strict=True) if status == 503]
        if not waiting:
            return
    raise AssertionError("it never got through")


def test_an_album_of_a_new_person_is_one_account_and_one_chat(channel, number, ann, whatsapp, settings):
    settings.UNICOM_EXECUTOR = "worker"
    for count in range(6):
        ann.sends(number, f"picture {count}")
    post_all(whatsapp)
    drain()
    assert Account.objects.count() == Chat.objects.count() == 1
    assert AccountIdentity.objects.count() == 2
    assert list(Message.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5, 6]
    assert Request.objects.count() == 6


def test_all_ids_of_a_person_at_once_end_as_one(channel, number, whatsapp, settings):
    settings.UNICOM_EXECUTOR = "worker"
    zoe = whatsapp.user("Zoe")
    for hides, shows in ((False, False), (True, True), (False, True)) * 2:
        zoe.person.hides_phone, zoe.person.shows_user_id = hides, shows
        zoe.sends(number, f"{hides} {shows}")
    post_all(whatsapp)
    drain()
    zoe.sends(number, "and once more by both")
    post_all(whatsapp)
    drain()
    account, chat = Account.objects.get(), Chat.objects.get()
    assert set(account.identities.values_list("value", flat=True)) == {zoe.phone, zoe.user_id(number)}
    assert list(chat.messages.order_by("seq").values_list("seq", flat=True)) == list(range(1, 8))
