"""Decide what is to become of what waits or went wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.admin.conftest import EVIL, act, page
from unicom import dead_letters
from unicom.models import Account, Channel, Chat, Delivery, Job, Message, Request, Update


@pytest.fixture
def delivery(chat: Chat, said: Callable[..., Message]) -> Callable[..., Delivery]:
    """Return a function that makes an outgoing message with one delivery in a state."""

    def make(state: str, **values: Any) -> Delivery:
        message = said("Hello", is_outgoing=True, status=state, seq=None)
        defaults = {"payload": {"text": "Hello"}, "error": f"it is {state}", **values}
        return Delivery.objects.create(message=message, channel=chat.channel, chat=chat, state=state, **defaults)

    return make


def state_of(row: Any) -> str:
    """Return the state in the database."""
    row.refresh_from_db()
    return str(row.state)


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("resend", "failed", "queued"),
        ("resend", "unknown", "queued"),
        ("resend", "sent", "sent"),
        ("dismiss", "unknown", "failed"),
        ("dismiss", "queued", "queued"),
        ("cancel", "queued", "cancelled"),
        ("cancel", "sent", "sent"),
    ],
)
def test_a_delivery_is_acted_on_only_where_that_makes_sense(
    admin_client: Client, delivery: Callable[..., Delivery], action: str, before: str, after: str
) -> None:
    row = delivery(before)
    content = act(admin_client, "delivery", action, row.pk)
    assert state_of(row) == after
    assert ("the action does not apply to it" in content) is (before == after)


def test_what_may_have_arrived_is_listed_with_its_reason_and_what_can_be_done(
    admin_client: Client, delivery: Callable[..., Delivery]
) -> None:
    row = delivery("unknown", error="Telegram took the call and did not answer")
    delivery("sent", error="not to be listed")
    content = admin_client.get(page("delivery"), {"state__exact": "unknown"}).content.decode()
    assert "Telegram took the call and did not answer" in content
    assert "not to be listed" not in content
    assert f'value="{row.pk}"' in content
    assert 'value="resend"' in content and 'value="dismiss"' in content


@pytest.mark.django_db(transaction=True)
def test_a_delivery_sent_again_arrives(admin_client: Client, delivery: Callable[..., Delivery]) -> None:
    row = delivery("failed")
    assert "1 delivery is sent again." in act(admin_client, "delivery", "resend", row.pk)
    assert state_of(row) == "sent"


def test_cancelling_one_part_cancels_the_message_and_counts_what_was_chosen(
    admin_client: Client, delivery: Callable[..., Delivery]
) -> None:
    row = delivery("queued")
    other = Delivery.objects.create(message=row.message, channel=row.channel, chat=row.chat, part=1, at_front=False)
    assert "1 delivery was cancelled." in act(admin_client, "delivery", "cancel", row.pk)
    assert (state_of(row), state_of(other)) == ("cancelled", "cancelled")


def test_actions_on_deliveries_need_the_permission_to_change_them(
    staff: Callable[..., Client], delivery: Callable[..., Delivery]
) -> None:
    row = delivery("failed")
    act(staff("view_delivery"), "delivery", "resend", row.pk)
    assert state_of(row) == "failed"
    operator = staff("change_delivery")
    assert 'name="_save"' not in operator.get(page("delivery", row.pk)).content.decode()
    assert operator.post(page("delivery", row.pk), {"state": "sent"}).status_code == 403
    act(operator, "delivery", "resend", row.pk)
    assert state_of(row) == "queued"


def test_the_tokens_of_buttons_are_not_shown(admin_client: Client, delivery: Callable[..., Delivery]) -> None:
    row = delivery("failed")
    row.payload = {"text": "Hello", "buttons": [[{"text": "Yes", "token": "signed-token"}]]}
    row.save()
    content = admin_client.get(page("delivery", row.pk)).content.decode()
    assert "Yes" in content
    assert "signed-token" not in content


def parked(key: str, **values: Any) -> Job:
    """Make a job that was given up."""
    defaults: dict[str, Any] = {"state": "parked", "attempts": 8, "crashes": 3, "error": EVIL, "next_attempt_at": None}
    return Job.objects.create(kind="nothing", key=key, **{**defaults, **values})


def test_a_parked_job_is_queued_as_if_it_were_new(admin_client: Client, db: Any) -> None:
    row, done = parked("1"), parked("2", state="done")
    before = timezone.now()
    content = act(admin_client, "job", "run_again", row.pk, done.pk)
    assert "1 job is run again." in content
    assert "1 was left as it was" in content
    row.refresh_from_db()
    assert (row.state, row.attempts, row.crashes, row.at_front) == ("queued", 0, 0, True)
    assert row.next_attempt_at is not None
    assert row.next_attempt_at >= before
    assert state_of(done) == "done"


def test_a_parked_job_that_was_queued_anew_is_left_alone(admin_client: Client, db: Any) -> None:
    row = parked("1")
    Job.objects.create(kind="nothing", key="1")
    assert "1 was left as it was" in act(admin_client, "job", "run_again", row.pk)
    assert state_of(row) == "parked"


def test_jobs_are_run_again_only_with_the_permission(staff: Callable[..., Client], db: Any) -> None:
    row = parked("1")
    act(staff("view_job"), "job", "run_again", row.pk)
    assert state_of(row) == "parked"


@pytest.fixture
def internal(db: Any) -> Channel:
    """Return a channel that can read payloads."""
    return Channel.objects.create(name="Inside", platform="Internal")


def kept(channel: Channel, body: bytes) -> Update:
    """Keep a payload as a dead letter."""
    dead_letters.keep(channel, body, error=f"{EVIL} could not be read")
    return Update.objects.latest("id")


def test_dead_letters_are_replayed_and_those_still_unreadable_say_why(admin_client: Client, internal: Channel) -> None:
    good = kept(internal, b'{"sender": "ada", "chat": "room", "text": "Hello"}')
    bad = kept(internal, b"[1]")
    content = act(admin_client, "update", "replay", good.pk, bad.pk)
    assert "1 payload was replayed." in content
    assert "1 still could not be read" in content
    assert (state_of(good), state_of(bad)) == ("replayed", "dead")
    assert Message.objects.get().text == "Hello"
    assert "An internal message is an object" in bad.error


def test_dead_letters_are_discarded(admin_client: Client, internal: Channel) -> None:
    row = kept(internal, b"x")
    assert "1 payload was discarded." in act(admin_client, "update", "discard", row.pk)
    assert state_of(row) == "discarded"


def test_dead_letters_are_acted_on_only_with_the_permission(staff: Callable[..., Client], internal: Channel) -> None:
    row = kept(internal, b'{"sender": "ada", "chat": "room", "text": "Hello"}')
    for action in ("replay", "discard"):
        act(staff("view_update"), "update", action, row.pk)
    assert state_of(row) == "dead"
    assert staff("view_job").get(reverse("admin:unicom_update_body", args=[row.pk])).status_code == 403


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a": "<b>"}', "{\n  &quot;a&quot;: &quot;&lt;b&gt;&quot;\n}"),
        (b"\xff\x00<b>", "\ufffd\x00&lt;b&gt;"),
        (b"y" * 300_000, "300,000 bytes"),
        (b'{"a": "\\ud800"}', "a"),
        (b"[" * 100_000, "[[["),
    ],
)
def test_a_payload_is_shown_escaped_and_cut_and_can_be_had_whole(
    admin_client: Client, internal: Channel, body: bytes, shown: str
) -> None:
    row = kept(internal, body)
    content = admin_client.get(page("update", row.pk)).content.decode()
    assert shown in content
    assert "<script>alert" not in content
    assert len(content) < 80_000
    response = admin_client.get(reverse("admin:unicom_update_body", args=[row.pk]))
    assert response.content == body
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


def test_the_list_of_dead_letters_counts_each_state(admin_client: Client, internal: Channel) -> None:
    kept(internal, b"1")
    kept(internal, b"2")
    content = admin_client.get(page("update")).content.decode()
    assert "dead letter (2)" in content
    assert "replayed (0)" in content.lower()


def test_accounts_are_blocked_and_unblocked(admin_client: Client, staff: Callable[..., Client], chat: Chat) -> None:
    act(staff("view_account"), "account", "block", "toy_ada")
    assert not Account.objects.get().blocked
    assert "1 account was blocked." in act(admin_client, "account", "block", "toy_ada")
    assert Account.objects.get().blocked
    assert "1 account was unblocked." in act(admin_client, "account", "unblock", "toy_ada")
    assert not Account.objects.get().blocked


def test_requests_are_closed_by_hand_unless_they_are_over(admin_client: Client, chat: Chat) -> None:
    rows = [Request.objects.create(channel=chat.channel, chat=chat, status=status) for status in ("QUEUED", "FAILED")]
    content = act(admin_client, "request", "complete", *(row.pk for row in rows))
    assert "1 request was completed." in content
    assert sorted(Request.objects.values_list("status", flat=True)) == ["COMPLETED", "FAILED"]
    assert Request.objects.get(status="COMPLETED").completed_at is not None
