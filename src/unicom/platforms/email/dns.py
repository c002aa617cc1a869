"""Look names up in the DNS; another resolver can be put in its place."""

from __future__ import annotations

from typing import Any, Protocol

from django.utils.module_loading import import_string

from unicom.conf import settings

PATIENCE = 4.0


class DnsTrouble(Exception):
    """Say that nobody answered: it may be so, or not."""


class Resolver(Protocol):
    """Answer questions; an empty list means that there is no such record, DnsTrouble that nobody knows."""

    def txt(self, name: str) -> list[bytes]:
        """Return the texts of a name."""
        ...

    def mx(self, name: str) -> list[str]:
        """Return the hosts that take a domain's mail, the preferred first."""
        ...

    def srv(self, name: str) -> list[tuple[str, int]]:
        """Return the hosts and ports of a service, the preferred first."""
        ...

    def a(self, name: str) -> list[str]:
        """Return the IPv4 addresses of a host."""
        ...

    def aaaa(self, name: str) -> list[str]:
        """Return the IPv6 addresses of a host."""
        ...


class SystemResolver:
    """Ask the servers this machine asks."""

    def txt(self, name: str) -> list[bytes]:
        """Return the texts of a name."""
        return [b"".join(record.strings) for record in self._ask(name, "TXT")]

    def mx(self, name: str) -> list[str]:
        """Return the hosts that take a domain's mail, the preferred first."""
        found = sorted(self._ask(name, "MX"), key=lambda record: int(record.preference))
        return [str(record.exchange).rstrip(".").lower() for record in found]

    def srv(self, name: str) -> list[tuple[str, int]]:
        """Return the hosts and ports of a service, the preferred first."""
        found = sorted(self._ask(name, "SRV"), key=lambda record: (int(record.priority), -int(record.weight)))
        return [
            (str(record.target).rstrip(".").lower(), int(record.port)) for record in found if str(record.target) != "."
        ]

    def a(self, name: str) -> list[str]:
        """Return the IPv4 addresses of a host."""
        return [str(record.address) for record in self._ask(name, "A")]

    def aaaa(self, name: str) -> list[str]:
        """Return the IPv6 addresses of a host."""
        return [str(record.address) for record in self._ask(name, "AAAA")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        import dns.exception
        import dns.resolver

        try:
            return list(dns.resolver.resolve(name, kind, lifetime=PATIENCE))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise DnsTrouble(f"{name}: {type(error).__name__}") from None


def resolver() -> Resolver:
    """Return the resolver that ``UNICOM_DNS_RESOLVER`` names, else the system's."""
    path = settings.UNICOM_DNS_RESOLVER
    made: Resolver = import_string(path)() if path else SystemResolver()
    return made
