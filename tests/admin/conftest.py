"""Give the tests of the admin a platform, some rows, and staff with just the permissions they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests.admin.toy import ToyAdapter
from unicom.models import Account, AccountChat, Channel, Chat, Message

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(autouse=True)
def toy_platform(settings: Any) -> None:
    """Have a platform ``Toy`` beside the built-in ones."""
    settings.UNICOM_PLATFORMS = {"Toy": "tests.admin.toy.ToyAdapter"}
    ToyAdapter.setups.clear()


@pytest.fixture
def toy(db: Any) -> Channel:
    """Return an active channel with secrets."""
    config: Any = {
        "TOKEN": "stored-token",
        "APP_SECRET": ["first-secret", "second-secret"],
        "OAUTH2": {"client_id": "me", "client_secret": "nested-secret"},
    }
    return Channel.objects.create(name="Shop", platform="Toy", config=config, active=True)


@pytest.fixture
def chat(toy: Channel) -> Chat:
    """Return a conversation with one person."""
    chat = Chat.objects.create(id=f"toy_{toy.pk}_room", channel=toy, external_id="room", name="The room")
    person = Account.objects.create(id="toy_ada", platform="Toy", external_id="ada", name="Ada")
    AccountChat.objects.create(account=person, chat=chat)
    return chat


@pytest.fixture
def said(chat: Chat) -> Callable[..., Message]:
    """Return a function that stores a message of the conversation."""

    def store(text: str = "Hello", **values: Any) -> Message:
        chat.last_seq += 1
        defaults = {"is_outgoing": False, "sender_id": "toy_ada", "sender_name": "Ada", "seq": chat.last_seq}
        message = Message.objects.create(
            **{"channel": chat.channel, "platform": "Toy", "chat": chat, "text": text, **defaults, **values}
        )
        chat.last_message, chat.last_message_at = message, message.timestamp
        chat.save()
        return message

    return store


@pytest.fixture
def staff(db: Any) -> Callable[..., Client]:
    """Return a function that logs in a member of staff with the named permissions of this app, and no others."""

    def log_in(*codenames: str) -> Client:
        user = User.objects.create_user(f"staff-{User.objects.count()}", password="x", is_staff=True)
        found = Permission.objects.filter(content_type__app_label="unicom", codename__in=codenames)
        assert found.count() == len(codenames)
        user.user_permissions.set(found)
        client = Client()
        client.force_login(user)
        return client

    return log_in


def page(model: str, pk: Any = None, *, view: str = "change") -> str:
    """Return the address of a list, or of a page about one row."""
    if pk is None:
        return reverse(f"admin:unicom_{model}_{'changelist' if view == 'change' else view}")
    from django.contrib.admin.utils import quote

    return reverse(f"admin:unicom_{model}_{view}", args=[quote(pk)])


def act(client: Client, model: str, action: str, *pks: Any) -> str:
    """Run an action on rows; returns the page that follows."""
    data = {"action": action, "_selected_action": [str(pk) for pk in pks]}
    return client.post(page(model), data, follow=True).content.decode()
