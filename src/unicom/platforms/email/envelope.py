"""Say what SPF says of a mail: as a server of ours has noted, or evaluated here for the address it came from.

Three sources, in this order: a Received-SPF line of the server that took the mail from a stranger, the topmost
Authentication-Results of a server of ours, and our own evaluation for the stranger's address. What stands where the
stranger can have written it is not believed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from unicom.platforms.email import addresses, hops, spf
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.dns import Resolver
from unicom.platforms.email.hops import Border, Ours

Headers = Sequence[tuple[str, str]]

_RESULT = re.compile(r"(?i)\bspf\s*=\s*([a-z]+)")
_MAIL_FROM = re.compile(r"(?i)\bsmtp\.mail(?:from)?\s*=\s*\"?(?:[^\s;@\"]*@)?([a-z0-9.\-]+)")
_WORD = re.compile(r"(?i)\s*(pass|fail|softfail|neutral|none|temperror|permerror)\b")
_COMMENT = re.compile(r"\([^()]*\)")
_PAIR = re.compile(r"""(?i)\b(receiver|client-ip|envelope-from|helo|identity)\s*=\s*("[^"]*"|[^\s;"]+)""")
_NAME = re.compile(r"(?i)\b(receiver|client-ip|envelope-from|identity)\s*=")


def result(headers: Headers, config: EmailConfig, dns: Resolver) -> tuple[str, str]:
    """Return the result of SPF and the domain it is for; ``none`` where nobody of ours knows."""
    ours = Ours.of((config.AUTHSERV_ID, *config.TRUSTED_RELAYS))
    if not ours.names:
        return "none", ""
    border = hops.border(headers, ours, dns)
    if border is None:
        return _authenticated(headers, ours) or ("none", "")
    if border.hop.is_submission:
        return "none", ""  # it is not for those who log in
    noted = _received_spf(border, ours) or _authenticated(border.above, ours)
    return noted or _evaluated(border, dns)


def _authenticated(headers: Headers, ours: Ours) -> tuple[str, str] | None:
    """Return what the topmost Authentication-Results of a server of ours says."""
    for name, value in headers:
        if name != "authentication-results":
            continue
        server, _, results = value.partition(";")
        if server.strip().split(" ")[0].lower() not in ours.names:
            continue
        said = next((part for part in results.split(";") if _RESULT.search(part)), "")
        found, sender = _RESULT.search(said), _MAIL_FROM.search(said)
        return (found[1].lower() if found else "none"), (sender[1].lower() if sender else "")
    return None


def _received_spf(border: Border, ours: Ours) -> tuple[str, str] | None:
    """Return what the server at the border noted (RFC 7208, 9.1): the nearest such line above its own."""
    for name, value in reversed(border.above):
        if name != "received-spf":
            continue
        word, pairs = _WORD.match(value), _pairs(value)
        if word is None or pairs.get("receiver", "").rstrip(".").lower() not in ours.names:
            continue
        if "client-ip" in pairs and border.hop.client is not None and not _is(pairs["client-ip"], border.hop.client):
            continue
        if pairs.get("identity", "mailfrom").lower() == "helo":
            return word[1].lower(), pairs.get("helo", border.hop.helo).lower()
        return word[1].lower(), _domain(pairs.get("envelope-from", "")) or _domain(_return_path(border.above) or "")
    return None


def _pairs(value: str) -> dict[str, str]:
    """Return what a line says; nothing of one in which a sender's strange address may have said it too."""
    names = [name.lower() for name in _NAME.findall(value)]
    if len(names) != len(set(names)):
        return {}
    return {name.lower(): text.strip('"') for name, text in _PAIR.findall(_COMMENT.sub(" ", value))}


def _is(text: str, client: hops.Address) -> bool:
    try:
        return ipaddress.ip_address(text) == client
    except ValueError:
        return False


def _evaluated(border: Border, dns: Resolver) -> tuple[str, str]:
    """Ask the sender's domain about the address at the border."""
    path = _return_path(border.above)
    if path is None or border.hop.client is None:
        return "none", ""
    sender = path or f"postmaster@{border.hop.helo}"
    domain = _domain(sender)
    return spf.check(border.hop.client, domain, sender=sender, helo=border.hop.helo, dns=dns), domain


def _return_path(above: Headers) -> str | None:
    """Return the envelope's sender, empty for nobody (a report); None where our server has not noted it."""
    value = next((value for name, value in above if name == "return-path"), None)
    found = re.fullmatch(r"<([^<>\s]*)>", value.strip()) if value is not None else None
    return None if found is None else found[1]


def _domain(sender: str) -> str:
    return addresses.encoded(sender).rpartition("@")[2].rstrip(".").lower()
