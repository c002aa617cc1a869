"""Send drafts at their time, once, and say what became of each."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from unicom import outbound, scheduling
from unicom.errors import InvalidMessage
from unicom.models import (
    Account,
    AccountChat,
    Attachment,
    Channel,
    Chat,
    Delivery,
    DraftAttachment,
    DraftMessage,
    Member,
    Message,
)
from unicom.scheduling import process_scheduled_messages
from unicom.services.crossplatform import scheduler
from unicom.testing.memory import Wire

Make = Callable[..., DraftMessage]


def now(**shift: float) -> Any:
    return timezone.now() + timedelta(**shift)


def test_the_documented_path_is_the_scheduler() -> None:
    assert scheduler.process_scheduled_messages is process_scheduled_messages


def test_what_is_due_is_handed_to_the_outbox_and_the_rest_waits(draft: Make, wire: Wire, drain: Any) -> None:
    sent = draft(text="Now")
    waiting = [
        draft(send_at=now(hours=1)),
        draft(is_approved=False),
        draft(send_at=None),
        draft(status="cancelled"),
        draft(status="failed"),
    ]
    assert process_scheduled_messages() == {"total_due": 1, "sent": 1, "failed": 0}
    drain()
    sent.refresh_from_db()
    assert (sent.status, sent.message.text, [part.text for part in wire.parts]) == ("sent", "Now", ["Now"])
    assert sent.sent_at is not None
    assert timedelta(seconds=59) < sent.late_by < timedelta(seconds=90)
    for row in waiting:
        row.refresh_from_db()
    assert [row.status for row in waiting] == ["scheduled", "draft", "draft", "cancelled", "failed"]
    assert process_scheduled_messages() == {"total_due": 0, "sent": 0, "failed": 0}


def test_one_approved_with_a_time_becomes_scheduled_wherever_it_is_saved(draft: Make) -> None:
    """Known failure 13: a draft made "approved" with a time did not become scheduled."""
    assert draft(send_at=now(days=1)).status == "scheduled"
    row = draft(send_at=now(days=1), is_approved=False)
    assert row.status == "draft"
    row.is_approved = True
    row.save(update_fields=["is_approved"])
    row.refresh_from_db()
    assert row.status == "scheduled"
    row.is_approved = False
    row.save()
    assert row.status == "draft"
    unapproved = draft(send_at=now(days=1), is_approved=False, status="scheduled")
    assert unapproved.status == "draft"


def test_a_failing_draft_is_not_tried_for_ever(draft: Make, chat: Chat) -> None:
    """Known failure 18: a failing draft was tried again and again."""
    rows = [draft(text="{{ variables.nme }}"), draft(chat_id="memory_nobody"), draft(text=""), draft(buttons=[["x"]])]
    good = draft()
    assert process_scheduled_messages() == {"total_due": 5, "sent": 1, "failed": 4}
    for row in [*rows, good]:
        row.refresh_from_db()
    assert [row.status for row in rows] == ["failed"] * 4
    assert rows[0].error == "text: line 1: 'variables.nme' is undefined"
    assert rows[1].error == "chat_id: 'memory_nobody' is not a chat of channel 'Memory'"
    assert rows[2].error == "text: required: a message needs text, html or a file"
    assert "buttons" in rows[3].error
    assert good.status == "sent"
    assert process_scheduled_messages()["total_due"] == 0
    assert Message.objects.count() == 1
    rows[0].text = "Mended"
    rows[0].save()
    assert rows[0].approve()
    assert process_scheduled_messages() == {"total_due": 1, "sent": 1, "failed": 0}


def test_a_draft_outlives_its_channel_and_says_so(draft: Make, channel: Channel) -> None:
    row = draft()
    channel.delete()
    assert process_scheduled_messages() == {"total_due": 1, "sent": 0, "failed": 1}
    row.refresh_from_db()
    assert row.error == "channel: required: the one it was for has been deleted"


def test_a_channel_that_is_not_active_fails_its_drafts_alone(draft: Make, website: Channel) -> None:
    off = Channel.objects.create(name="Off", platform="Memory")
    gone = Channel.objects.create(name="Gone", platform="Memory", active=True)
    Channel.objects.filter(pk=gone.pk).update(platform="Nowhere")
    rows = [draft(channel=off, chat_id="x"), draft(channel=gone, chat_id="x"), draft()]
    assert process_scheduled_messages() == {"total_due": 3, "sent": 1, "failed": 2}
    for row in rows:
        row.refresh_from_db()
    assert rows[0].error == "channel: 'Off' is not active (call validate() or save it in the admin)"
    assert "Nowhere" in rows[1].error


def test_a_draft_that_nobody_foresaw_fails_alone(draft: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [draft(text="a"), draft(text="bad"), draft(text="c")]
    build = outbound._build

    def breaks(prepared: Any, stored: list[str]) -> Any:
        if prepared.wish.text == "bad":
            raise ZeroDivisionError("secret detail")
        return build(prepared, stored)

    monkeypatch.setattr(outbound, "_build", breaks)
    assert process_scheduled_messages() == {"total_due": 3, "sent": 2, "failed": 1}
    rows[1].refresh_from_db()
    assert rows[1].error == "it could not be sent (ZeroDivisionError)"
    assert sorted(Message.objects.values_list("text", flat=True)) == ["a", "c"]


def test_trouble_with_the_database_leaves_all_of_it_due(draft: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [draft(), draft()]

    def away(*args: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(outbound, "_insert", away)
    with pytest.raises(OperationalError):
        process_scheduled_messages()
    monkeypatch.undo()
    assert not Message.objects.exists()
    assert process_scheduled_messages()["sent"] == len(rows)


def test_a_batch_that_another_process_has_touched_is_undone(draft: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    draft(), draft()
    read = scheduling._dealt_with
    stolen: list[int] = []

    def with_a_thief(drafts: Any, stored: list[str]) -> Any:
        if not stolen:
            stolen.append(drafts[0].pk)
            outcome = read(drafts, stored)
            DraftMessage.objects.filter(pk=drafts[0].pk).update(status="cancelled")
            return outcome
        return read(drafts, stored)

    monkeypatch.setattr(scheduling, "_dealt_with", with_a_thief)
    # The thief is of the same transaction here, so what it did is undone with the batch: both are sent, once.
    assert process_scheduled_messages()["sent"] == 2
    assert Message.objects.count() == 2


def test_drafts_of_one_chat_keep_their_order(draft: Make, wire: Wire, drain: Any) -> None:
    for number in (3, 1, 2):
        draft(text=str(number), send_at=now(minutes=-10 + number))
    process_scheduled_messages()
    drain()
    assert [part.text for part in wire.parts] == ["1", "2", "3"]


def test_a_pass_takes_several_batches(draft: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "BATCH", 3)
    for _ in range(7):
        draft()
    seen: list[int] = []
    passed = process_scheduled_messages(lambda so_far: seen.append(so_far.sent))
    assert passed == {"total_due": 7, "sent": 7, "failed": 0}
    assert seen == [3, 6, 7]


def test_a_batch_costs_the_same_however_many_drafts_are_in_it(
    draft: Make, channel: Channel, django_assert_max_num_queries: Any, settings: Any
) -> None:
    settings.UNICOM_EXECUTOR = "worker"
    for number in range(50):
        chat = Chat.objects.create(id=f"memory_{channel.pk}_{number}", channel=channel, external_id=str(number))
        draft(chat_id=chat.external_id, text="Hi {{ variables.n }}", render_variables={"n": number})
    # Two savepoints, the drafts, their channels, chats and files, what waits, the rows of three tables, and the fronts.
    with django_assert_max_num_queries(15):
        assert process_scheduled_messages()["sent"] == 50
    assert Delivery.objects.filter(at_front=True).count() == 50


def test_a_new_conversation_may_be_opened_by_a_draft(draft: Make, drain: Any, wire: Wire) -> None:
    draft(chat_id="stranger"), draft(chat_id="stranger", text="Again")
    assert process_scheduled_messages()["sent"] == 2
    drain()
    assert [part.chat for part in wire.parts] == ["stranger", "stranger"]
    assert Chat.objects.filter(external_id="stranger").count() == 1


def test_a_draft_answers_a_message_and_is_written_by_its_author(
    draft: Make, chat: Chat, django_user_model: type[User]
) -> None:
    asked = Message.objects.create(channel=chat.channel, platform="Memory", chat=chat, is_outgoing=False, text="?")
    user = django_user_model.objects.create_user("ann", "ann@example.org")
    row = draft(reply_to_message_id=asked.pk, text="{{ sender.username }}", created_by=user)
    process_scheduled_messages()
    row.refresh_from_db()
    assert (row.message.reply_to_message, row.message.text, row.message.user) == (asked, "ann", user)


def test_attachments_and_buttons_go_along(draft: Make, wire: Wire, drain: Any, stored_files: Any) -> None:
    before = len(stored_files())
    yes, site = {"text": "Yes", "callback_data": {"answer": 1}}, {"text": "Site", "url": "https://example.org"}
    row = draft(buttons=[[yes, site]])
    DraftAttachment.objects.create(draft=row, file=ContentFile(b"first", name="a.txt"))
    DraftAttachment.objects.create(draft=row, file=ContentFile(b"<p>", name="page.html"))
    process_scheduled_messages()
    drain()
    row.refresh_from_db()
    assert list(row.message.attachments.values_list("name", flat=True)) == ["a.txt", "page.html"]
    contents = []
    for part in wire.parts:
        with part.file.open() as content:
            contents.append(content.read())
    assert contents == [b"first", b"<p>"]
    assert [button.text for button in wire.parts[-1].buttons[0]] == ["Yes", "Site"]
    # The message has files of its own: deleting the draft takes none of them.
    assert len(stored_files()) == before + 4


def test_an_attachment_that_is_gone_fails_the_draft(draft: Make, stored_files: Any) -> None:
    row = draft()
    file = DraftAttachment.objects.create(draft=row, file=ContentFile(b"first", name="a.txt"))
    file.file.storage.delete(str(file.file.name))
    assert process_scheduled_messages()["failed"] == 1
    row.refresh_from_db()
    assert row.error == "attachments[0]: there is no file 'a.txt'"


def test_a_file_of_django_s_can_be_sent(chat: Chat) -> None:
    message = chat.send_message({"text": "x", "attachments": [ContentFile(b"abc", name="../a.txt")]})
    assert [(row.name, row.size) for row in message.attachments.all()] == [("a.txt", 3)]
    with pytest.raises(InvalidMessage, match=r"attachments\[0\]: 'a.txt' is open as text; open it as bytes"):
        chat.send_message({"text": "x", "attachments": [ContentFile("abc", name="a.txt")]})
    assert Attachment.objects.count() == 1


def test_files_of_a_batch_that_was_undone_are_taken_away(
    draft: Make, stored_files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    DraftAttachment.objects.create(draft=draft(), file=ContentFile(b"first", name="a.txt"))
    before = stored_files()

    def fails(outcomes: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(scheduling, "_mark", fails)
    with pytest.raises(OperationalError):
        process_scheduled_messages()
    assert stored_files() == before


# What a person does.


def test_send_waits_for_approval_and_for_its_time(draft: Make) -> None:
    row = draft(is_approved=False, send_at=now(hours=1))
    with pytest.raises(InvalidMessage) as caught:
        row.send()
    assert sorted(caught.value.problems) == ["is_approved", "send_at"]
    assert "it is sent by itself at" in caught.value.problems["send_at"]
    row.approve()
    with time_machine.travel(now(hours=2)):
        message = row.send()
    assert (message.text, row.status, row.message) == ("Hello", "sent", message)
    with pytest.raises(InvalidMessage, match="status: it was sent already; make a new draft"):
        row.send()
    assert Message.objects.count() == 1


def test_send_without_a_time_is_sent_at_once(draft: Make) -> None:
    row = draft(send_at=None)
    assert row.send().text == "Hello"
    assert (row.status, row.late_by) == ("sent", None)


def test_send_says_what_is_wrong_and_keeps_it(draft: Make) -> None:
    row = draft(text="{{ a }}")
    with pytest.raises(InvalidMessage, match="text: line 1: 'a' is undefined"):
        row.send()
    row.refresh_from_db()
    assert (row.status, row.error) == ("failed", "text: line 1: 'a' is undefined")
    DraftMessage.objects.filter(pk=row.pk).update(text="Mended")
    assert row.send().text == "Mended"
    assert row.error == ""


def test_what_was_sent_is_no_draft_again(draft: Make) -> None:
    row = draft()
    stale = DraftMessage.objects.get(pk=row.pk)
    process_scheduled_messages()
    stale.text = "Changed too late"
    with pytest.raises(InvalidMessage, match="status: it was sent already; make a new draft"):
        stale.save()
    assert not stale.cancel()
    assert not stale.approve()
    assert process_scheduled_messages()["total_due"] == 0
    assert Message.objects.get().text == "Hello"


def test_a_scheduled_draft_may_be_changed_and_cancelled(draft: Make) -> None:
    row = draft(send_at=now(hours=1))
    row.text = "Changed"
    row.save()
    other = draft()
    assert other.cancel()
    assert not other.cancel()
    with time_machine.travel(now(hours=2)):
        assert process_scheduled_messages() == {"total_due": 1, "sent": 1, "failed": 0}
    assert Message.objects.get().text == "Changed"
    with pytest.raises(InvalidMessage, match="status: it was cancelled already"):
        other.send()


def test_a_time_without_a_zone_is_refused(draft: Make) -> None:
    from datetime import datetime

    with pytest.raises(InvalidMessage, match="send_at: 2030-01-01 12:00:00 has no time zone; give an aware datetime"):
        draft(send_at=datetime(2030, 1, 1, 12))  # noqa: DTZ001  which is what is refused
    with pytest.raises(InvalidMessage, match="send_at: 'soon' is not a date and time"):
        draft(send_at="soon")
    with pytest.raises(InvalidMessage, match="send_at: required: a scheduled draft needs its time"):
        draft(send_at=None, status="scheduled")
    assert not DraftMessage.objects.exists()


def test_where_django_knows_no_zones_none_is_asked_for(draft: Make, settings: Any) -> None:
    from datetime import datetime

    settings.USE_TZ = False
    row = draft(created_at=datetime(2026, 1, 1), send_at=datetime(2030, 1, 1, 12))  # noqa: DTZ001
    assert row.status == "scheduled"


# Replies and quiet hours.


def comes(chat: Chat, text: str = "Hi", **values: Any) -> Message:
    return Message.objects.create(
        channel=chat.channel, platform="Memory", chat=chat, is_outgoing=False, text=text, **values
    )


def test_a_reply_cancels_what_was_scheduled_to_be_cancelled_by_one(draft: Make, chat: Chat) -> None:
    comes(chat, "long before", created_at=now(days=-1))
    row, other = draft(cancel_on_reply=True), draft()
    comes(chat, "I have it already")
    assert process_scheduled_messages() == {"total_due": 2, "sent": 1, "failed": 0}
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.status, row.error, other.status) == ("cancelled", "the recipient has written since", "sent")


def test_without_a_reply_it_is_sent(draft: Make, chat: Chat) -> None:
    comes(chat, "long before", created_at=now(days=-1))
    Message.objects.create(channel=chat.channel, platform="Memory", chat=chat, is_outgoing=True, text="ours")
    row = draft(cancel_on_reply=True)
    process_scheduled_messages()
    row.refresh_from_db()
    assert row.status == "sent"


def test_a_message_that_waits_in_the_outbox_is_cancelled_by_a_reply_too(
    chat: Chat, post: Any, wire: Wire, drain: Any, settings: Any
) -> None:
    settings.UNICOM_EXECUTOR = "worker"
    follow_up = chat.send_message({"text": "x" * 2500, "cancel_on_reply": True})
    plain = chat.send_message({"text": "plain"})
    post(chat.channel, {"id": 1, "chat": "room", "sender": "ann", "text": "I have it already"})
    drain()
    follow_up.refresh_from_db()
    plain.refresh_from_db()
    assert (follow_up.status, follow_up.error, plain.status) == ("cancelled", "not sent: a reply came first", "sent")
    assert [part.text for part in wire.parts] == ["plain"]
    assert set(follow_up.deliveries.values_list("state", flat=True)) == {"cancelled"}


def test_without_a_reply_the_outbox_sends_it(chat: Chat, post: Any, wire: Wire, drain: Any, settings: Any) -> None:
    settings.UNICOM_EXECUTOR = "worker"
    post(chat.channel, {"id": 1, "chat": "room", "sender": "ann", "text": "before"})
    chat.send_message({"text": "follow-up", "cancel_on_reply": True})
    drain()
    assert [part.text for part in wire.parts] == ["follow-up"]
    with pytest.raises(InvalidMessage, match="cancel_on_reply: 'yes' is not True or False"):
        chat.send_message({"text": "x", "cancel_on_reply": "yes"})


@pytest.mark.parametrize(
    ("moment", "zone", "until"),
    [
        ("2026-01-10T02:00:00+00:00", "", "2026-01-10T08:00:00+00:00"),
        ("2026-01-10T23:00:00+00:00", "", "2026-01-11T08:00:00+00:00"),
        ("2026-01-10T12:00:00+00:00", "", None),
        ("2026-01-10T12:00:00+00:00", "Asia/Tokyo", None),
        ("2026-01-10T14:00:00+00:00", "Asia/Tokyo", "2026-01-10T23:00:00+00:00"),
        ("2026-01-10T04:00:00+00:00", "America/New_York", "2026-01-10T13:00:00+00:00"),
        ("2026-01-10T13:00:00+00:00", "America/New_York", None),
        ("2026-03-29T01:30:00+00:00", "Europe/Amsterdam", "2026-03-29T06:00:00+00:00"),
    ],
)
def test_quiet_hours_are_those_of_the_recipient(
    draft: Make, chat: Chat, moment: str, zone: str, until: str | None
) -> None:
    account = Account.objects.create(id="memory_ann", platform="Memory", external_id="ann", time_zone=zone)
    AccountChat.objects.create(account=account, chat=chat)
    with time_machine.travel(moment, tick=False):
        row = draft(quiet_from="22:00", quiet_until="08:00", send_at=now(minutes=-5))
        first = row.send_at
        passed = scheduling.run_due()
        row.refresh_from_db()
    if until is None:
        assert (row.status, passed.sent, row.postponed_from) == ("sent", 1, None)
        return
    assert (row.status, row.send_at.isoformat(), row.postponed_from) == ("scheduled", until, first)
    assert (passed.postponed, passed.total_due) == (1, 0)
    with time_machine.travel(until):
        assert process_scheduled_messages()["sent"] == 1


def test_a_member_s_zone_counts_where_the_account_has_none(draft: Make, chat: Chat) -> None:
    member = Member.objects.create(name="Ann", time_zone="Asia/Tokyo")
    account = Account.objects.create(id="memory_ann", platform="Memory", external_id="ann", member=member)
    AccountChat.objects.create(account=account, chat=chat)
    with time_machine.travel("2026-01-10T14:00:00+00:00"):
        row = draft(quiet_from="22:00", quiet_until="08:00")
        assert scheduling.run_due().postponed == 1
        row.send_at = now(minutes=-1)
        row.save()
        assert row.postponed_from is None


def test_quiet_hours_need_both_ends(draft: Make, db: Any) -> None:
    from django.core.exceptions import ValidationError

    for values in ({"quiet_from": "22:00"}, {"quiet_from": "22:00", "quiet_until": "22:00"}):
        row = DraftMessage(channel=Channel.objects.first(), text="x", **values)
        row.clean_fields(exclude=["channel"])
        with pytest.raises(ValidationError, match="Give both ends of the quiet hours"):
            row.validate_constraints()


def test_a_check_says_that_nobody_sends_what_is_due(draft: Make) -> None:
    from unicom.checks import check_database

    draft(send_at=now(minutes=-3))
    assert "unicom.W010" not in {found.id for found in check_database(["default"])}
    draft(send_at=now(minutes=-30))
    (warning,) = [found for found in check_database(["default"]) if found.id == "unicom.W010"]
    assert warning.msg == "Approved drafts have been due for 30 minutes, and nobody sends them."


# The command.


def test_known_failure_10_the_command_makes_one_pass(draft: Make, capsys: Any) -> None:
    draft(), draft(text="{{ a }}"), draft(cancel_on_reply=True)
    out = io.StringIO()
    call_command("send_scheduled_messages", run_once=True, stdout=out)
    assert out.getvalue() == "3 due: 2 sent, 1 failed.\n"
    call_command("send_scheduled_messages", "--run-once", "--interval", "30", stdout=out)
    assert out.getvalue().endswith("0 due: 0 sent.\n")
    with pytest.raises(CommandError, match="--interval: 0 is not a number of seconds between 0 and 86400"):
        call_command("send_scheduled_messages", "--interval", "0")


def test_the_command_shows_its_progress_on_a_terminal(draft: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(scheduling, "BATCH", 2)
    for _ in range(3):
        draft()
    out = Terminal()
    call_command("send_scheduled_messages", run_once=True, stdout=out)
    assert "\r2 dealt with …\r3 dealt with …" in out.getvalue()
    assert out.getvalue().endswith("3 due: 3 sent.\n")


def test_the_command_says_that_the_database_is_away(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(scheduling, "_batch", away)
    with pytest.raises(CommandError, match=r"The database cannot be reached \(gone\)"):
        call_command("send_scheduled_messages", run_once=True)


def _multiply(draft: DraftMessage, count: int) -> None:
    """Copy a draft so often within the database."""
    table = connection.ops.quote_name(draft._meta.db_table)
    names = ", ".join(f'"{field.column}"' for field in draft._meta.concrete_fields if not field.primary_key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) "  # noqa: S608
            f"INSERT INTO {table} ({names}) SELECT {names} FROM {table}, numbers WHERE id = %s",
            [draft.pk],
        )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "count", [20_000, pytest.param(1_000_000, marks=[pytest.mark.proof, pytest.mark.timeout(900)])]
)
def test_the_claim_reads_as_many_drafts_as_it_takes(channel: Channel, count: int) -> None:
    """However many drafts wait for their day, the due ones are one look into an index."""
    later, before = now(days=30), now(minutes=-1)
    first = DraftMessage.objects.create(
        channel=channel, chat_id="x", text="x", is_approved=True, status="scheduled", send_at=later
    )
    _multiply(first, count)
    DraftMessage.objects.bulk_create(
        DraftMessage(channel=channel, chat_id=str(n), text="x", is_approved=True, status="scheduled", send_at=before)
        for n in range(5)
    )
    query = scheduling.due(timezone.now())[: scheduling.BATCH]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = query.explain(analyze=True) if connection.vendor == "postgresql" else query.explain()
    assert "unicom_draft_due" in plan
    assert "Seq Scan" not in plan
    assert "SCAN" not in plan.replace("Index Scan", "")
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
    assert len(query) == 5
