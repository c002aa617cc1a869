"""Notice opens and clicks honestly: who it seems to have been, nothing lost, and nobody led astray."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.pipeline.simultaneous import at_once, succeeded
from unicom.models import Message
from unicom.testing import drain
from unicom.testing.smtp import SmtpSink

ORIGIN = "https://mail.example.com"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HTML = """
    <p>Visit our <a href="https://example.com/features?a=1&amp;b=%20x#top">features page</a></p>
    <p>Or check the <a href='https://example.com/docs'>documentation</a>, <a href="mailto:x@example.com">write</a></p>
"""


@pytest.fixture
def sent(sending: Any, sink: SmtpSink, settings: Any) -> Message:
    settings.DJANGO_PUBLIC_ORIGIN = ORIGIN
    message = sending.send_message({"to": ["user@example.com"], "subject": "New features", "html": HTML})
    drain()
    Message.objects.filter(pk=message.pk).update(time_sent=timezone.now() - timedelta(minutes=5))
    message.refresh_from_db()
    assert isinstance(message, Message)
    return message


def addresses(sink: SmtpSink) -> list[str]:
    html = sink.mails[-1].message.get_body(("html",)).get_content()
    return [found.removeprefix(ORIGIN) for found in re.findall(r'(?:href|src)="([^"]*)"', html)]


def test_links_lead_through_us_to_where_they_led(sent: Message, sink: SmtpSink, client: Any) -> None:
    features, docs, write, pixel = addresses(sink)
    assert write == "mailto:x@example.com"
    assert sent.raw["original_urls"] == ["https://example.com/features?a=1&b=%20x#top", "https://example.com/docs"]
    assert sent.html == HTML
    answer = client.get(features, HTTP_USER_AGENT=PERSON)
    assert (answer.status_code, answer["Location"]) == (302, "https://example.com/features?a=1&b=%20x#top")
    assert client.get(pixel, HTTP_USER_AGENT=PERSON).content[:6] == b"GIF89a"
    sent.refresh_from_db()
    assert (sent.link_clicked, sent.opened) == (True, True)
    assert sent.clicked_links == ["https://example.com/features?a=1&b=%20x#top"]
    assert None not in (sent.time_link_clicked, sent.time_opened)
    client.get(docs, HTTP_USER_AGENT=PERSON)
    sent.refresh_from_db()
    assert len(sent.clicked_links) == 2
    assert sent.raw["tracking"] == {"clicks": {"human": 2}, "opens": {"human": 1}, "links": {"0": 1, "1": 1}}


def test_the_tracking_parameter_is_added_and_the_query_left_as_it_was(
    sending: Any, sent: Message, sink: SmtpSink, client: Any
) -> None:
    sending.config = {**sending.config, "TRACKING_PARAMETER_ID": "utm_source"}
    sending.save()
    features, docs, *_ = addresses(sink)
    key = sent.tracking_id
    assert client.get(features)["Location"] == f"https://example.com/features?a=1&b=%20x&utm_source={key}#top"
    assert client.get(docs)["Location"] == f"https://example.com/docs?utm_source={key}"


@pytest.mark.parametrize(
    ("agent", "method", "verdict"),
    [
        (PERSON, "GET", "human"), (PERSON, "HEAD", "machine"), ("", "GET", "machine"), ("curl/8.1", "GET", "machine"),
        ("Mozilla/5.0", "GET", "unknown"), ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "GET", "unknown"),
        ("Barracuda Sentinel", "GET", "machine"),
    ],
)  # fmt: skip
def test_em21_each_open_has_a_verdict(
    sent: Message, sink: SmtpSink, client: Any, agent: str, method: str, verdict: str
) -> None:
    client.generic(method, addresses(sink)[-1], HTTP_USER_AGENT=agent)
    sent.refresh_from_db()
    assert sent.raw["tracking"]["opens"] == {verdict: 1}
    assert sent.opened is (verdict != "machine")


def test_em21_at_the_moment_of_delivery_it_was_a_machine(sent: Message, sink: SmtpSink, client: Any) -> None:
    Message.objects.update(time_sent=timezone.now())
    for address in (addresses(sink)[0], addresses(sink)[-1]):
        client.get(address, HTTP_USER_AGENT=PERSON)
    sent.refresh_from_db()
    assert (sent.opened, sent.link_clicked, sent.clicked_links) == (False, False, [])


def test_em22_nothing_but_a_stored_link_is_led_to(sent: Message, client: Any) -> None:
    key = sent.tracking_id
    for path in (
        f"/unicom/e/l/{key}/2/",
        f"/unicom/e/l/{key}/99/?url=https://evil.example",
        f"/unicom/e/l/{sent.pk}/0/",
    ):
        assert client.get(path).status_code == 404
    answer = client.get(f"/unicom/e/l/{key}/0/?url=https://evil.example")
    assert answer["Location"].startswith("https://example.com/")
    assert client.post(f"/unicom/e/l/{key}/0/").status_code == 405
    Message.objects.update(raw={"original_urls": ["javascript:alert(1)"]})
    assert client.get(f"/unicom/e/l/{key}/0/").status_code == 404


def test_the_pixel_of_nobody_is_a_pixel(client: Any, db: None) -> None:
    answer = client.get("/unicom/e/p/0198c0de-0000-7000-8000-000000000000/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/gif")
    assert "no-store" in answer["Cache-Control"]


def test_known_failure_19_an_address_of_any_length_is_kept_whole(
    sending: Any, sink: SmtpSink, settings: Any, client: Any
) -> None:
    settings.DJANGO_PUBLIC_ORIGIN = ORIGIN
    url = "https://example.com/?q=" + "x" * 3000
    sending.send_message({"to": ["u@example.com"], "subject": "Hi", "html": f'<a href="{url}">x</a>'})
    drain()
    assert client.get(addresses(sink)[0], HTTP_USER_AGENT=PERSON)["Location"] == url


def test_tracking_is_off_where_the_channel_says_so(sending: Any, sink: SmtpSink, settings: Any) -> None:
    settings.DJANGO_PUBLIC_ORIGIN = ORIGIN
    sending.config = {**sending.config, "TRACKING": False}
    sending.save()
    message = sending.send_message({"to": ["u@example.com"], "subject": "Hi", "html": HTML})
    drain()
    assert "original_urls" not in message.raw
    assert ORIGIN.encode() not in sink.mails[0].data


@pytest.mark.django_db(transaction=True)
def test_known_failure_19_two_clicks_at_once_are_both_kept(sending: Any, sink: SmtpSink, settings: Any) -> None:
    from unicom.platforms.email import opens

    settings.DJANGO_PUBLIC_ORIGIN = ORIGIN
    message = sending.send_message({"to": ["user@example.com"], "subject": "Hi", "html": HTML})
    drain()
    Message.objects.update(time_sent=timezone.now() - timedelta(minutes=5))

    def click(number: int) -> Any:
        return lambda: opens.clicked(message.tracking_id, number % 2, method="GET", agent=PERSON)

    succeeded(at_once([click(number) for number in range(6)]))
    message.refresh_from_db()
    assert len(message.clicked_links) == 2
    assert message.raw["tracking"]["clicks"] == {"human": 6}
