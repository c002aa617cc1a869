"""Read and write addresses: what is one, whose it is, and how it stands in a header."""

from __future__ import annotations

import re
from email.utils import formataddr, getaddresses

# A local part without quotes (RFC 5322's atom and dots, and beyond ASCII RFC 6531's), an at sign, a domain.
_ADDRESS = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}@[^\s@\"(),:;<>\\]{1,253}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
MOST_READ = 200


def problem(address: str) -> str:
    """Return what is wrong with a plain address, or nothing."""
    if _CONTROL.search(address):
        return f"{_shown(address)} contains a line break or another control character"
    if not _ADDRESS.fullmatch(address):
        return f"{_shown(address)} is not an e-mail address"
    if address.startswith((".", "-")) or ".." in address or address.partition("@")[0].endswith("."):
        return f"{_shown(address)} is not an e-mail address"
    if len(address) > 254:
        return f"{_shown(address)} has more than 254 characters"
    return ""


def line_problem(text: str) -> str:
    """Return what is wrong with a text that has to stand in one header, or nothing."""
    return "contains a line break or another control character" if _CONTROL.search(text) else ""


def _shown(address: str) -> str:
    return repr(address if len(address) <= 60 else f"{address[:60]}…")


def split_wish(value: str) -> tuple[str, str, str]:
    """Return the name and the address a caller wrote, as in ``Ann <ann@example.org>``, and what is wrong with them."""
    if sentence := line_problem(value):
        return "", "", f"{_shown(value)} {sentence}"
    if _ADDRESS.fullmatch(value.strip()):
        return "", value.strip(), problem(value.strip())
    found = getaddresses([value])
    if len(found) != 1 or not found[0][1]:
        return "", "", f"{_shown(value)} is not an e-mail address"
    return found[0][0], found[0][1], problem(found[0][1])


def plain(value: str) -> str:
    """Return the address itself of what :func:`split_wish` found in order."""
    return split_wish(value)[1]


def formatted(value: str, name: str = "") -> str:
    """Return an address as it stands in a header, its domain in ASCII."""
    given, address, _ = split_wish(value)
    shown, address = name or given, encoded(address)
    if address.isascii():
        return formataddr((shown, address))
    # Only a server that takes UTF-8 in headers (RFC 6531) takes this address at all.
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if shown else address


def encoded(address: str) -> str:
    """Return an address with its domain in ASCII, as servers want it; the local part stays."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('ascii').decode()}"
    except UnicodeEncodeError:
        try:
            return f"{local}@{domain.encode('idna').decode('ascii')}"
        except UnicodeError:
            return address


def normal(address: str) -> str:
    """Return an address as it is compared: in small letters, the domain in ASCII."""
    return encoded(address.strip()).lower()


def without_tag(address: str) -> str:
    """Return an address without what stands after a plus."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def tag_of(address: str) -> str:
    """Return what stands after a plus in an address."""
    return address.rpartition("@")[0].partition("+")[2]


def read_list(values: list[str]) -> list[tuple[str, str]]:
    """Return names and addresses of decoded headers that strangers wrote; what is none is left out."""
    found = []
    for name, address in getaddresses([value[:20_000] for value in values[:20]])[:MOST_READ]:
        address = address.strip().strip("<>")
        if "@" in address and len(address) <= 254 and not _CONTROL.search(address):
            found.append((" ".join(name.split())[:300], address))
    return found
