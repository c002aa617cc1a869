"""Open every page: the same number of queries at any size, and nothing without the permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.admin.conftest import EVIL, page
from unicom import models
from unicom.admin.base import COUNT_CAP, CappedPaginator
from unicom.admin.display import HTML_CAP, html_preview

SHOWN = sorted(model._meta.model_name or "" for model in admin.site._registry if model._meta.app_label == "unicom")
CONFIG: Any = {"TOKEN": "x"}
HIDDEN = {"ChannelState", "IdempotencyKey", "InboundReceipt", "AccountChat", "AccountIdentity"}


def fill(count: int) -> None:
    """Make rows of everything, each with relations and markup of its own."""
    for _ in range(count):
        n = models.Message.objects.count()
        channel = models.Channel.objects.create(name=f"Channel {n}", platform="Toy", config=CONFIG, error=EVIL)
        user = User.objects.create_user(f"writer-{n}")
        member = models.Member.objects.create(name=f"Member {n}{EVIL}", user=user)
        models.MemberGroup.objects.create(name=f"Group {n}{EVIL}").members.add(member)
        account = models.Account.objects.create(
            id=f"toy_{n}", platform="Toy", external_id=str(n), name=EVIL, member=member
        )
        models.AccountIdentity.objects.create(account=account, kind="phone", value=EVIL)
        chat = models.Chat.objects.create(id=f"chat_{n}", channel=channel, name=EVIL)
        models.AccountChat.objects.create(account=account, chat=chat)
        message = models.Message.objects.create(
            channel=channel, platform="Toy", chat=chat, sender=account, user=user, text=EVIL, seq=1, is_outgoing=True
        )
        models.Chat.objects.filter(pk=chat.pk).update(last_message=message)
        models.Delivery.objects.create(message=message, channel=channel, chat=chat, error=EVIL)
        category = models.RequestCategory.objects.create(name=f"Category {n}{EVIL}")
        request = models.Request.objects.create(
            message=message, channel=channel, chat=chat, account=account, member=member, category=category, error=EVIL
        )
        call = models.ToolCall.objects.create(
            tool_name=EVIL, request=request, chat=chat, arguments={"x": EVIL}, result=EVIL, error=EVIL
        )
        models.CallbackExecution.objects.create(
            text=EVIL, callback_data=EVIL, channel=channel, message=message, account=account, tool_call=call
        )
        models.Update.objects.create(channel=channel, body=EVIL.encode(), digest=str(n), error=EVIL)
        models.Job.objects.create(kind="nothing", key=str(n), state="done", error=EVIL, args={"x": EVIL})
        models.Suppression.objects.create(channel=channel, account=account, reason=EVIL)
        models.DraftMessage.objects.create(channel=channel, chat_id=chat.pk, subject=EVIL, created_by=user)
        models.PlatformTemplate.objects.create(
            channel=channel, name=f"t{n}", language="en", status=EVIL[:30], components=[{"type": "BODY", "text": EVIL}]
        )
        models.MessageTemplate.objects.create(title=EVIL, description=EVIL, content=EVIL).channels.add(channel)


def queries(client: Client, address: str) -> int:
    """Return how many statements a page takes."""
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(address)
    assert response.status_code == 200
    content = response.content.decode()
    assert "<script>alert" not in content, address
    assert "<img src=x" not in content, address
    return len(captured)


def test_every_model_an_operator_works_with_has_its_pages() -> None:
    shown = {model.__name__ for model in admin.site._registry if model._meta.app_label == "unicom"}
    assert {
        "Account", "CallbackExecution", "Channel", "Chat", "Delivery", "DraftMessage", "Job", "Member", "MemberGroup",
        "Message", "MessageTemplate", "PlatformTemplate", "Request", "RequestCategory", "Suppression", "ToolCall",
        "Update",
    } == shown  # fmt: skip
    assert not shown & HIDDEN


@pytest.mark.parametrize("model", SHOWN)
def test_a_list_takes_the_same_number_of_queries_at_any_size(admin_client: Client, db: Any, model: str) -> None:
    fill(2)
    few = queries(admin_client, page(model))
    fill(12)
    assert queries(admin_client, page(model)) == few
    assert few <= 12


@pytest.mark.parametrize("model", SHOWN)
def test_every_page_opens_and_shows_markup_as_text(admin_client: Client, db: Any, model: str) -> None:
    fill(1)
    row = admin.site._registry[
        models.__dict__[next(n for n in models.__all__ if n.lower() == model)]
    ].model.objects.first()
    assert row is not None
    queries(admin_client, page(model, row.pk))
    queries(admin_client, page(model, row.pk, view="history"))
    queries(admin_client, page(model) + "?q=zzz")
    queries(admin_client, page(model) + "?_facets=True")


def test_a_conversation_takes_the_same_number_of_queries_at_any_length(
    admin_client: Client, chat: models.Chat, said: Callable[..., models.Message]
) -> None:
    def talk(count: int) -> None:
        for _ in range(count):
            message = said("Hello")
            models.Attachment.objects.create(message=message, name="file")
            said("Hi", is_outgoing=True, status="sent", reply_to_message=message)

    talk(2)
    queries(admin_client, page("chat", chat.pk))  # the first page of a process also looks the content types up
    few = queries(admin_client, page("chat", chat.pk))
    talk(80)
    assert queries(admin_client, page("chat", chat.pk)) == few


@pytest.mark.parametrize("model", SHOWN)
def test_staff_without_permissions_sees_nothing(staff: Callable[..., Client], db: Any, model: str) -> None:
    fill(1)
    client = staff()
    assert client.get(page(model)).status_code == 403


@pytest.mark.parametrize("model", SHOWN)
def test_whoever_may_only_look_can_look_and_save_nothing(staff: Callable[..., Client], db: Any, model: str) -> None:
    fill(1)
    client = staff(f"view_{model}")
    row = admin.site._registry[
        models.__dict__[next(n for n in models.__all__ if n.lower() == model)]
    ].model.objects.first()
    assert row is not None
    content = client.get(page(model, row.pk)).content.decode()
    assert "<script>alert" not in content
    assert 'name="_save"' not in content
    assert client.post(page(model, row.pk), {}).status_code == 403
    assert client.post(page(model, row.pk, view="delete"), {"post": "yes"}).status_code == 403
    assert client.get(page(model)).status_code == 200


def test_counting_stops_where_nobody_pages_any_more(db: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert CappedPaginator(models.Message.objects.order_by("id"), 50).count == 0
    assert f"LIMIT {COUNT_CAP}" in captured[0]["sql"]


def test_monstrous_html_is_shown_as_source_only() -> None:
    for html in ("<div>" * 40_000, "<div></b>" * 20_000, "x" * (HTML_CAP + 1)):
        shown = html_preview(html)
        assert "<iframe" not in shown
        assert "be previewed" in shown
    assert "<iframe" in html_preview("<p>short</p>" * 2_000)
