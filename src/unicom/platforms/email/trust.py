"""Judge who wrote a mail by what can be proven: DKIM, and DMARC through it, verified here; SPF where it can be known.

A header that says "pass" proves nothing, for anybody can write one. SPF needs the address the mail came from, which
only a server named in ``AUTHSERV_ID`` or ``TRUSTED_RELAYS`` can tell, else it is none: see ``envelope.py``.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

from unicom.platforms.email import addresses, decoding, envelope, guards
from unicom.platforms.email.config import EmailConfig
from unicom.platforms.email.dns import DnsTrouble, Resolver, resolver

logger = logging.getLogger("unicom.email")

MOST_SIGNATURES = 5
MOST_BYTES = 30 * 1024 * 1024


def verdict(raw: bytes, config: EmailConfig, *, dns: Resolver | None = None) -> dict[str, Any]:
    """Return what is proven of who wrote a mail; ``verified`` says whether its From address is. Never raises."""
    try:
        return _verdict(raw, config, dns or resolver())
    except Exception as error:
        # Judging a stranger's signature must not stand in the way of taking the mail in: it counts as unproven.
        logger.warning("A mail could not be judged (%s).", type(error).__name__)
        return {"verified": False, "dmarc": "temperror", "spf": "none", "dkim": []}


def _verdict(raw: bytes, config: EmailConfig, dns: Resolver) -> dict[str, Any]:
    headers = _headers(raw)
    senders = [value for name, value in headers if name == "from"]
    people = addresses.read_list(senders)
    result: dict[str, Any] = {"verified": False, "dmarc": "none", "spf": "none", "dkim": []}
    if len(senders) != 1 or len(people) != 1 or len(raw) > MOST_BYTES:
        return {**result, "dmarc": "fail" if len(senders) > 1 else "none"}  # whose would it be?
    domain = addresses.encoded(people[0][1]).rpartition("@")[2].lower()
    signatures = _signatures(raw, headers, dns)
    spf, mail_from = envelope.result(headers, config, dns)
    try:
        policy = _policy(domain, dns)
    except DnsTrouble:
        return {**result, "dkim": signatures, "spf": spf, "dmarc": "temperror"}
    by_dkim = any(
        item["result"] == "pass" and _aligned(item["domain"], domain, strict=policy.get("adkim") == "s")
        for item in signatures
    )
    by_spf = spf == "pass" and bool(mail_from) and _aligned(mail_from, domain, strict=policy.get("aspf") == "s")
    proven = by_dkim or by_spf
    unsure = any(item["result"] == "temperror" for item in signatures)
    dmarc = "pass" if proven else "temperror" if unsure else "fail" if policy else "none"
    return {
        "verified": proven,
        "from": domain,
        "dmarc": dmarc,
        "policy": policy.get("p", ""),
        "spf": spf,
        "dkim": signatures,
    }


def _headers(raw: bytes) -> list[tuple[str, str]]:
    head = re.search(rb"\r?\n\r?\n", raw)
    block = raw[: head.start() if head else len(raw)][: guards.MOST_HEADERS]
    lines = re.sub(rb"\r?\n[ \t]+", b" ", block).split(b"\n")
    found = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            found.append((name.decode("latin-1").strip().lower(), decoding.text_of(value).strip()))
    return found


def _signatures(raw: bytes, headers: list[tuple[str, str]], dns: Resolver) -> list[dict[str, str]]:
    """Verify the first few signatures, each with the result and the domain that answers for it."""
    values = [value for name, value in headers if name == "dkim-signature"][:MOST_SIGNATURES]
    if not values:
        return []
    try:
        import dkim
    except ImportError:
        return [{"domain": _tags(value).get("d", "").lower()[:253], "result": "unchecked"} for value in values]
    found = []
    for number, value in enumerate(values):
        tags = _tags(value)
        result = _refusal(tags) or _verified(dkim, raw, number, dns)
        found.append({"domain": tags.get("d", "").lower()[:253], "result": result})
    return found


def _refusal(tags: dict[str, str]) -> str:
    if "l" in tags:
        return "policy"  # whatever was added behind the signed part would count as signed
    return "policy" if tags.get("a", "").lower().endswith("sha1") else ""


def _verified(dkim: Any, raw: bytes, number: int, dns: Resolver) -> str:
    trouble = False

    def look_up(name: bytes | str, timeout: int = 5) -> bytes | None:
        nonlocal trouble
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        try:
            records = dns.txt(text.rstrip("."))
        except DnsTrouble:
            trouble = True
            return None
        return records[0] if records else None

    try:
        good = dkim.DKIM(raw, minkey=1024, logger=_SILENT).verify(idx=number, dnsfunc=look_up)
    except (dkim.DKIMException, ValueError, TypeError, IndexError, KeyError, AttributeError, UnicodeError):
        return "temperror" if trouble else "permerror"
    return "pass" if good else "temperror" if trouble else "fail"


_SILENT = logging.getLogger("unicom.email.dkim")
_SILENT.setLevel(logging.CRITICAL)


def _tags(value: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in value[:4000].split(";"))
    return {name.strip().lower(): "".join(text.split()) for name, equals, text in pairs if equals}


def _policy(domain: str, dns: Resolver) -> dict[str, str]:
    """Return the DMARC record that holds for a domain (RFC 7489); empty where there is none."""
    for name in dict.fromkeys((domain, organisation(domain))):
        records = [record for record in dns.txt(f"_dmarc.{name}") if record.lower().startswith(b"v=dmarc1")]
        if len(records) == 1:
            tags = _tags(records[0].decode("ascii", "replace"))
            if name != domain and tags.get("sp"):
                tags["p"] = tags["sp"]
            return tags
    return {}


def _aligned(signer: str, domain: str, *, strict: bool) -> bool:
    return bool(signer) and (signer == domain or (not strict and organisation(signer) == organisation(domain)))


@lru_cache(maxsize=1)
def _suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def organisation(domain: str) -> str:
    """Return the domain somebody registered, of which this one is a part."""
    try:
        return str(_suffixes().privatesuffix(domain) or domain)
    except ImportError:
        return domain  # without the list only equal domains are one organisation's
