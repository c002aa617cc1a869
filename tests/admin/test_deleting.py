"""Delete in the admin: it works, says in numbers what goes along, and asks for the permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.admin.conftest import act, page
from tests.admin.test_lists import fill
from unicom import models


def delete(client: Client, model: str, pk: Any) -> int:
    """Confirm a deletion; returns the status."""
    return int(client.post(page(model, pk, view="delete"), {"post": "yes"}).status_code)


def test_a_channel_is_deleted_with_all_that_hangs_on_it(admin_client: Client, db: Any) -> None:
    fill(2)
    channel = models.Channel.objects.first()
    assert channel is not None
    content = admin_client.get(page("channel", channel.pk, view="delete")).content.decode()
    assert "1 chat" in content
    assert "1 message" in content
    assert delete(admin_client, "channel", channel.pk) == 302
    assert [model.objects.count() for model in (models.Channel, models.Chat, models.Message)] == [1, 1, 1]


def test_a_chat_is_deleted_with_its_messages(admin_client: Client, db: Any) -> None:
    fill(1)
    assert delete(admin_client, "chat", "chat_0") == 302
    assert not models.Message.objects.exists()
    assert models.Account.objects.exists()


def test_an_account_is_deleted_and_its_messages_stay(admin_client: Client, db: Any) -> None:
    fill(1)
    assert delete(admin_client, "account", "toy_0") == 302
    assert models.Message.objects.get().sender is None


def test_members_groups_templates_drafts_categories_and_suppressions_are_deleted(admin_client: Client, db: Any) -> None:
    fill(1)
    for model in (
        models.Suppression, models.DraftMessage, models.MessageTemplate, models.RequestCategory, models.MemberGroup,
        models.Member,
    ):  # fmt: skip
        row: Any = model._default_manager.first()
        assert delete(admin_client, model._meta.model_name or "", row.pk) == 302
        assert not model._default_manager.exists()
    assert models.Account.objects.get().member is None


def test_a_user_who_wrote_messages_is_deleted_and_the_messages_stay(admin_client: Client, db: Any) -> None:
    fill(1)
    user = User.objects.get(username="writer-0")
    response = admin_client.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"})
    assert response.status_code == 302
    assert not User.objects.filter(pk=user.pk).exists()
    assert models.Message.objects.get().user is None


def test_several_are_deleted_from_the_list(admin_client: Client, db: Any) -> None:
    fill(3)
    data = {"action": "delete_selected", "_selected_action": ["chat_0", "chat_1"]}
    assert "Chats: 2" in admin_client.post(page("chat"), data).content.decode()
    admin_client.post(page("chat"), {**data, "post": "yes"})
    assert list(models.Chat.objects.values_list("pk", flat=True)) == ["chat_2"]


def test_deleting_a_chat_needs_the_permission_to_delete_what_is_in_it(staff: Callable[..., Client], db: Any) -> None:
    fill(1)
    assert delete(staff("delete_chat", "view_chat"), "chat", "chat_0") == 403
    assert models.Chat.objects.exists()
    assert delete(staff("delete_chat", "delete_message", "delete_request"), "chat", "chat_0") == 302
    assert not models.Chat.objects.exists()


def test_what_the_pipeline_wrote_cannot_be_deleted_by_itself(admin_client: Client, db: Any) -> None:
    fill(1)
    for model in ("message", "delivery", "job", "update", "request", "toolcall", "callbackexecution"):
        assert "delete_selected" not in act(admin_client, model, "nothing")
        row: Any = next(item for item in vars(models).values() if getattr(item, "__name__", "").lower() == model)
        assert delete(admin_client, model, row.objects.first().pk) == 403


def test_the_confirmation_does_not_load_the_conversation(
    admin_client: Client, chat: models.Chat, said: Callable[..., models.Message]
) -> None:
    said("private words")
    with CaptureQueriesContext(connection) as captured:
        admin_client.get(page("chat", chat.pk, view="delete"))
    assert not [item for item in captured if '"unicom_message"."html"' in item["sql"]]
