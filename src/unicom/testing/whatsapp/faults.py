"""What goes wrong with a call of the Graph API, by name and in its words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from unicom.testing import faults
from unicom.testing.faults import Fault, drop_after, drop_before, slow, timeout_after, timeout_before
from unicom.testing.whatsapp.errors import GraphError, Json, graph_error

__all__ = [
    "NAMED", "Fault", "answer", "code", "drop_after", "drop_before", "malformed", "named", "slow", "timeout_after",
    "timeout_before",
]  # fmt: skip


def answer(error: GraphError, name: str = "") -> Fault:
    """Return a fault that answers as if the API had refused."""
    body = json.dumps(error.body()).encode()
    return Fault(kind="answer", name=name or str(error.code), status=error.status, body=body)


def code(number: int) -> Fault:
    """Return the refusal with an error code, such as 131056."""
    return answer(graph_error(number))


def malformed(*, effect: bool = True) -> Fault:
    """Answer 200 with half a JSON object."""
    return faults.malformed(b'{"messaging_product":"whats', effect=effect)


NAMED: Mapping[str, Fault] = {
    "500": faults.proxy_page(500), "502": faults.proxy_page(502), "503": faults.proxy_page(503),
    "timeout_before": timeout_before(), "timeout_after": timeout_after(), "drop_before": drop_before(),
    "drop_unread": drop_before(unread=True), "drop_after": drop_after(), "malformed": malformed(),
    "malformed_before": malformed(effect=False), "slow": slow(1.0),
}  # fmt: skip


def named(value: Fault | str | int | Json) -> Fault:
    """Return a fault by its name, by an error code, or by a JSON description."""
    if isinstance(value, Fault):
        return value
    if isinstance(value, dict):
        fault = named(value["name"] if "name" in value else int(value["code"]))
        return replace(fault, seconds=float(value["seconds"])) if "seconds" in value else fault
    if isinstance(value, str) and value in NAMED:
        return NAMED[value]
    if isinstance(value, int) or value.isdigit():
        return code(int(value))
    raise ValueError(f"error: {value!r} is neither an error code nor one of {', '.join(sorted(NAMED))}")
