"""What goes wrong with a call of the Bot API, by name and in Telegram's words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unicom.testing import faults
from unicom.testing.faults import Fault, drop_after, drop_before, slow, timeout_after, timeout_before
from unicom.testing.telegram.errors import ApiError, Json, too_many_requests

__all__ = [
    "NAMED", "Fault", "answer", "api_error", "blocked", "drop_after", "drop_before", "malformed", "named",
    "server_error", "slow", "timeout_after", "timeout_before", "too_many", "unauthorized",
]  # fmt: skip


def answer(error: ApiError, name: str = "") -> Fault:
    """Return a fault that answers as if the servers had refused."""
    body = json.dumps(error.body()).encode()
    return Fault(kind="answer", name=name or str(error.code), status=error.code, body=body)


def too_many(retry_after: int = 1) -> Fault:
    """429 with ``parameters.retry_after``."""
    return answer(too_many_requests(retry_after))


def server_error(code: int = 500) -> Fault:
    """500 as Telegram words it; 502, 503 and 504 as a proxy's page in HTML."""
    if code == 500:
        return answer(ApiError(500, "Internal Server Error"))
    return faults.proxy_page(code)


def blocked() -> Fault:
    """403: the user has blocked the bot."""
    return answer(ApiError(403, "Forbidden: bot was blocked by the user"), "blocked")


def unauthorized() -> Fault:
    """401: the token is not known any more."""
    return answer(ApiError(401, "Unauthorized"))


def api_error(code: int, description: str, **parameters: Any) -> Fault:
    """Return any refusal, in the words given."""
    return answer(ApiError(code, description, **parameters))


def malformed(*, effect: bool = True) -> Fault:
    """Answer 200 with half a JSON object."""
    return faults.malformed(b'{"ok":true,"resu', effect=effect)


NAMED: Mapping[str, Fault] = {
    "429": too_many(), "500": server_error(), "502": server_error(502), "503": server_error(503),
    "401": unauthorized(), "blocked": blocked(), "timeout_before": timeout_before(), "timeout_after": timeout_after(),
    "drop_before": drop_before(), "drop_unread": drop_before(unread=True), "drop_after": drop_after(),
    "malformed": malformed(), "malformed_before": malformed(effect=False), "slow": slow(1.0),
}  # fmt: skip


def named(value: Fault | str | Json) -> Fault:
    """Return a fault by its name or by a JSON description, for scripts in other processes."""
    if isinstance(value, Fault):
        return value
    if isinstance(value, str):
        if value not in NAMED:
            raise ValueError(f"error: {value!r} is not one of {', '.join(sorted(NAMED))}")
        return NAMED[value]
    if "name" in value:
        fault = named(str(value["name"]))
        if fault.name == "429" and "retry_after" in value:
            return too_many(int(value["retry_after"]))
        return replace(fault, seconds=float(value["seconds"])) if "seconds" in value else fault
    return api_error(int(value["code"]), str(value["description"]), **value.get("parameters", {}))
