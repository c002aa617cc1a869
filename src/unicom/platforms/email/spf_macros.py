"""Write out what SPF records put in by macros (RFC 7208, 7): ``%{ir}.%{v}._spf.%{d2}``."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote

_MACRO = re.compile(r"%(?:\{([slodiphvSLODIPHV])(\d{0,3})([rR]?)([.\-+,/_=]*)\}|([%_\-]))")
_LITERAL = r"[!-$&-~]"
# A domain-spec ends in a top-level label or in a macro.
_SPEC = re.compile(
    rf"(?:{_LITERAL}|{_MACRO.pattern})*(?:\.(?=[A-Za-z0-9\-]*[A-Za-z\-])[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?\.?|{_MACRO.pattern})"
)


class BadMacro(ValueError):
    """Say that a text is no macro string."""


def is_domain_spec(text: str) -> bool:
    """Tell whether a text can name a domain, macros included."""
    return len(text) <= 1000 and _SPEC.fullmatch(text) is not None


def expanded(
    text: str, *, client: ipaddress.IPv4Address | ipaddress.IPv6Address, sender: str, domain: str, helo: str
) -> str:
    """Return a domain-spec written out; raises BadMacro. A name that grew too long loses labels at its left."""
    local, at, host = sender.rpartition("@")
    local, host = (local or "postmaster"), (host if at else sender)
    values = {
        "s": f"{local}@{host}",
        "l": local,
        "o": host,
        "d": domain,
        "i": _dotted(client),
        "p": "unknown",  # would need the look-ups of ptr
        "v": "in-addr" if client.version == 4 else "ip6",
        "h": helo,
    }
    if "%" in _MACRO.sub("", text):
        raise BadMacro(text)
    name = _MACRO.sub(lambda found: _written(found, values), text).rstrip(".").lower()
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name


def _written(found: re.Match[str], values: dict[str, str]) -> str:
    if found[5]:
        return {"%": "%", "_": " ", "-": "%20"}[found[5]]
    letter, count, is_reversed, delimiters = found[1], found[2], found[3], found[4]
    if count and int(count) == 0:
        raise BadMacro(found[0])
    value = values[letter.lower()]
    if count or is_reversed or delimiters:
        parts = re.split(f"[{re.escape(delimiters or '.')}]", value)
        if is_reversed:
            parts.reverse()
        value = ".".join(parts[-int(count) :] if count else parts)
    return quote(value, safe="-._~") if letter.isupper() else value


def _dotted(client: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return an address as macros want it: IPv6 digit by digit."""
    return str(client) if client.version == 4 else ".".join(client.exploded.replace(":", ""))
