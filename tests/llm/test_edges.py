"""The command and the endpoints that ask models, or show what they would read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from tests.llm import shop  # noqa: F401  importing it registers the tools
from unicom.errors import ModelError
from unicom.models import Message, MessageTemplate
from unicom.testing import FakeModel, call

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    def make(*permissions: str) -> Client:
        user = User.objects.create_user(f"user{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.mark.django_db(transaction=True)
def test_the_command_answers_a_message_by_its_text_id(wrote):
    """Known failure 11."""
    message = wrote("Do you have teapots?")
    assert isinstance(message.pk, str)
    out = io.StringIO()
    with FakeModel([call("stock", item="teapot"), "Two."]) as model:
        call_command("run_as_llm_chat", message.pk, "--model", "gpt-4", "--tools", "stock", stdout=out)
    assert out.getvalue() == "Two.\n"
    assert model.prompts[0].model == "gpt-4"
    assert Message.objects.get(is_outgoing=True).reply_to_message == message


@pytest.mark.django_db(transaction=True)
def test_the_command_says_why_there_is_no_answer(wrote):
    message = wrote("Hello")
    with pytest.raises(CommandError, match="There is no message 'x'"):
        call_command("run_as_llm_chat", "x")
    with pytest.raises(CommandError, match=r"tools\[0\]: 'nothing' is not a tool"):
        call_command("run_as_llm_chat", message.pk, "--tools", "nothing")
    with FakeModel([ModelError("no such model")]), pytest.raises(CommandError, match="no such model"):
        call_command("run_as_llm_chat", message.pk)


def test_staff_see_what_a_model_would_read(wrote, staff):
    message = wrote("Hello")
    url = f"/unicom/api/message/{message.pk}/as_llm_chat/"
    answer = staff("view_message").get(url, {"mode": "thread", "depth": "5"})
    assert answer.json() == {
        "success": True,
        "mode": "thread",
        "depth": 5,
        "message_count": 1,
        "data": [{"role": "user", "content": "Hello"}],
    }
    assert Client().get(url).status_code == 403
    assert staff().get(url).status_code == 403
    assert staff("view_message").post(url).status_code == 405
    client = staff("view_message")
    assert client.get("/unicom/api/message/none/as_llm_chat/").status_code == 404
    for bad in ({"depth": "0"}, {"depth": "x"}, {"mode": "all"}):
        refused = client.get(url, bad)
        assert (refused.status_code, list(refused.json())) == (400, ["error"])


@pytest.fixture
def template():
    return MessageTemplate.objects.create(title="Welcome", content="<h1>Welcome {{name}}!</h1>")


@pytest.mark.parametrize("said", ["<h1>Welcome Ann!</h1>", "```html\n<h1>Welcome Ann!</h1>\n```"])
def test_a_template_is_filled_in(template, said):
    with FakeModel([said]) as model:
        assert template.populate(html_prompt="User name is Ann", model="gpt-4") == "<h1>Welcome Ann!</h1>"
    asked = model.prompts[0].messages[1]["content"]
    assert template.content in asked
    assert "User name is Ann" in asked


def test_the_endpoint_fills_a_template_in(template, staff):
    url = "/unicom/api/message-templates/populate/"
    client = staff("view_messagetemplate")

    def post(by: Client = client, **data: Any) -> Any:
        return by.post(url, data, content_type="application/json")

    with FakeModel(["<h1>Welcome Ann!</h1>", ModelError("429: busy", retryable=True)]) as model:
        answer = post(template_id=template.pk, html_prompt="Ann", model="gpt-4")
        assert (answer.status_code, answer.json()) == (200, {"html": "<h1>Welcome Ann!</h1>"})
        assert model.prompts[0].model == "gpt-4"
        busy = post(template_id=template.pk, html_prompt="Ann")
        assert (busy.status_code, busy.json()) == (502, {"error": "The model gave no answer: 429: busy"})
    assert post(template_id=template.pk).json() == {"error": "html_prompt: required."}
    assert post(template_id=10**9, html_prompt="x").status_code == 404
    assert post(Client(), template_id=template.pk, html_prompt="x").status_code == 403
    assert post(staff(), template_id=template.pk, html_prompt="x").status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="user0"))
    assert post(strict, template_id=template.pk, html_prompt="x").status_code == 403
