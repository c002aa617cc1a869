"""Kill the listener and the worker as processes, anywhere: no mail is lost, none is stored or sent as another."""

from __future__ import annotations

import io
import random
import signal
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from tests.engine.mortality import When, dies
from tests.platforms.email.conftest import Start, plain_mail, within
from unicom.models import Channel, Delivery, Job, Message, Request
from unicom.platforms.email import smtp
from unicom.testing.smtp import SmtpSink

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def waiting(settings: Any) -> None:
    """Leave what is queued to whoever is killed."""
    settings.UNICOM_EXECUTOR = "worker"


def command(*arguments: str) -> None:
    smtp.close()  # a connection is not to be shared with whoever was forked
    call_command(*arguments, stdout=io.StringIO())


# Coming in


def mail(number: int) -> str:
    # Some of them large, so that a kill finds one half fetched.
    text = "Do you have teapots?\n" * (20_000 if number % 3 == 0 else 1)
    return plain_mail(subject=f"Mail {number}", message_id=f"<m{number}@example.org>", text=text)


def assert_stored_once(count: int) -> None:
    expected = [f"Mail {number}" for number in range(1, count + 1)]
    assert sorted(Message.objects.values_list("subject", flat=True)) == sorted(expected)
    assert Request.objects.count() == count
    assert Job.objects.filter(kind="message").count() == count
    whole = {message.subject: len(message.text) > 300_000 for message in Message.objects.all()}
    assert whole == {f"Mail {number}": number % 3 == 0 for number in range(1, count + 1)}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_listener_may_die_at_any_commit(mailbox: Channel, put: Any, waiting: None, when: When) -> None:
    came, number, died = 0, 0, True
    while died:
        number += 1
        for _ in range(2):
            came += 1
            put(mailbox, mail(came))
        smtp.close()
        died = dies(lambda: command("start_imap_listeners", "--run-once"), when=when, number=number)
        command("start_imap_listeners", "--run-once")
        assert_stored_once(came)
    assert number > 2


def test_a_listener_that_is_killed_while_mail_arrives_neither_loses_nor_doubles(
    mailbox: Channel, put: Any, start: Start
) -> None:
    dice, came = random.Random(7), 30
    for number in range(1, came + 1):
        put(mailbox, mail(number))
    for arguments in (["--run-once"], []):
        listener = start("start_imap_listeners", *arguments)
        wanted = Message.objects.count() + dice.randrange(1, 5)
        with within(90) as time_left:
            while Message.objects.count() < wanted and time_left():
                if came < 60:
                    came += 1
                    put(mailbox, mail(came))
        listener.kill()
        assert listener.wait(30) in (-signal.SIGKILL, 0)  # the one that runs once may have come to its end
    command("start_imap_listeners", "--run-once")
    assert_stored_once(came)


# Going out


def leases_run_out() -> None:
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(state="sending").update(lease_until=past)
    Job.objects.filter(state="running").update(lease_until=past)
    Delivery.objects.filter(state="queued").update(next_attempt_at=past)
    Job.objects.filter(state="queued").update(next_attempt_at=past)


def queued(channel: Channel, numbers: range) -> list[Message]:
    found = []
    for number in numbers:
        named = {"to": [f"p{number}@example.org"], "bcc": [f"b{number}@example.org"]}
        found.append(channel.send_message({**named, "subject": f"Mail {number}", "text": f"Words {number}"}))
    return found


def assert_arrived(sink: SmtpSink, messages: list[Message]) -> int:
    """See that each recipient got each mail, and more than once only as the same; returns how many came once more."""
    came = Counter((taken.recipients[0], str(taken.message["Message-ID"])) for taken in sink.mails)
    wanted = {(address, str(message.external_id)) for message in messages for address in (*message.to, *message.bcc)}
    assert set(came) == wanted
    words = {(taken.recipients[0], taken.message["Message-ID"], taken.message.get_content()) for taken in sink.mails}
    assert len(words) == len(wanted)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}
    return len(sink.mails) - len(wanted)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_may_die_at_any_commit(sending: Channel, sink: SmtpSink, waiting: None, when: When) -> None:
    messages: list[Message] = []
    number, repeats, died = 0, 0, True
    while died:
        number += 1
        messages += queued(sending, range(number, number + 1))
        smtp.close()
        died = dies(lambda: command("unicom_worker", "--run-once", "--concurrency", "1"), when=when, number=number)
        leases_run_out()
        command("unicom_worker", "--run-once", "--concurrency", "1")
        before, repeats = repeats, assert_arrived(sink, messages)
        assert repeats - before <= 2
    assert number > 3
    # Where the outcome was lost after the server had taken the mail, it came again.
    assert repeats > 0 or when == "after"


def test_a_worker_that_is_killed_while_it_sends_loses_nothing_and_repeats_only_the_same(
    sending: Channel, sink: SmtpSink, start: Start
) -> None:
    messages, dice = queued(sending, range(20)), random.Random(11)
    for _ in range(2):
        leases_run_out()
        worker = start("unicom_worker", "--concurrency", "4")
        sink.wait_for(len(sink.mails) + dice.randrange(2, 9), timeout=90)
        worker.kill()
        assert worker.wait(30) == -signal.SIGKILL
    leases_run_out()
    command("unicom_worker", "--run-once")
    assert_arrived(sink, messages)
