"""A visitor's text costs at most twelve statements up to its commit; a page at most six, at any size."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.pipeline.test_query_counts import up_to_commit
from unicom.models import Account, AccountChat, Chat, Message
from unicom.signals import message_received

pytestmark = pytest.mark.django_db(transaction=True)


def test_known_failure_28_a_text_of_a_known_visitor_takes_at_most_twelve_statements(visitor, connect, settings):
    """Known failure 28: one WebChat text took 33. Session and user are counted too."""
    settings.UNICOM_EXECUTOR = "worker"
    connect(message_received, lambda **_: None)
    chat_id = visitor.say("hello")["chat_id"]
    visitor.say("again", chat_id=chat_id)
    with CaptureQueriesContext(connection) as queries:
        visitor.say("once more", chat_id=chat_id)
    statements = up_to_commit(queries)
    assert len(statements) <= 12, "\n".join(statements)
    assert Message.objects.count() == 3


@pytest.mark.parametrize("size", [10, 10_000])
def test_known_failure_28_a_page_of_messages_takes_at_most_six_statements_at_any_size(visitor, size):
    """Known failure 28: 50 messages of a 10,000-message chat took 1,065."""
    chat_id = visitor.say("hello")["chat_id"]
    chat, sender = Chat.objects.get(), Account.objects.get()
    Message.objects.bulk_create(
        Message(
            channel=chat.channel, platform="WebChat", chat=chat, seq=n, sender=sender, text=str(n), is_outgoing=False,
            reply_to_message=Message.objects.first() if n == 2 else None,
        )
        for n in range(2, size)
    )  # fmt: skip
    middle = Message.objects.get(seq=size // 2).pk
    Message.objects.filter(seq__lt=100).update(changed_at=timezone.now())
    since = (timezone.now() - timedelta(minutes=1)).isoformat()
    for query in (
        {}, {"before": middle}, {"after": middle}, {"limit": 200}, {"branch": "latest"}, {"branch": middle},
        {"after": middle, "changed_since": since},
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            visitor.messages(chat_id, **query)
        assert len(queries) <= 6, (query, [item["sql"] for item in queries])


@pytest.mark.parametrize("size", [10, 1000])
def test_known_failure_28_a_page_of_chats_takes_at_most_six_statements_at_any_size(visitor, web, size):
    """Known failure 28: 20 chats took 24."""
    visitor.say("hello")
    account, last = Account.objects.get(), Message.objects.get()
    chats = [
        Chat(id=f"webchat_{n}", channel=web, platform="WebChat", last_message=last, last_message_at=timezone.now(),
             metadata={"n": n})
        for n in range(1, size)
    ]  # fmt: skip
    Chat.objects.bulk_create(chats)
    AccountChat.objects.bulk_create(AccountChat(account=account, chat=chat) for chat in chats)
    for query in ({}, {"limit": 200}, {"cursor": "webchat_5"}, {"channel_id": web.pk}, {"metadata__n__gte": "3"}):
        with CaptureQueriesContext(connection) as queries:
            visitor.chats(**query)
        assert len(queries) <= 6, (query, [item["sql"] for item in queries])
