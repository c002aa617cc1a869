"""Evaluate SPF (RFC 7208): whether a host with this address may send mail for this domain.

Only the network address that a server of ours noted is worth asking about; :mod:`unicom.platforms.email.hops` finds it.
``ptr`` is counted and matches nothing, as the RFC wishes it were everywhere.
"""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass, field
from typing import Literal

from unicom.platforms.email import spf_macros
from unicom.platforms.email.dns import DnsTrouble, Resolver

Result = Literal["none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_LOOKUPS, MOST_VOID, MOST_EXCHANGERS = 10, 2, 10
SECONDS = 20.0
_QUALIFIERS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TERM = re.compile(r"(?i)([+\-~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/]\S*?))?(/\d{1,3})?(//\d{1,3})?")
_NETWORK = re.compile(r"(?i)([+\-~?]?)(ip4|ip6):(\S+)")
_MODIFIER = re.compile(r"(?i)([a-z][a-z0-9\-_.]*)=(\S*)")
_LABEL = re.compile(r"(?i)[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?")


class _Broken(Exception):
    """Say that a domain's record cannot be evaluated, now (temperror) or ever (permerror)."""

    def __init__(self, result: Result) -> None:
        super().__init__(result)
        self.result: Result = result


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mechanism:
    qualifier: str
    name: str
    target: str = ""
    bits4: int = 32
    bits6: int = 128
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    mechanisms: tuple[_Mechanism, ...]
    redirect: str = ""


@dataclass(kw_only=True)
class _Check:
    """Be one evaluation, with what it has cost so far."""

    client: Address
    sender: str
    helo: str
    dns: Resolver
    lookups: int = 0
    void: int = 0
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    def result(self, domain: str) -> Result:
        """Return what a domain says of the client; raises _Broken."""
        record = self._record(domain)
        if record is None:
            return "none"
        for mechanism in record.mechanisms:
            if self._matches(mechanism, domain):
                return _QUALIFIERS[mechanism.qualifier]
        if not record.redirect:
            return "neutral"
        self._count()
        led = self.result(self._target(record.redirect, domain))
        if led == "none":
            raise _Broken("permerror")
        return led

    def _record(self, domain: str) -> _Record | None:
        if not is_domain(domain):
            return None
        texts = [text for text in self._ask(domain) if re.match(rb"(?i)v=spf1(?: |$)", text)]
        if len(texts) > 1:
            raise _Broken("permerror")
        return _read(texts[0]) if texts else None

    def _ask(self, name: str) -> list[bytes]:
        self._in_time()
        try:
            return self.dns.txt(name)
        except DnsTrouble:
            raise _Broken("temperror") from None

    def _matches(self, mechanism: _Mechanism, domain: str) -> bool:
        if mechanism.name == "all":
            return True
        if mechanism.network is not None:
            return mechanism.network.version == self.client.version and self.client in mechanism.network
        self._count()
        if mechanism.name == "ptr":
            return False
        target = self._target(mechanism.target, domain)
        if mechanism.name == "include":
            found = self.result(target)
            if found == "none":
                raise _Broken("permerror")
            return found == "pass"
        if mechanism.name == "exists":
            return bool(self._addresses(target, 4))
        hosts = [target] if mechanism.name == "a" else self._exchangers(target)
        bits = mechanism.bits4 if self.client.version == 4 else mechanism.bits6
        return any(self._is_within(found, bits) for host in hosts for found in self._addresses(host))

    def _is_within(self, address: str, bits: int) -> bool:
        try:
            return self.client in ipaddress.ip_network(f"{address}/{bits}", strict=False)
        except ValueError:
            return False

    def _target(self, given: str, domain: str) -> str:
        if not given:
            return domain
        try:
            return spf_macros.expanded(given, client=self.client, sender=self.sender, domain=domain, helo=self.helo)
        except spf_macros.BadMacro:
            raise _Broken("permerror") from None

    def _exchangers(self, name: str) -> list[str]:
        self._in_time()
        try:
            hosts = [host for host in self.dns.mx(name) if host] if is_domain(name) else []
        except DnsTrouble:
            raise _Broken("temperror") from None
        if len(hosts) > MOST_EXCHANGERS:
            raise _Broken("permerror")
        self._note(found=bool(hosts))
        return hosts

    def _addresses(self, name: str, version: int = 0) -> list[str]:
        self._in_time()
        ask = self.dns.a if (version or self.client.version) == 4 else self.dns.aaaa
        try:
            found = ask(name) if is_domain(name) else []
        except DnsTrouble:
            raise _Broken("temperror") from None
        self._note(found=bool(found))
        return found

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise _Broken("permerror")

    def _note(self, *, found: bool) -> None:
        self.void += not found
        if self.void > MOST_VOID:
            raise _Broken("permerror")

    def _in_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise _Broken("temperror")


def check(client: Address, domain: str, *, sender: str, helo: str, dns: Resolver) -> Result:
    """Return what a domain says of mail from an address: RFC 7208's check_host(). Never raises."""
    try:
        return _Check(client=client, sender=sender, helo=helo, dns=dns).result(domain.rstrip(".").lower())
    except _Broken as broken:
        return broken.result


def is_domain(name: str) -> bool:
    """Tell whether a name can be asked for: of several labels, none too long or empty."""
    labels = name.rstrip(".").split(".")
    return len(name) <= 253 and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)


def _read(text: bytes) -> _Record:
    """Take a record apart, all of it before any of it counts; raises _Broken."""
    try:
        terms = text.decode("ascii").split(" ")[1:]
    except UnicodeDecodeError:
        raise _Broken("permerror") from None
    mechanisms: list[_Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in filter(None, terms):
        if found := _MODIFIER.fullmatch(term):
            name = found[1].lower()
            if name in ("redirect", "exp") and (name in modifiers or not spf_macros.is_domain_spec(found[2])):
                raise _Broken("permerror")
            modifiers[name] = found[2]
        else:
            mechanisms.append(_network(term) or _mechanism(term))
    has_all = any(mechanism.name == "all" for mechanism in mechanisms)
    return _Record(mechanisms=tuple(mechanisms), redirect="" if has_all else modifiers.get("redirect", ""))


def _network(term: str) -> _Mechanism | None:
    found = _NETWORK.fullmatch(term)
    if found is None:
        return None
    version = 4 if found[2].lower() == "ip4" else 6
    address, slash, bits = found[3].partition("/")
    try:
        if slash and not re.fullmatch(r"0|[1-9]\d{0,2}", bits):
            raise ValueError
        network = ipaddress.ip_network(found[3], strict=False)
        if network.version != version or "%" in address:
            raise ValueError
    except ValueError:
        raise _Broken("permerror") from None
    return _Mechanism(qualifier=found[1] or "+", name=found[2].lower(), network=network)


def _mechanism(term: str) -> _Mechanism:
    found = _TERM.fullmatch(term)
    if found is None:
        raise _Broken("permerror")
    qualifier, name, target = found[1] or "+", found[2].lower(), found[3] or ""
    bits4, bits6 = _bits(found[4], 32), _bits(found[5], 128)
    has_bits = bool(found[4] or found[5])
    wrong = (
        name in ("ip4", "ip6")  # without an address that can be one
        or (name == "all" and target)
        or (name in ("include", "exists") and not target)
        or (has_bits and name not in ("a", "mx"))
        or (target and not spf_macros.is_domain_spec(target))
    )
    if wrong:
        raise _Broken("permerror")
    return _Mechanism(qualifier=qualifier, name=name, target=target, bits4=bits4, bits6=bits6)


def _bits(given: str | None, most: int) -> int:
    if not given:
        return most
    digits = given.lstrip("/")
    if int(digits) > most or (len(digits) > 1 and digits.startswith("0")):
        raise _Broken("permerror")
    return int(digits)
