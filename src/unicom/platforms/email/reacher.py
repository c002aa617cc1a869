"""Ask a Reacher server whether an address takes mail, before any is sent to it."""

from __future__ import annotations

import json
from typing import Any

from unicom.conf import settings
from unicom.errors import DeliveryError
from unicom.platforms import http

ALLOWED = {
    "strict": frozenset({"safe"}),
    "moderate": frozenset({"safe", "risky"}),
    "lenient": frozenset({"safe", "risky", "unknown"}),
}
PATIENCE = http.Timeouts(connect=5.0, write=5.0, read=20.0, pool=1.0)


def verdict(address: str) -> dict[str, Any]:
    """Return what Reacher says of an address it lets pass; nothing where none is set up.

    Raises DeliveryError: ``bounced`` with the whole answer where it is denied, retryable where nobody answers.
    """
    base = settings.REACHER_BASE_URL
    if not base:
        return {}
    answer = http.request(
        "POST",
        f"{base}/v0/check_email",
        service="Reacher",
        headers={"Content-Type": "application/json"},
        content=json.dumps({"to_email": address}).encode(),
        timeouts=PATIENCE,
    )
    try:
        found = json.loads(answer.body)
        word = found["is_reachable"]
    except (ValueError, KeyError, TypeError):
        found, word = None, None
    if answer.status != 200 or not isinstance(word, str):
        raise DeliveryError(f"Reacher answered {answer.status} and no verdict", retryable=True, code="reacher")
    if word not in ALLOWED[settings.REACHER_STRICTNESS]:
        raise DeliveryError(
            f"Reacher says that {address!r} is {word}, and REACHER_STRICTNESS is {settings.REACHER_STRICTNESS!r}",
            bounced=True,
            notes={"reacher_validation": found},
            code="reacher",
        )
    return {"is_reachable": word}
