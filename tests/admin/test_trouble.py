"""What breaks on a page of staff's is told to the log, and to nobody's browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.admin.conftest import page
from unicom.models import Chat, MessageTemplate

SECRET = "password=hunter2"


def broken(*_: Any, **__: Any) -> Any:
    """Fail, saying what nobody should read."""
    raise RuntimeError(SECRET)


@pytest.fixture
def calm(admin_client: Client) -> Client:
    """Return a superuser's browser that is given the page of an error, as browsers are."""
    admin_client.raise_request_exception = False
    return admin_client


def test_known_failure_24_errors_of_staff_s_endpoints_carry_no_exception_text(
    calm: Client, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, template = said("Hello"), MessageTemplate.objects.create(title="t")
    for place in ("models.Message.as_llm_chat", "models.MessageTemplate.populate", "access.visible"):
        monkeypatch.setattr(f"unicom.{place}", broken)
    body = json.dumps({"template_id": template.pk, "html_prompt": "x"})
    responses = [
        calm.get(reverse("message_as_llm_chat", args=[message.pk])),
        calm.get(reverse("message_templates")),
        calm.post(reverse("populate_message_template"), body, content_type="application/json"),
    ]
    for response in responses:
        assert (response.status_code, response.json()) == (500, {"error": "Something went wrong on our side."})


def test_known_failure_24_pages_of_the_admin_carry_no_exception_text(
    calm: Client, chat: Chat, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said("Hello")
    monkeypatch.setattr("unicom.admin.conversation.load", broken)
    monkeypatch.setattr("unicom.models.Chat.send_message", broken)
    address = page("chat", chat.pk)
    live, reply = (reverse(f"admin:unicom_chat_{name}", args=[chat.pk]) for name in ("live", "reply"))
    responses = [calm.get(address), calm.get(live), calm.post(live), calm.post(reply, {"text": "x"})]
    for response in responses:
        assert response.status_code == 500
        assert SECRET not in response.content.decode() and "RuntimeError" not in response.content.decode()


def test_an_id_that_no_database_can_hold_is_404(calm: Client) -> None:
    assert calm.get("/unicom/api/message/a%00b/as_llm_chat/").status_code == 404
