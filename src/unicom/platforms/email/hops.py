"""Find the border: the one line among the Received lines at which a mail came from a stranger to a server of ours.

Whatever stands above that line was written by servers of ours, whatever stands below it anybody can have written. A
line counts only if whoever wrote it is known: the topmost by its name, each further one because the server above it
noted a connection from an address that is ours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unicom.platforms.email.dns import DnsTrouble, Resolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_HOPS = 30
_COMMENT = r"\([^()]*\)"
_LINE = re.compile(
    rf"(?is)from\s+([^\s()]+)((?:\s*{_COMMENT})*)\s+by\s+([^\s();]+)(?:\s*{_COMMENT})*(?:\s+with\s+([\w\-]+))?\b.*"
)
_SAID = re.compile(r"(?i)\b(?:helo|ehlo)[=\s]+\S+")
_BRACKETED = re.compile(r"\[(?:IPv6:)?([0-9a-fA-F.:]+)\]")
_PLAIN = re.compile(r"\(\s*(?:IPv6:)?([0-9a-fA-F.:]+)\s*\)")
_AUTHENTICATED = re.compile(r"(?i)(?:utf8)?(?:smtp|esmtp|lmtp)s?a")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hop:
    """Be one Received line."""

    by: str
    client: Address | None
    """Who connected, as whoever wrote the line saw it."""
    helo: str
    """What the client called itself: worth nothing."""
    is_submission: bool
    """The client had logged in; SPF is not for that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Border:
    """Be where a mail came to us."""

    hop: Hop
    above: Sequence[tuple[str, str]]
    """The headers above its line, which only servers of ours can have written."""


@dataclass(frozen=True, kw_only=True)
class Ours:
    """Know our own servers, by name or network."""

    names: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def of(cls, values: Iterable[str]) -> Ours:
        """Read names, addresses and networks."""
        names, networks = set(), []
        for value in values:
            if (network := network_of(value)) is not None:
                networks.append(network)
            elif value.strip():
                names.add(value.strip().rstrip(".").lower())
        return cls(names=frozenset(names), networks=tuple(networks))

    def has(self, client: Address, dns: Resolver) -> bool:
        """Tell whether an address is one of ours: of the machine itself, within a network, or of a name's host."""
        if client.is_loopback or any(client.version == item.version and client in item for item in self.networks):
            return True
        return client in set(self._of_names(client.version, dns))

    def _of_names(self, version: int, dns: Resolver) -> Iterator[Address]:
        for name in sorted(self.names):
            try:
                yield from map(ipaddress.ip_address, (dns.a if version == 4 else dns.aaaa)(name))
            except (DnsTrouble, ValueError):
                continue  # not known to be ours, then


def network_of(value: str) -> Network | None:
    """Return the network, or the one address, that a text is; None for a name."""
    try:
        return ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return None


def border(headers: Sequence[tuple[str, str]], ours: Ours, dns: Resolver) -> Border | None:
    """Return where a mail came to us from a stranger; None where that cannot be told."""
    if not ours.names:
        return None  # whose would the topmost line be?
    lines = [(place, value) for place, (name, value) in enumerate(headers) if name == "received"][:MOST_HOPS]
    for number, (place, value) in enumerate(lines):
        hop = read(value)
        if hop is None or (number == 0 and hop.by not in ours.names):
            return None
        if hop.client is None or hop.is_submission or not ours.has(hop.client, dns):
            return Border(hop=hop, above=headers[:place])
    return None


def read(value: str) -> Hop | None:
    """Take a Received line apart; None for one that says not plainly who wrote it."""
    found = _LINE.fullmatch(value.strip()[:4000])
    if found is None:
        return None
    helo, comments, by, protocol = found[1], found[2], found[3], found[4] or ""
    return Hop(
        by=by.rstrip(".").lower(),
        client=_client(helo, comments),
        helo=_helo(helo, comments),
        is_submission=_AUTHENTICATED.fullmatch(protocol) is not None,
    )


def _client(helo: str, comments: str) -> Address | None:
    """Return the one address the server saw; what the client said of itself is none, and of two nobody knows which."""
    seen = _SAID.sub("", comments)
    found = {*_BRACKETED.findall(seen), *_PLAIN.findall(seen)}
    if not found and _SAID.search(comments):
        found = set(_BRACKETED.findall(helo))  # Exim, where the address has no name
    try:
        clients = {_address(text) for text in found}
    except ValueError:
        return None
    return clients.pop() if len(clients) == 1 else None


def _address(text: str) -> Address:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _helo(helo: str, comments: str) -> str:
    said = _SAID.search(comments)
    return (re.split(r"[=\s]+", said[0], maxsplit=1)[1] if said else helo).strip("[]()").lower()[:253]
