"""Give the tests a web chat and its visitors: guests and users, each with a browser of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.pipeline.conftest import connect, drain, later, memory_platform, stored_files, wire  # noqa: F401
from unicom.models import Channel, Chat, Message


class Visitor:
    """Be a visitor's browser: it keeps cookies, and talks JSON."""

    def __init__(self, *, csrf: bool = False) -> None:
        self.client = Client(enforce_csrf_checks=csrf)

    def call(self, method: str, path: str, data: Any = None, **more: Any) -> Any:
        """Make a request with a JSON body; ``path`` is below ``/unicom/webchat/``."""
        if data is not None:
            more |= {"data": data if isinstance(data, str | bytes) else json.dumps(data)}
            more.setdefault("content_type", "application/json")
        return getattr(self.client, method)(f"/unicom/webchat/{path}", **more)

    def send(self, text: str = "hello", **more: Any) -> Any:
        """Send a message; returns the response."""
        return self.call("post", "send/", {"text": text, **more})

    def say(self, text: str = "hello", **more: Any) -> dict[str, Any]:
        """Send a message that is taken; returns the answer."""
        response = self.send(text, **more)
        assert response.status_code == 200, response.content
        answer: dict[str, Any] = response.json()
        return answer

    def upload(self, content: bytes, name: str, content_type: str = "application/octet-stream", **more: Any) -> Any:
        """Send a form with a file."""
        from django.core.files.uploadedfile import SimpleUploadedFile

        media = SimpleUploadedFile(name, content, content_type=content_type)
        return self.client.post("/unicom/webchat/send/", {"media": media, **more})

    def get(self, path: str, **query: Any) -> Any:
        """Get a page."""
        return self.client.get(f"/unicom/webchat/{path}", query)

    def download(self, url: str) -> tuple[Any, bytes]:
        """Get a file; returns the response and the content."""
        response: Any = self.client.get(url)
        return response, b"".join(response.streaming_content) if response.streaming else response.content

    def messages(self, chat_id: str, **query: Any) -> dict[str, Any]:
        """Return a page of a chat of theirs."""
        response = self.get("messages/", chat_id=chat_id, **query)
        assert response.status_code == 200, response.content
        page: dict[str, Any] = response.json()
        return page

    def chats(self, **query: Any) -> dict[str, Any]:
        """Return their list of chats."""
        response = self.get("chats/", **query)
        assert response.status_code == 200, response.content
        page: dict[str, Any] = response.json()
        return page

    def chat_ids(self, **query: Any) -> list[str]:
        """Return the ids of their chats, newest activity first."""
        return [chat["id"] for chat in self.chats(**query)["chats"]]


@pytest.fixture
def web(db: Any) -> Channel:
    """Return a web chat, made as documented."""
    return Channel.objects.create(name="Customer Support WebChat", platform="WebChat")


@pytest.fixture
def shop(db: Any) -> Channel:
    """Return a web chat that pages of another site may show."""
    from tests.webchat.embedding import embedded_channel

    return embedded_channel()


@pytest.fixture
def guest(web: Channel) -> Visitor:
    """Return a visitor who is not logged in."""
    return Visitor()


@pytest.fixture
def stranger(web: Channel) -> Visitor:
    """Return another guest, who has written as well."""
    visitor = Visitor()
    visitor.say("I am somebody else")
    return visitor


@pytest.fixture
def new_user(web: Channel, django_user_model: Any) -> Callable[..., Visitor]:
    """Return a function that makes a user of the site, logged in."""

    def make(name: str = "ann", **more: Any) -> Visitor:
        visitor = Visitor()
        visitor.client.force_login(django_user_model.objects.create_user(name, password="pw", **more))
        return visitor

    return make


@pytest.fixture
def user(new_user: Callable[..., Visitor]) -> Visitor:
    """Return a user of the site, logged in."""
    return new_user("ann", first_name="Ann", last_name="Lee")


@pytest.fixture(params=["guest", "user"])
def visitor(request: pytest.FixtureRequest) -> Visitor:
    """Return a visitor of either kind."""
    found: Visitor = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def chat(guest: Visitor) -> Chat:
    """Return a chat the guest has begun."""
    return Chat.objects.get(pk=guest.say("hello")["chat_id"])


def click(visitor: Visitor, carrier: Message, **more: Any) -> Any:
    """Click the one button of ``carrier`` that calls back."""
    button = carrier.callback_executions.get().pk
    return visitor.call("post", "button-click/", {"callback_execution_id": button, **more})
