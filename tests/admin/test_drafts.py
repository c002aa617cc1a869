"""Prepare and approve drafts, and write categories and suppressions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.admin.conftest import EVIL, act, page
from unicom.models import Channel, Chat, DraftMessage, MessageTemplate, RequestCategory, Suppression

JSON = {
    "buttons": "[]", "render_variables": "{}", "attachments-TOTAL_FORMS": "0", "attachments-INITIAL_FORMS": "0",
}  # fmt: skip


def draft(channel: Channel, **values: Any) -> DraftMessage:
    """Make a draft."""
    return DraftMessage.objects.create(channel=channel, **{"chat_id": "room", "text": "Hello", **values})


def post(client: Client, row: DraftMessage | None, **values: Any) -> Any:
    """Save a draft's form."""
    address = page("draftmessage", row.pk) if row else page("draftmessage", view="add")
    return client.post(address, {**JSON, **values})


def test_a_draft_approved_with_a_time_becomes_scheduled(admin_client: Client, admin_user: Any, toy: Channel) -> None:
    values = {"channel": toy.pk, "chat_id": "room", "text": "Hello", "is_approved": "on"}
    assert post(admin_client, None, **values, send_at_0="2030-01-01", send_at_1="12:00").status_code == 302
    row = DraftMessage.objects.get()
    assert (row.status, row.is_approved, row.created_by) == ("scheduled", True, admin_user)


def test_a_draft_without_approval_or_time_stays_a_draft(admin_client: Client, toy: Channel) -> None:
    values = {"channel": toy.pk, "chat_id": "room", "text": "Hello"}
    post(admin_client, None, **values, send_at_0="2030-01-01", send_at_1="12:00")
    post(admin_client, None, **values, is_approved="on")
    assert set(DraftMessage.objects.values_list("status", flat=True)) == {"draft"}


def test_taking_the_approval_back_unschedules(admin_client: Client, toy: Channel) -> None:
    row = draft(toy, is_approved=True, status="scheduled", send_at=timezone.now() + timedelta(days=1))
    post(admin_client, row, channel=toy.pk, chat_id="room", text="Hello", send_at_0="2030-01-01", send_at_1="12:00")
    row.refresh_from_db()
    assert (row.status, row.is_approved) == ("draft", False)


def test_addresses_are_typed_one_a_line(admin_client: Client, toy: Channel) -> None:
    post(admin_client, None, channel=toy.pk, to="a@example.org\r\n\r\n b@example.org", html="<p>Hi</p>")
    row = DraftMessage.objects.get()
    assert (row.to, row.cc) == (["a@example.org", "b@example.org"], [])
    assert "a@example.org\nb@example.org</textarea>" in admin_client.get(page("draftmessage", row.pk)).content.decode()


def test_a_draft_for_nobody_or_of_nothing_is_refused(admin_client: Client, toy: Channel, chat: Chat) -> None:
    other = Channel.objects.create(name="Inside", platform="Internal")
    for values in ({"text": "Hello"}, {"chat_id": "room"}, {"channel": other.pk, "chat_id": chat.pk, "text": "Hello"}):
        response = post(admin_client, None, **{"channel": toy.pk, **values})
        assert response.context["errors"]
    assert not DraftMessage.objects.exists()


def test_a_sent_draft_cannot_be_made_a_draft_again(admin_client: Client, toy: Channel) -> None:
    row = draft(toy, status="sent", is_approved=True)
    assert post(admin_client, row, channel=toy.pk, chat_id="room", text="Again").status_code == 403
    assert admin_client.get(page("draftmessage", row.pk)).status_code == 200
    act(admin_client, "draftmessage", "approve", row.pk)
    act(admin_client, "draftmessage", "cancel_drafts", row.pk)
    row.refresh_from_db()
    assert (row.status, row.text) == ("sent", "Hello")


def test_approving_needs_the_permission_to_send(staff: Callable[..., Client], toy: Channel) -> None:
    row = draft(toy, send_at=timezone.now() + timedelta(days=1))
    writer = staff("view_draftmessage", "add_draftmessage", "change_draftmessage")
    values = {"channel": toy.pk, "chat_id": "room", "text": "Changed", "is_approved": "on"}
    assert post(writer, row, **values).status_code == 302
    act(writer, "draftmessage", "approve", row.pk)
    row.refresh_from_db()
    assert (row.text, row.is_approved, row.status) == ("Changed", False, "draft")


def test_what_was_approved_is_changed_only_by_who_may_send(staff: Callable[..., Client], toy: Channel) -> None:
    row = draft(toy, send_at=timezone.now() + timedelta(days=1))
    approver = staff("change_draftmessage", "add_message")
    assert "1 draft was approved." in act(approver, "draftmessage", "approve", row.pk)
    row.refresh_from_db()
    assert row.status == "scheduled" or row.send_at is None
    writer = staff("change_draftmessage")
    assert post(writer, row, channel=toy.pk, chat_id="room", text="Smuggled").status_code == 403
    act(writer, "draftmessage", "cancel_drafts", row.pk)
    row.refresh_from_db()
    assert (row.text, row.status) == ("Hello", "cancelled")


def test_the_html_of_drafts_and_templates_is_only_previewed_in_a_frame(admin_client: Client, toy: Channel) -> None:
    rows = [("draftmessage", draft(toy, html=EVIL).pk)]
    rows += [("messagetemplate", MessageTemplate.objects.create(title=EVIL, description=EVIL, content=EVIL).pk)]
    for model, pk in rows:
        for address in (page(model), page(model, pk)):
            content = admin_client.get(address).content.decode()
            assert "<script>alert" not in content
            assert "<img src=x" not in content
        assert 'sandbox=""' in content


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def process(request):\n    return request._secret", "_secret"),
        ("def process(request:", "was never closed"),
        ("x = 1\x00", ""),
    ],
)
def test_code_that_may_not_run_is_refused_when_it_is_written(
    admin_client: Client, db: Any, code: str, problem: str
) -> None:
    response = admin_client.post(
        page("requestcategory", view="add"), {"name": "Orders", "sequence": 0, "processing_function": code}
    )
    assert response.status_code == 200
    assert problem in str(response.context["errors"])
    assert not RequestCategory.objects.exists()


def test_code_that_may_run_is_kept(admin_client: Client, db: Any) -> None:
    code = "def process(request):\n    return 'order' in request.message.text"
    admin_client.post(
        page("requestcategory", view="add"), {"name": "Orders", "sequence": 0, "processing_function": code}
    )
    assert RequestCategory.objects.get().processing_function.replace("\r\n", "\n") == code


def test_a_category_cannot_be_its_own_ancestor(admin_client: Client, db: Any) -> None:
    top = RequestCategory.objects.create(name="Top")
    below = RequestCategory.objects.create(name="Below", parent=top)
    data = {"name": "Top", "sequence": 0, "parent": below.pk}
    content = admin_client.post(page("requestcategory", top.pk), data).content.decode()
    assert "A category cannot be below itself." in content


def test_a_suppression_is_for_somebody(admin_client: Client, toy: Channel, chat: Chat) -> None:
    address = page("suppression", view="add")
    response = admin_client.post(address, {"channel": toy.pk, "reason": "asked"})
    assert "Give an account or an address." in response.content.decode()
    assert admin_client.post(address, {"channel": toy.pk, "reason": "asked", "account": "toy_ada"}).status_code == 302
    assert Suppression.objects.get().account_id == "toy_ada"
