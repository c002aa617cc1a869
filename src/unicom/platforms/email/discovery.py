"""Find a mailbox's servers from its address: what the domain publishes, then the DNS, then the usual names.

No password is used in here, and none is ever sent to what was found but over TLS with a certificate for that name. What
anybody could have put into the DNS is believed only within the address's own domain, or of hosts that are well known.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree import ElementTree

from unicom.errors import DeliveryError
from unicom.platforms import http
from unicom.platforms.email import addresses
from unicom.platforms.email.config import ImapServer, SmtpServer
from unicom.platforms.email.dns import DnsTrouble, resolver

PATIENCE = http.Timeouts(connect=3.0, write=3.0, read=5.0, pool=1.0)
PROBE = 4.0
MOST_XML = 256 * 1024
# Where each of the large hosts has its servers, by what their mail exchangers' names end in.
_HOSTS: dict[str, tuple[str, str, int]] = {
    "google.com": ("imap.gmail.com", "smtp.gmail.com", 587),
    "googlemail.com": ("imap.gmail.com", "smtp.gmail.com", 587),
    "mail.protection.outlook.com": ("outlook.office365.com", "smtp.office365.com", 587),
    "olc.protection.outlook.com": ("outlook.office365.com", "smtp-mail.outlook.com", 587),
    "yahoodns.net": ("imap.mail.yahoo.com", "smtp.mail.yahoo.com", 465),
    "mail.icloud.com": ("imap.mail.me.com", "smtp.mail.me.com", 587),
    "messagingengine.com": ("imap.fastmail.com", "smtp.fastmail.com", 465),
    "zoho.com": ("imap.zoho.com", "smtp.zoho.com", 465),
    "zoho.eu": ("imap.zoho.eu", "smtp.zoho.eu", 465),
    "yandex.net": ("imap.yandex.com", "smtp.yandex.com", 465),
    "gmx.net": ("imap.gmx.net", "mail.gmx.net", 587),
    "kundenserver.de": ("imap.ionos.de", "smtp.ionos.de", 465),
    "ovh.net": ("ssl0.ovh.net", "ssl0.ovh.net", 465),
    "mailbox.org": ("imap.mailbox.org", "smtp.mailbox.org", 465),
}
_DOMAINS = {
    "gmail.com": "google.com", "googlemail.com": "google.com", "outlook.com": "olc.protection.outlook.com",
    "hotmail.com": "olc.protection.outlook.com", "live.com": "olc.protection.outlook.com", "yahoo.com": "yahoodns.net",
    "icloud.com": "mail.icloud.com", "me.com": "mail.icloud.com", "fastmail.com": "messagingengine.com",
    "gmx.de": "gmx.net", "gmx.net": "gmx.net", "mailbox.org": "mailbox.org",
}  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Servers:
    """Be what was found so far."""

    imap: ImapServer | None = None
    smtp: SmtpServer | None = None

    @property
    def are_both_known(self) -> bool:
        """Tell whether there is nothing left to look for."""
        return self.imap is not None and self.smtp is not None

    def add(self, other: Servers) -> None:
        """Take what is not known yet."""
        self.imap, self.smtp = self.imap or other.imap, self.smtp or other.smtp


def discover(address: str) -> Servers:
    """Return the servers of a mailbox, as far as they can be found."""
    domain = addresses.encoded(address).rpartition("@")[2].lower()
    found = Servers()
    for look in (_well_known, _published, _from_dns, _by_exchanger, _usual_names):
        if found.are_both_known:
            break
        found.add(look(domain, address))
    return found


def _well_known(domain: str, address: str) -> Servers:
    return _host(_DOMAINS.get(domain, ""))


def _host(name: str) -> Servers:
    if name not in _HOSTS:
        return Servers()
    imap, smtp, port = _HOSTS[name]
    return Servers(imap=ImapServer(host=imap, port=993), smtp=SmtpServer(host=smtp, port=port))


def _published(domain: str, address: str) -> Servers:
    """Look at what the domain publishes for mail clients (autoconfig), over HTTPS only."""
    who = quote(address, safe="")
    for url in (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={who}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    ):
        try:
            answer = http.request("GET", url, service="autoconfig", timeouts=PATIENCE)
        except DeliveryError:
            continue  # nothing is published there
        if answer.status == 200 and (found := read_autoconfig(answer.body)) is not None:
            return found
    return Servers()


def read_autoconfig(body: bytes) -> Servers | None:
    """Return the servers in an autoconfig file; None where it is none, or tries to be clever."""
    if len(body) > MOST_XML or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return None
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  no entities, see above
    except ElementTree.ParseError:
        return None
    found = Servers()
    for server in root.iter("incomingServer"):
        if server.get("type") == "imap" and found.imap is None and (values := _values(server)):
            found.imap = ImapServer(**values)  # type: ignore[arg-type]
    for server in root.iter("outgoingServer"):
        if server.get("type") == "smtp" and found.smtp is None and (values := _values(server)):
            found.smtp = SmtpServer(**values)  # type: ignore[arg-type]
    return found if found.imap or found.smtp else None


def _values(server: ElementTree.Element) -> dict[str, object]:
    host, port = (server.findtext("hostname") or "").strip(), (server.findtext("port") or "").strip()
    kind = (server.findtext("socketType") or "").strip().upper()
    if not host or not port.isdigit() or not 0 < int(port) < 65536 or kind not in ("SSL", "STARTTLS"):
        return {}  # what is not encrypted is no use to us
    return {"host": host[:253], "port": int(port), "use_ssl": True, "starttls": kind == "STARTTLS"}


def _from_dns(domain: str, address: str) -> Servers:
    """Look for RFC 6186's records; a target elsewhere counts only where it is one of the well-known hosts."""
    found = Servers()
    for name, starttls in (("_imaps", False), ("_imap", True)):
        for host, port in _srv(f"{name}._tcp.{domain}", domain):
            found.imap = found.imap or ImapServer(host=host, port=port, starttls=starttls)
    for name, starttls in (("_submissions", False), ("_submission", True)):
        for host, port in _srv(f"{name}._tcp.{domain}", domain):
            found.smtp = found.smtp or SmtpServer(host=host, port=port, starttls=starttls)
    return found


def _srv(name: str, domain: str) -> Iterator[tuple[str, int]]:
    try:
        records = resolver().srv(name)
    except DnsTrouble:
        return
    hosts = {host for imap, smtp, _ in _HOSTS.values() for host in (imap, smtp)}
    yield from (
        (host, port) for host, port in records if host in hosts or host == domain or host.endswith(f".{domain}")
    )


def _by_exchanger(domain: str, address: str) -> Servers:
    try:
        exchangers = resolver().mx(domain)
    except DnsTrouble:
        return Servers()
    for host in exchangers:
        for ending in _HOSTS:
            if host == ending or host.endswith(f".{ending}"):
                return _host(ending)
    return Servers()


def _usual_names(domain: str, address: str) -> Servers:
    """Try the usual names; one counts only where it shows a certificate for itself."""
    found = Servers()
    for host in (f"imap.{domain}", f"mail.{domain}", domain):
        if proves_its_name(host, 993):
            found.imap = ImapServer(host=host, port=993)
            break
    for host in (f"smtp.{domain}", f"mail.{domain}", domain):
        if proves_its_name(host, 465):
            found.smtp = SmtpServer(host=host, port=465)
            break
    return found


def proves_its_name(host: str, port: int) -> bool:
    """Tell whether a server shows a certificate for its name; nothing is said to it."""
    try:
        with socket.create_connection((host, port), timeout=PROBE) as plain:
            plain.settimeout(PROBE)
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host):
                return True
    except (OSError, ValueError):
        return False
