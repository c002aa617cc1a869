"""Evaluate SPF as RFC 7208 has it, and only for an address that a server of ours has noted."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from tests.platforms.email.conftest import ZONE, ZoneResolver, plain_mail
from unicom.errors import InvalidConfig
from unicom.platforms.email import hops, spf, spf_macros, trust
from unicom.platforms.email.config import EmailConfig

GOOD, BAD, OURS = "192.0.2.10", "198.51.100.66", "203.0.113.5"


def check(client: str, domain: str = "example.org", **more: Any) -> str:
    who = {"sender": f"ann@{domain}", "helo": "mail.example.org", "dns": ZoneResolver(), **more}
    return spf.check(ipaddress.ip_address(client), domain, **who)


# The evaluation


@pytest.mark.parametrize(
    ("record", "client", "result"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", GOOD, "pass"), ("v=spf1 ip4:192.0.2.0/24 -all", BAD, "fail"),
        ("v=spf1 ip4:192.0.2.10 ~all", GOOD, "pass"), ("v=spf1 ip4:192.0.2.10 ~all", BAD, "softfail"),
        ("v=spf1 ?all", BAD, "neutral"), ("v=spf1", BAD, "neutral"), ("V=SPF1 IP4:192.0.2.10 -ALL", GOOD, "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1", "pass"), ("v=spf1 ip6:2001:db8::/32 -all", GOOD, "fail"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "2001:db8::1", "fail"), ("v=spf1 all", BAD, "pass"),
        ("v=spf1 a -all", GOOD, "pass"), ("v=spf1 a/24 -all", "192.0.2.77", "pass"), ("v=spf1 a -all", BAD, "fail"),
        ("v=spf1 a:host.example.org -all", BAD, "pass"), ("v=spf1 a -all", "2001:db8::1", "pass"),
        ("v=spf1 a//64 -all", "2001:db8::2", "pass"), ("v=spf1 a//127 -all", "2001:db8::2", "fail"),
        ("v=spf1 mx -all", BAD, "pass"), ("v=spf1 mx/32 -all", GOOD, "fail"), ("v=spf1 ptr -all", GOOD, "fail"),
        ("v=spf1 include:other.example -all", GOOD, "pass"), ("v=spf1 include:other.example ~all", BAD, "softfail"),
        ("v=spf1 include:nothing.example -all", GOOD, "permerror"), ("v=spf1 redirect=other.example", GOOD, "pass"),
        ("v=spf1 redirect=other.example", BAD, "fail"), ("v=spf1 redirect=nothing.example", BAD, "permerror"),
        ("v=spf1 -all redirect=other.example", GOOD, "fail"),
        ("v=spf1 exists:%{ir}.%{v}.list.example -all", GOOD, "pass"),
        ("v=spf1 exists:%{ir}.%{v}.list.example -all", BAD, "fail"),
        ("v=spf1 exists:%{l}.users.%{d} -all", BAD, "pass"), ("v=spf1 exp=why.example.org -all", BAD, "fail"),
        ("v=spf1 later=anything -all", BAD, "fail"), ("v=spf1  ip4:192.0.2.10  -all", GOOD, "pass"),
        ("v=spf10 all", GOOD, "none"), ("hello", GOOD, "none"),
    ],
)  # fmt: skip
def test_each_mechanism_says_what_the_rfc_has_it_say(record: str, client: str, result: str) -> None:
    ZONE["example.org"] = [record.encode()]
    ZONE["a:example.org"], ZONE["aaaa:example.org"] = [GOOD.encode()], [b"2001:db8::1"]
    ZONE["mx:example.org"], ZONE["a:host.example.org"] = [b"host.example.org"], [BAD.encode()]
    ZONE["other.example"] = [b"v=spf1 ip4:192.0.2.10 -all"]
    ZONE["a:10.2.0.192.in-addr.list.example"] = ZONE["a:ann.users.example.org"] = [b"127.0.0.2"]
    assert check(client) == result


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 ip4:192.0.2.300 all", "v=spf1 ip4:192.0.2.0/33 all", "v=spf1 ip4 all", "v=spf1 ip6:192.0.2.1 all",
        "v=spf1 ip4:192.0.2.0/024 all", "v=spf1 include all", "v=spf1 all:example.org all", "v=spf1 all/8 all",
        "v=spf1 nonsense all", "v=spf1 a:example.org/33 all", "v=spf1 exists all", "v=spf1 exists:%{z}.example.org all",
        "v=spf1 redirect=a.example redirect=b.example", "v=spf1 redirect=", "v=spf1 a:localhost all",
        "v=spf1 a:example.org:8 all", "v=spf1 include:a.example/24 all", "v=spf1 ip4:\xe4 all", "v=spf1 --all",
        "v=spf1 exists:%{i all", "v=spf1 exists:100%.example.org all",
    ],
)  # fmt: skip
def test_a_record_with_a_fault_anywhere_is_a_permanent_error(record: str) -> None:
    ZONE["example.org"] = [f"{record} ip4:{GOOD}".encode("latin-1")]
    assert check(GOOD) == "permerror"


def test_two_records_are_a_permanent_error_and_other_texts_do_no_harm() -> None:
    ZONE["example.org"] = [b"google-site=1", b"v=spf1 all", b"v=DMARC1"]
    assert check(GOOD) == "pass"
    ZONE["example.org"].append(b"v=spf1 -all")
    assert check(GOOD) == "permerror"


def test_ten_look_ups_are_made_and_an_eleventh_is_a_permanent_error() -> None:
    def chain(length: int) -> None:
        for number in range(length):
            ZONE[f"n{number}.example"] = [f"v=spf1 include:n{number + 1}.example".encode()]
        ZONE[f"n{length}.example"] = [b"v=spf1 all"]

    chain(10)
    assert check(GOOD, "n0.example") == "pass"
    chain(11)
    assert check(GOOD, "n0.example") == "permerror"
    ZONE["loop.example"] = [b"v=spf1 include:loop.example"]
    assert check(GOOD, "loop.example") == "permerror"


def test_ptr_is_counted_though_it_matches_nothing() -> None:
    ZONE["example.org"] = [b"v=spf1 " + b"ptr " * 10 + b"all"]
    assert check(GOOD) == "pass"
    ZONE["example.org"] = [b"v=spf1 " + b"ptr " * 11 + b"all"]
    assert check(GOOD) == "permerror"


def test_two_names_may_lead_nowhere_and_a_third_is_a_permanent_error() -> None:
    ZONE["example.org"] = [b"v=spf1 a:a.nowhere.example mx:b.nowhere.example all"]
    assert check(GOOD) == "pass"
    ZONE["example.org"] = [b"v=spf1 a:a.nowhere.example mx:b.nowhere.example exists:c.nowhere.example all"]
    assert check(GOOD) == "permerror"


def test_more_than_ten_exchangers_are_a_permanent_error() -> None:
    ZONE["example.org"] = [b"v=spf1 mx all"]
    ZONE["mx:example.org"] = [b"m%d.example.org" % number for number in range(11)]
    assert check(GOOD) == "permerror"


def test_where_the_dns_is_silent_it_is_a_temporary_error() -> None:
    ZONE["example.org"] = [b"broken"]
    assert check(GOOD) == "temperror"
    ZONE["example.org"], ZONE["other.example"] = [b"v=spf1 include:other.example all"], [b"broken"]
    assert check(GOOD) == "temperror"


@pytest.mark.parametrize("domain", ["", "localhost", "a..example", "x" * 64 + ".example", "ex ample.org"])
def test_what_is_no_domain_has_no_policy(domain: str) -> None:
    ZONE[domain] = [b"v=spf1 all"]
    assert check(GOOD, domain) == "none"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("%{s}", "strong-bad@email.example.com"), ("%{o}", "email.example.com"), ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"), ("%{dr}", "com.example.email"), ("%{d1r}", "email"), ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"), ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"), ("%{d2}.trusted-domains.example.net",
         "example.com.trusted-domains.example.net"), ("%{p}.%%.%_.%-.x.org", "unknown.%. .%20.x.org"),
        ("%{S}", "strong-bad%40email.example.com"), ("%{h}", "mail.example.org"),
    ],
)  # fmt: skip
def test_macros_are_written_out_as_in_the_rfc(text: str, written: str) -> None:
    client = ipaddress.ip_address("192.0.2.3")
    found = spf_macros.expanded(
        text, client=client, sender="strong-bad@email.example.com", domain="email.example.com", helo="mail.example.org"
    )
    assert found == written


def test_an_ipv6_address_is_written_digit_by_digit() -> None:
    client = ipaddress.ip_address("2001:db8::cb01")
    found = spf_macros.expanded("%{ir}.%{v}.%{d}", client=client, sender="x@y.org", domain="y.org", helo="h")
    assert found == "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.y.org"
    long = spf_macros.expanded("%{l}.%{d}", client=client, sender=f"{'a.' * 150}z@y.org", domain="y.org", helo="h")
    assert len(long) <= 253
    assert long.endswith("a.z.y.org")


# Received lines


@pytest.mark.parametrize(
    ("line", "client", "by", "helo"),
    [
        ("from mail.example.org (mail.example.org [192.0.2.10]) by mx.example.com (Postfix) with ESMTPS id 4; Fri",
         GOOD, "mx.example.com", "mail.example.org"),
        ("from [192.0.2.10] (helo=[198.51.100.66]) by mx.example.com with esmtps (TLS1.3) (Exim 4.98); Fri", GOOD,
         "mx.example.com", "198.51.100.66"),
        ("from mail.example.org ([192.0.2.10] helo=other) by mx.example.com. with esmtp; Fri", GOOD, "mx.example.com",
         "other"),
        ("from unknown (HELO [198.51.100.66]) (192.0.2.10) by mx.example.com with SMTP; Fri", GOOD, "mx.example.com",
         "198.51.100.66"),
        ("from [198.51.100.66] (unknown [192.0.2.10]) by mx.example.com (Postfix) with ESMTP; Fri", GOOD,
         "mx.example.com", "198.51.100.66"),
        ("from x (x [IPv6:2001:db8::1]) by mx.example.com with ESMTP; Fri", "2001:db8::1", "mx.example.com", "x"),
        ("from x (x [::ffff:192.0.2.10]) by mx.example.com with ESMTP; Fri", GOOD, "mx.example.com", "x"),
        ("from x (2001:db8::1) by y.prod.example.com (2001:db8::2) with Microsoft SMTP Server; Fri", "2001:db8::1",
         "y.prod.example.com", "x"),
        ("from [192.0.2.10] by mx.example.com with SMTP; Fri", None, "mx.example.com", "192.0.2.10"),
        ("from x ([192.0.2.10]) ([198.51.100.66]) by mx.example.com with SMTP; Fri", None, "mx.example.com", "x"),
        ("from x (x [192.0.2.999]) by mx.example.com with SMTP; Fri", None, "mx.example.com", "x"),
    ],
)  # fmt: skip
def test_the_client_is_who_the_server_saw_not_who_it_said_it_was(
    line: str, client: str | None, by: str, helo: str
) -> None:
    hop = hops.read(line)
    assert hop is not None
    assert (hop.client and str(hop.client), hop.by, hop.helo) == (client, by, helo)


@pytest.mark.parametrize(
    "line", ["", "by mx.example.com (Postfix, from userid 33); Fri", "from x (y (z [192.0.2.10])) by mx; Fri", "from"]
)
def test_a_line_that_does_not_say_plainly_who_came_says_nothing(line: str) -> None:
    assert hops.read(line) is None


# The verdict


def config(*relays: str, **more: Any) -> EmailConfig:
    return EmailConfig.read({"EMAIL_ADDRESS": "support@example.com", "TRUSTED_RELAYS": list(relays), **more})


def received(client: str, by: str = "mx.example.com", protocol: str = "ESMTPS", helo: str = "mail.example.org") -> str:
    return (
        f"Received: from {helo} ({helo} [{client}]) by {by} (Postfix) with {protocol} id 4F; Fri, 27 Nov 2026 01:00\n"
    )


def judged(head: str, read: EmailConfig, path: str = "ann@example.org") -> dict[str, Any]:
    ZONE["example.org"] = [f"v=spf1 ip4:{GOOD} -all".encode()]
    raw = f"Return-Path: <{path}>\n{head}{plain_mail()}".replace("\n", "\r\n").encode()
    return trust.verdict(raw, read)


def test_em19_spf_is_evaluated_for_who_handed_the_mail_to_our_server() -> None:
    found = judged(received(GOOD), config("mx.example.com"))
    assert (found["spf"], found["verified"], found["dmarc"]) == ("pass", True, "pass")
    found = judged(received(BAD), config("mx.example.com"))
    assert (found["spf"], found["verified"]) == ("fail", False)
    assert judged(received(GOOD), config())["spf"] == "none"
    assert judged(received(GOOD), config("other.example.com"))["spf"] == "none"


def test_em19_relays_of_ours_are_walked_through_by_address_and_by_name() -> None:
    chain = received(OURS, by="box.example.com", helo="mx.example.com") + received(GOOD)
    assert judged(chain, config("box.example.com"))["spf"] == "fail"  # whose 203.0.113.5 is, nobody has said
    for relays in (["box.example.com", OURS], ["box.example.com", "203.0.113.0/24"]):
        assert judged(chain, config(*relays))["spf"] == "pass"
    ZONE["a:mx.example.com"] = [OURS.encode()]
    assert judged(chain, config("box.example.com", "mx.example.com"))["spf"] == "pass"
    inside = received("127.0.0.1", by="mx.example.com", helo="localhost") + received(GOOD)
    assert judged(inside, config("mx.example.com"))["spf"] == "pass"


@pytest.mark.parametrize(
    "forged",
    [
        received(GOOD), received(GOOD) * 3, received("127.0.0.1") + received(GOOD),
        f"Received-SPF: pass client-ip={BAD}; envelope-from=ann@example.org; receiver=mx.example.com\n",
        "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=ann@example.org\n",
    ],
    ids=["a line", "lines", "a local line", "Received-SPF", "Authentication-Results"],
)  # fmt: skip
def test_em19_a_forged_chain_or_result_below_our_line_proves_nothing(forged: str) -> None:
    found = judged(
        received(BAD, helo="mx.example.com") + forged, config("mx.example.com", AUTHSERV_ID="mx.example.com")
    )
    assert (found["spf"], found["verified"]) == ("fail", False)
    # Nor does it without a line of ours above it.
    alone = judged(forged, config("box.example.com"))
    assert (alone["spf"], alone["verified"]) == ("none", False)


def test_em19_who_calls_itself_our_relay_is_not_walked_through() -> None:
    ZONE["a:mx.example.com"] = [OURS.encode()]
    chain = received(BAD, by="box.example.com", helo="mx.example.com") + received(GOOD)
    found = judged(chain, config("box.example.com", "mx.example.com"))
    assert (found["spf"], found["verified"]) == ("fail", False)


def test_em19_what_the_server_at_the_border_noted_is_taken_from_above_its_line() -> None:
    noted = (
        f"Received-SPF: Pass (mailfrom) identity=mailfrom; client-ip={BAD}; helo=x; envelope-from=ann@example.org;"
        " receiver=mx.example.com\n"
    )
    mine = config("mx.example.com")
    assert judged(noted + received(BAD), mine)["verified"] is True
    # Of another client, of nobody of ours, or in doubt because the sender's strange address says it too: it is not.
    assert judged(noted.replace(BAD, GOOD) + received(BAD), mine)["spf"] == "fail"
    assert judged(noted.replace("mx.example.com", "evil.example") + received(BAD), mine)["spf"] == "fail"
    twice = noted.replace("(mailfrom)", '(domain of "x) envelope-from=ann@example.org; ("@example.net)')
    assert (
        judged(twice.replace("from=ann@example.org;", "from=x@example.net;", 1) + received(BAD), mine)["spf"] == "fail"
    )


def test_em19_the_note_of_an_inner_relay_on_our_own_server_does_not_count() -> None:
    noted = f"Received-SPF: pass client-ip={OURS}; envelope-from=ann@example.org; receiver=box.example.com\n"
    chain = noted + received(OURS, by="box.example.com") + received(BAD)
    assert judged(chain, config("box.example.com", OURS))["spf"] == "fail"


def test_em19_spf_is_not_for_those_who_log_in_and_a_report_is_its_host_s() -> None:
    assert judged(received(GOOD, protocol="ESMTPSA"), config("mx.example.com"))["spf"] == "none"
    ZONE["mail.example.org"] = [f"v=spf1 ip4:{GOOD} -all".encode()]
    found = judged(received(GOOD), config("mx.example.com"), path="")
    assert (found["spf"], found["verified"]) == ("pass", True)  # the host's name is of the From's organisation
    assert judged(received(GOOD, helo="evil.example"), config("mx.example.com"), path="")["spf"] == "none"


def test_em19_a_pass_for_another_s_domain_verifies_nobody() -> None:
    ZONE["evil.example"] = [f"v=spf1 ip4:{BAD} -all".encode()]
    found = judged(received(BAD), config("mx.example.com"), path="ann@evil.example")
    assert (found["spf"], found["verified"]) == ("pass", False)


@pytest.mark.parametrize("value", ["10.0.0.0/99", "0.0.0.0/0", "::/0", "10.0.0.300", "two words", "", "a/b"])
def test_what_is_no_relay_is_refused_by_name(value: str) -> None:
    with pytest.raises(InvalidConfig) as raised:
        config(value)
    assert "TRUSTED_RELAYS" in raised.value.problems
