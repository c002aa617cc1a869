"""Compare the worker with a bare smtplib loop: one connection, the mails written before, two committed UPDATEs each.

The server is the sink in a process of its own, with STARTTLS and a log-in. Ours writes each mail, opens its connections
and records what became of each within the time that is measured.
"""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from statistics import median
from typing import Any

from benchmarks.database import refresh_statistics
from benchmarks.results import Result, at_least, at_most
from tests.platforms.email.servers import Certificates, certificates, folder

ROUNDS, MAILS, THREADS = 5, 300, 8
GOAL = 0.6
USER, PASSWORD = "support@example.com", "correct-horse"
TEXT = "Thank you for your order. The teapots are on their way.\n" * 10
HTML = "<p>Thank you for your order. <b>The teapots</b> are on their way.</p>\n" * 20


def measure(name: str) -> list[Result]:
    """Measure on the database that is set up."""
    from django.test import override_settings

    from unicom.platforms.email import smtp

    with folder("unicom-bench-") as home, override_settings(UNICOM_EXECUTOR="worker"):
        certs = certificates(home)
        with _sink(certs) as port:
            channel = _channel(port, certs)
            ratios, rates, connections = [], [], 0
            for number in range(ROUNDS + 1):
                took = {}
                # Who goes first changes, so that a machine that grows warm or tired favours neither.
                for who in ("ours", "bare") if number % 2 else ("bare", "ours"):
                    took[who] = _worker(channel) if who == "ours" else _loop(port, certs)
                connections = max(connections, sum(map(len, smtp._idle.values())))
                smtp.close()
                if number:  # the first round is for getting warm
                    ratios.append(took["bare"] / took["ours"])
                    rates.append(MAILS / took["ours"])
    return [
        at_least(
            f"handing mail over, of a bare smtplib loop with two UPDATEs ({name})",
            median(ratios),
            GOAL,
            note=f"median of {ROUNDS}: {median(rates):.0f}/s here",
        ),
        at_most(f"connections for {MAILS} mails ({name})", connections, THREADS),
    ]


@contextmanager
def _sink(certs: Certificates) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.mail.sink", certs.cert_file, certs.key_file]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate()


def _channel(port: int, certs: Certificates) -> Any:
    from unicom.models import Channel

    server = {"host": "localhost", "port": port, "starttls": True, "ca_file": certs.ca_file}
    config = {"EMAIL_ADDRESS": USER, "EMAIL_PASSWORD": PASSWORD, "SMTP": server}
    return Channel.objects.create(name="Sending", platform="Email", active=True, config=config)


def _worker(channel: Any) -> float:
    from django.db import transaction

    from unicom.models import Delivery
    from unicom.worker import Worker

    with transaction.atomic():
        for number in range(MAILS):
            to = [f"person{number}@example.org"]
            channel.send_message({"to": to, "subject": f"Order {number}", "text": TEXT, "html": HTML})
    refresh_statistics()
    began = time.perf_counter()
    Worker(concurrency=THREADS, only=("deliveries",)).run(once=True)
    took = time.perf_counter() - began
    assert not Delivery.objects.filter(channel=channel).exclude(state="sent").exists()
    return took


def _loop(port: int, certs: Certificates) -> float:
    from unicom.models import Message

    some = Message.objects.values_list("pk", flat=True).first()
    mails = [_mail(number) for number in range(MAILS)]
    began = time.perf_counter()
    with smtplib.SMTP("localhost", port, "example.com") as server:
        server.starttls(context=ssl.create_default_context(cafile=certs.ca_file))
        server.login(USER, PASSWORD)
        for recipient, content in mails:
            Message.objects.filter(pk=some).update(error="")
            server.sendmail(USER, [recipient], content)
            Message.objects.filter(pk=some).update(error="")
    return time.perf_counter() - began


def _mail(number: int) -> tuple[str, bytes]:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = USER, f"person{number}@example.org"
    message["Subject"], message["Message-ID"] = f"Order {number}", f"<{number}@example.com>"
    message.set_content(TEXT)
    message.add_alternative(HTML, subtype="html")
    return str(message["To"]), message.as_bytes()
