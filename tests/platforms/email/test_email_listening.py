"""Take mail in from a real mailbox: nothing missed, nothing twice, whatever happens meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.platforms.email.conftest import Start, content, plain_mail, within
from tests.platforms.email.servers import PASSWORD, Dovecot, free_port
from unicom.models import ChannelState, InboundReceipt, Job, Member, Message, Request, Update
from unicom.platforms.email import cursors, intake, reading
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.listener import Listener, run_once
from unicom.testing import drain

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener(threads=2)
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        yield listener
    finally:
        listener.stop()
        thread.join(20)
        assert not thread.is_alive()


def subjects() -> list[str]:
    return list(Message.objects.order_by("created_at", "seq").values_list("subject", flat=True))


def mail(number: int, **more: Any) -> str:
    return plain_mail(subject=f"Mail {number}", message_id=f"<m{number}@example.org>", **more)


def test_mail_that_was_there_is_left_alone_and_new_mail_comes_in_once(mailbox: Any, put: Any) -> None:
    put(mailbox, mail(1))
    assert run_once() == (1, [])
    assert run_once() == (0, [])
    message = Message.objects.get()
    assert (message.subject, message.imap_uid, message.is_outgoing) == ("Mail 1", 1, False)
    assert Request.objects.count() == 1


def test_em12_setting_up_stands_behind_what_is_there(mailbox: Any, put: Any) -> None:
    ChannelState.objects.all().delete()
    put(mailbox, mail(1))
    assert mailbox.validate()
    assert run_once() == (0, [])
    put(mailbox, mail(2))
    assert run_once() == (1, [])
    assert subjects() == ["Mail 2"]
    assert mailbox.validate()  # once more changes nothing
    assert run_once() == (0, [])


def test_em14_everything_comes_in_after_days_also_what_was_read_elsewhere(
    mailbox: Any, put: Any, mail_server: Dovecot
) -> None:
    for number in range(1, 8):
        put(mailbox, mail(number))
    client = mail_server.client(mailbox.config["EMAIL_ADDRESS"])
    client.set_flags(client.search(), [b"\\Seen"])  # failure 16: another client has read all of it
    client.logout()
    assert run_once() == (7, [])
    assert sorted(subjects()) == [f"Mail {number}" for number in range(1, 8)]


def test_em12_fetching_marks_nothing_as_read(mailbox: Any, put: Any, mail_server: Dovecot) -> None:
    put(mailbox, mail(1))
    run_once()
    client = mail_server.client(mailbox.config["EMAIL_ADDRESS"])
    assert client.search(["UNSEEN"]) == [1]
    client.logout()


def test_em12_a_folder_that_is_numbered_anew_is_read_again_and_nothing_doubles(mailbox: Any, put: Any) -> None:
    put(mailbox, mail(1))
    assert run_once() == (1, [])
    InboundReceipt.objects.all().delete()  # long ago
    state = ChannelState.objects.get(channel=mailbox, key=cursors.key("INBOX"))
    state.value = {**state.value, "uidvalidity": state.value["uidvalidity"] - 1, "uid": 500}
    state.save()
    put(mailbox, mail(2))
    run_once()
    assert sorted(subjects()) == ["Mail 1", "Mail 2"]
    state.refresh_from_db()
    assert state.value["uid"] == 2


def test_known_failure_16_the_same_mail_to_two_mailboxes_is_stored_in_both(
    mailbox: Any, put: Any, mail_server: Dovecot
) -> None:
    from unicom.models import Channel

    config = {**mailbox.config, "EMAIL_ADDRESS": f"other-{mailbox.config['EMAIL_ADDRESS']}", "SMTP": None}
    other = Channel.objects.create(
        name="Other",
        platform="Email",
        config={**config, "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend"},
    )
    assert other.validate(), other.error
    for channel in (mailbox, other):
        put(channel, mail(1))
    assert run_once() == (2, [])
    assert set(Message.objects.values_list("channel", flat=True)) == {mailbox.pk, other.pk}


def test_known_failure_15_a_failure_while_storing_loses_nothing_and_holds_nobody_up(
    mailbox: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(mailbox, mail(1))
    put(mailbox, mail(2))
    original = reading.events

    def events(raw: bytes, *rest: Any) -> Any:
        if b"Mail 1" in raw:
            raise RuntimeError("our own bug")
        return original(raw, *rest)

    monkeypatch.setattr(reading, "events", events)
    assert run_once() == (2, [])
    first, second = Message.objects.order_by("seq", "created_at")
    assert "could not be read" in first.text
    assert b"Mail 1" in content(first.attachments.get())
    assert second.subject == "Mail 2"


def test_what_cannot_be_stored_at_all_is_a_dead_letter(mailbox: Any, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(mailbox, mail(1))
    put(mailbox, mail(2))

    def fail(*rest: Any) -> Any:
        raise RuntimeError("our own bug")

    monkeypatch.setattr(reading, "events", fail)
    monkeypatch.setattr(reading, "unreadable", fail)
    assert run_once() == (2, [])
    assert [b"Mail 1" in bytes(row.body) for row in Update.objects.order_by("pk")] == [True, False]
    monkeypatch.undo()
    assert run_once() == (0, [])


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_listener_that_dies_anywhere_neither_loses_nor_doubles(
    mailbox: Any, put: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for number in (1, 2, 3):
        put(mailbox, mail(number))
    original = intake._advance
    deaths = iter([True, False])

    class Died(BaseException):
        """Be a kill: nothing of ours catches it."""

    def advance(*args: Any) -> None:
        if step == "after":
            original(*args)
        if args[2].uid == 2 and next(deaths, False):
            raise Died
        if step == "before":
            original(*args)

    monkeypatch.setattr(intake, "_advance", advance)
    with pytest.raises(Died):
        run_once()
    assert run_once()[1] == []
    assert sorted(subjects()) == ["Mail 1", "Mail 2", "Mail 3"]
    assert Request.objects.count() == 3


def test_em13_idle_brings_mail_at_once_and_a_broken_connection_is_made_anew(
    mailbox: Any, put: Any, mail_server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unicom.platforms.email.listener.FIRST_WAIT", 0.05)
    with listening() as listener, within(30) as time_left:
        while not any(box.is_idle for box in listener.mailboxes.values()) and time_left():
            pass
        put(mailbox, mail(1))
        while not Message.objects.exists() and time_left():
            pass
        while not any(box.is_idle for box in listener.mailboxes.values()) and time_left():
            pass
        (box,) = listener.mailboxes.values()
        broken = box.client
        broken.socket().shutdown(2)
        put(mailbox, mail(2))
        while Message.objects.count() < 2 and time_left():
            pass
        assert box.client is not broken
    assert sorted(subjects()) == ["Mail 1", "Mail 2"]


def test_channels_that_are_added_and_removed_are_noticed(
    mailbox: Any, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unicom.platforms.email.listener.LOOK_SECONDS", 0.1)
    mailbox.active = False
    mailbox.save()
    put(mailbox, mail(1))
    with listening() as listener, within(30) as time_left:
        while not listener._timers and not listener.mailboxes and listener._selector.get_map() is None and time_left():
            pass
        assert listener.mailboxes == {}
        mailbox.active = True
        mailbox.save()
        while not Message.objects.exists() and time_left():
            pass
        mailbox.active = False
        mailbox.save()
        while listener.mailboxes and time_left():
            pass


def test_two_listeners_take_each_mail_in_once(mailbox: Any, put: Any) -> None:
    with listening(), listening(), within(60) as time_left:
        for number in range(1, 11):
            put(mailbox, mail(number))
        while Message.objects.count() < 10 and time_left():
            pass
    assert sorted(subjects()) == sorted(f"Mail {number}" for number in range(1, 11))
    assert Request.objects.count() == 10


def test_a_refused_log_in_is_shown_and_tried_again_later(mailbox: Any, put: Any) -> None:
    mailbox.config = {**mailbox.config, "IMAP_PASSWORD": "not it"}
    mailbox.save()
    taken, problems = run_once()
    assert (taken, len(problems)) == (0, 1)
    with listening(), within(30) as time_left:
        while mailbox.down_since is None and time_left():
            mailbox.refresh_from_db()
    assert "refuses the log-in" in mailbox.error
    assert "not it" not in mailbox.error
    assert PASSWORD not in mailbox.error


def test_known_failure_10_the_documented_command_takes_in_what_waits_and_exits(mailbox: Any, put: Any) -> None:
    put(mailbox, mail(1))
    said = StringIO()
    call_command("start_imap_listeners", "--run-once", stdout=said)
    assert said.getvalue() == "1 mails were taken in.\n"
    mailbox.config = {**mailbox.config, "IMAP_PASSWORD": "not it"}
    mailbox.save()
    with pytest.raises(CommandError, match="refuses the log-in"):
        call_command("start_imap_listeners", "--run-once", stdout=said)


def test_the_development_server_listens_by_itself(mailbox: Any, put: Any, start: Start) -> None:
    server = start("runserver", "--noreload", f"127.0.0.1:{free_port()}")
    put(mailbox, mail(1))
    with within(90) as time_left:
        while not Message.objects.exists() and time_left():
            assert server.poll() is None
    server.send_signal(signal.SIGINT)
    server.wait(30)
    assert subjects() == ["Mail 1"]


@pytest.mark.parametrize(("when", "after_taking", "after_completing"), [
    ("never", [], []), ("on_save", [1], [1]), ("on_request_completed", [], [1]),
])  # fmt: skip
def test_mail_is_marked_as_seen_when_the_channel_says(
    mailbox: Any, put: Any, mail_server: Dovecot, when: str, after_taking: list[int], after_completing: list[int]
) -> None:
    mailbox.config = {**mailbox.config, "MARK_SEEN_WHEN": when}
    mailbox.save()
    put(mailbox, mail(1))
    run_once()

    def seen() -> list[int]:
        client = mail_server.client(mailbox.config["EMAIL_ADDRESS"])
        try:
            return list(client.search(["SEEN"]))
        finally:
            client.logout()

    assert seen() == after_taking
    request = Request.objects.get()
    request.status = "COMPLETED"
    request.save()
    drain()
    assert Job.objects.exclude(state="done").count() == 0
    assert seen() == after_completing


def test_requests_completed_in_bulk_are_marked_at_the_next_look(mailbox: Any, put: Any, mail_server: Dovecot) -> None:
    mailbox.config = {**mailbox.config, "MARK_SEEN_WHEN": "on_request_completed"}
    mailbox.save()
    put(mailbox, mail(1))
    run_once()
    Request.objects.update(status="COMPLETED")
    run_once()
    client = mail_server.client(mailbox.config["EMAIL_ADDRESS"])
    assert list(client.search(["SEEN"])) == [1]
    client.logout()


def test_known_failure_18_a_copy_goes_to_the_sent_folder_once_and_its_failure_sends_nothing_again(
    mailbox: Any, sink: Any, mail_server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unicom.platforms.email import imap

    message = mailbox.send_message(
        {"to": ["bob@example.org"], "bcc": ["x@example.org"], "subject": "Hi", "text": "Hello"}
    )
    drain()

    def copies() -> int:
        client = mail_server.client(mailbox.config["EMAIL_ADDRESS"])
        client.select_folder("Sent")
        try:
            return len(client.search(["HEADER", "Message-ID", message.external_id]))
        finally:
            client.logout()

    assert copies() == 1
    assert len(sink.mails) == 2
    monkeypatch.setattr(imap, "connect", lambda *args: (_ for _ in ()).throw(OSError("gone")))
    message = mailbox.send_message({"to": ["bob@example.org"], "subject": "Hi", "text": "Again"})
    drain()
    message.refresh_from_db()
    assert (message.status, len(sink.mails)) == ("sent", 3)
    assert Job.objects.filter(kind="follow_up", state="queued").count() == 1
    monkeypatch.undo()
    Job.objects.update(next_attempt_at="2020-01-01T00:00:00Z")
    drain()
    assert (copies(), len(sink.mails)) == (1, 3)


@pytest.mark.parametrize("who", ["a stranger", "somebody proven", "a member", "somebody known"])
def test_a_mail_costs_at_most_fifteen_statements(mailbox: Any, put: Any, who: str) -> None:
    member = Member.objects.create(name="Ann", email="ann@example.org") if who == "a member" else None
    parts = ["Content-Type: text/plain\n\nHello\n", 'Content-Type: text/html\n\n<p><img src="cid:logo@x"></p>\n']
    parts += [f"Content-Type: application/pdf; name=f{number}.pdf\n\n{'x' * 30_000}\n" for number in range(3)]
    parts += ["Content-Type: image/png; name=a.png\nContent-ID: <logo@x>\n\n\x89PNG\r\n\x1a\n\n"]
    head = plain_mail(subject="Big").partition("Content-Type")[0] + "Content-Type: multipart/mixed; boundary=b\n\n"
    raw = (head + "".join(f"--b\n{part}" for part in parts) + "--b--\n").encode("latin-1")
    config = EmailConfig.read(mailbox.config)
    run_once()
    cursor = cursors.Cursor.read(ChannelState.objects.get(key=cursors.key("INBOX")).value)
    assert cursor is not None
    if who == "somebody known":  # of whom nothing was proven until now
        mailbox.receive_message({"raw": plain_mail(message_id="<earlier@example.org>")})
    seen = reading.Found(folder="INBOX", uid=9, trust={"verified": who != "a stranger"})
    with CaptureQueriesContext(connection) as found:
        (message,) = intake.store(mailbox, config, raw, seen, "INBOX", cursor)
    assert message.sender is not None
    assert (message.attachments.count(), message.inline_images.count()) == (3, 1)
    assert message.sender.member == member
    assert message.sender.identities.count() == (0 if who == "a stranger" else 1)
    own = [query["sql"] for query in found if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
    # What follows the commit is the job's, which whoever runs jobs does.
    ends = [number for number, sql in enumerate(own) if "unicom_job" in sql and not sql.startswith("INSERT")]
    storing = own[: ends[0]] if ends else own
    assert len(storing) <= 15, "\n".join(sql[:150] for sql in storing)


def test_em16_items_in_another_order_with_others_among_them_are_the_same_mail() -> None:
    from imapclient.response_parser import parse_fetch_response

    class Server:
        """Answer as Office 365 does: FLAGS unasked, the UID last."""

        def fetch(self, uids: list[int], items: list[str]) -> Any:
            assert items == ["BODY.PEEK[]"]
            answer = [
                (b"1 (FLAGS (\\Recent) BODY[] {12}", b"From: a@b\r\n\r\n"[:12]),
                b" UID 7)",
                b"2 (FLAGS (\\Seen) UID 8)",
            ]
            return parse_fetch_response(answer)

    server: Any = Server()
    assert intake._fetch(server, 7, 12) == b"From: a@b\r\n\r"
    assert intake._fetch(server, 8, 12) is None
