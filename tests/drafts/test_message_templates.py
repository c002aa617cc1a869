"""Keep templates: their images once, their variants by platform, and a list of them for whoever composes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests.pipeline.conftest import PNG
from unicom.models import Channel, MessageTemplate, TemplateInlineImage, TemplateVariant

pytestmark = pytest.mark.django_db
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
LIST = "/unicom/api/message-templates/"


def test_images_of_a_template_are_stored_once_and_come_back_as_data(client: Client, stored_files: Any) -> None:
    """Known failure 14: images of a template did not come back as data URIs."""
    before = len(stored_files())
    html = f'<p><img src="{URI}" alt="a"><IMG alt=b src=\'{URI}\'></p>'
    template = MessageTemplate.objects.create(title="With a picture", content=html)
    image = template.inline_images.get()
    place = reverse("template_inline_image", args=[image.pk])
    assert template.content == f'<p><img src="{place}" alt="a"><IMG alt=b src=\'{place}\'></p>'
    assert template.html_with_base64_images == html
    template.content += f'<img src="{URI}">'
    template.save()
    assert len(stored_files()) == before + 1
    template.refresh_from_db()
    assert template.content.count(place) == 3
    response = client.get(place)
    assert (response.status_code, response["Content-Type"], b"".join(response)) == (200, "image/png", PNG)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in response["Cache-Control"]
    response.close()


def test_the_address_is_whole_where_the_project_has_an_origin(settings: Any) -> None:
    settings.DJANGO_PUBLIC_ORIGIN = "https://shop.example"
    template = MessageTemplate.objects.create(title="x", content=f'<img src="{URI}">')
    assert template.content.startswith('<img src="https://shop.example/unicom/t/')
    assert template.html_with_base64_images == f'<img src="{URI}">'


@pytest.mark.parametrize(
    "source",
    [
        "data:image/png;base64,bm8gaW1hZ2U=",
        "data:image/png;base64,%%%",
        "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=",
        "data:text/html;base64,PHA+",
        "https://example.org/" + "0" * 32 + "/",
        "/unicom/t/" + "0" * 32 + "/",
    ],
)
def test_what_is_no_image_of_ours_stays_as_it_is(source: str) -> None:
    html = f'<img src="{source}">'
    template = MessageTemplate.objects.create(title="x", content=html)
    assert (template.content, template.html_with_base64_images) == (html, html)
    assert not TemplateInlineImage.objects.exists()


def test_an_image_that_is_gone_stays_an_address(client: Client) -> None:
    template = MessageTemplate.objects.create(title="x", content=f'<img src="{URI}">')
    image = template.inline_images.get()
    image.file.storage.delete(str(image.file.name))
    assert template.html_with_base64_images == template.content
    assert client.get(reverse("template_inline_image", args=[image.pk])).status_code == 404
    assert client.get(reverse("template_inline_image", args=["0" * 32])).status_code == 404


def test_a_platform_may_have_words_of_its_own(channel: Channel, website: Channel) -> None:
    template = MessageTemplate.objects.create(title="Hello", content="<p>Hello {{ variables.name }}</p>")
    TemplateVariant.objects.create(template=template, platform="WebChat", text="Hi {{ variables.name }}", subject="No")
    TemplateVariant.objects.create(template=template, platform="Memory", html="<b>Hey {{ variables.name }}</b>")
    assert template.content_for(website) == {"text": "Hi {{ variables.name }}"}
    assert template.content_for(channel) == {"html": "<b>Hey {{ variables.name }}</b>"}
    other = Channel.objects.create(name="Inside", platform="Internal")
    assert template.content_for(other) == {"html": "<p>Hello {{ variables.name }}</p>"}
    values = {"chat_id": "new", "render_variables": {"name": "Ann"}}
    assert channel.send_message({**template.content_for(channel), **values}).html == "<b>Hey Ann</b>"


def test_images_of_variants_are_kept_beside_the_template_s() -> None:
    template = MessageTemplate.objects.create(title="x", content=f'<img src="{URI}">')
    variant = TemplateVariant.objects.create(template=template, platform="Memory", html=f'<b><img src="{URI}"></b>')
    assert variant.html == f"<b>{template.content}</b>"
    assert template.inline_images.count() == 1


@pytest.fixture
def staff(client: Client) -> Callable[..., Client]:
    """Return a function that logs in a user with these permissions."""

    def log_in(*codenames: str, is_staff: bool = True) -> Client:
        user = User.objects.create_user(f"user{User.objects.count()}", is_staff=is_staff)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return log_in


def test_staff_who_may_view_templates_can_list_them(
    staff: Callable[..., Client], channel: Channel, website: Channel, django_assert_max_num_queries: Any
) -> None:
    everywhere = MessageTemplate.objects.create(title="A", description="for all", content="<p>a</p>", category="c")
    here = MessageTemplate.objects.create(title="B", content="<p>b</p>", category="c")
    here.channels.add(channel)
    MessageTemplate.objects.create(title="C", content="<p>c</p>", category="d").channels.add(website)
    TemplateVariant.objects.create(template=here, platform="Memory", html="<p>b here</p>", subject="S")
    client = staff("view_messagetemplate")
    assert [row["title"] for row in client.get(LIST).json()] == ["A", "B", "C"]
    with django_assert_max_num_queries(7):
        found = client.get(LIST, {"channel_id": channel.pk}).json()
    assert [list(row) for row in found] == [["id", "title", "description", "content", "category", "subject"]] * 2
    assert [(row["id"], row["content"], row["subject"]) for row in found] == [
        (everywhere.pk, "<p>a</p>", ""),
        (here.pk, "<p>b here</p>", "S"),
    ]


def test_nobody_else_can(staff: Callable[..., Client], client: Client) -> None:
    MessageTemplate.objects.create(title="A", content="secret")
    for caller in (client, staff(), staff("view_messagetemplate", is_staff=False)):
        response = caller.get(LIST)
        assert response.status_code == 403
        assert json.loads(response.content)["error"] in ("Staff only.", "You may not do that.")
    allowed = staff("view_messagetemplate")
    assert allowed.get(LIST, {"channel_id": "x"}).status_code == 400
    assert allowed.get(LIST, {"channel_id": "999"}).json() == {"error": "channel_id: there is no channel 999."}
    assert allowed.post(LIST).status_code == 405
