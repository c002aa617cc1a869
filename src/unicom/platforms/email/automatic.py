"""Tell mail that a machine wrote (RFC 3834), so that no machine of ours answers it."""

from __future__ import annotations

from unicom.platforms.email import addresses
from unicom.platforms.email.parsing import Mail

_NOBODIES = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply", "bounces"})


def reason(mail: Mail, own: str) -> str:
    """Return why nobody but a person should answer a mail; nothing where a machine may.

    ``X-Auto-Response-Suppress`` is a wish to us, not a sign that a machine wrote: it does not count.
    """
    submitted = mail.header("auto-submitted").partition(";")[0].strip().lower()
    if submitted and submitted != "no":
        return f"Auto-Submitted: {submitted[:60]}"
    if any(value.replace(" ", "") == "<>" for value in mail.every("return-path")):
        return "a null return path"
    for key, _ in mail.headers:
        if key.startswith("list-"):
            return f"a mailing list's header {key}"
    precedence = mail.header("precedence").strip().lower()
    if precedence in ("bulk", "list", "junk", "auto_reply"):
        return f"Precedence: {precedence}"
    if mail.header("content-type").lower().startswith("multipart/report"):
        return "a report"
    for _, address in mail.people("from"):
        if addresses.normal(addresses.without_tag(address)) == addresses.normal(addresses.without_tag(own)):
            return "from our own address"
        if address.partition("@")[0].lower() in _NOBODIES:
            return f"from {address[:100]}"
    if any(mail.header(key) for key in ("x-autoreply", "x-autorespond")):
        return "an automatic answer"
    return ""
