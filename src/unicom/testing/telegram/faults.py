"""Scripted and random faults: what the network and the servers do to a call."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unicom.testing.telegram.errors import ApiError, Json, too_many_requests

PROXY_PAGE = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    """answer, timeout, drop, malformed or slow; the log shows ``name``."""
    name: str
    effect: bool = False
    """Whether the call is carried out nevertheless."""
    status: int = 0
    body: bytes = b""
    content_type: str = "application/json"
    seconds: float = 60.0
    """How long a time-out holds the connection, or how late a slow answer comes."""
    unread: bool = False
    """Close as soon as the head is there, without reading the body."""


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
    return Fault(kind="answer", name=str(code), status=code, body=PROXY_PAGE, content_type="text/html")


def blocked() -> Fault:
    """403: the user has blocked the bot."""
    return answer(ApiError(403, "Forbidden: bot was blocked by the user"), "blocked")


def unauthorized() -> Fault:
    """401: the token is not known any more."""
    return answer(ApiError(401, "Unauthorized"))


def api_error(code: int, description: str, **parameters: Any) -> Fault:
    """Return any refusal, in the words given."""
    return answer(ApiError(code, description, **parameters))


def timeout_before(seconds: float = 60.0) -> Fault:
    """Read the request, do nothing, never answer."""
    return Fault(kind="timeout", name="timeout_before", seconds=seconds)


def timeout_after(seconds: float = 60.0) -> Fault:
    """Do what was asked, never answer."""
    return Fault(kind="timeout", name="timeout_after", effect=True, seconds=seconds)


def drop_before(*, unread: bool = False) -> Fault:
    """Close the connection and do nothing; ``unread`` closes before the body is read."""
    return Fault(kind="drop", name="drop_before", unread=unread)


def drop_after() -> Fault:
    """Do what was asked and close the connection without an answer."""
    return Fault(kind="drop", name="drop_after", effect=True)


def malformed(*, effect: bool = True) -> Fault:
    """Answer 200 with half a JSON object."""
    return Fault(kind="malformed", name="malformed", effect=effect, status=200, body=b'{"ok":true,"resu')


def slow(seconds: float) -> Fault:
    """Do what was asked and answer late."""
    return Fault(kind="slow", name="slow", effect=True, seconds=seconds)


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


@dataclass(kw_only=True, slots=True)
class Armed:
    """A scripted fault and how often it is still to happen."""

    fault: Fault
    method: str | None
    chat_id: str | None
    bot_id: int | None
    times: int


class FaultPlan:
    """Chooses the fault of each call: the scripted ones in the order they were given, then chance."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []
        self._random: random.Random | None = None
        self._chances: list[tuple[Fault, float]] = []
        self._chaos_methods: frozenset[str] = frozenset()

    @property
    def left(self) -> int:
        """How many scripted faults have not happened yet."""
        return sum(armed.times for armed in self._armed)

    def arm(self, fault: Fault, *, method: str | None, chat_id: str | None, bot_id: int | None, times: int) -> None:
        """Add a scripted fault."""
        self._armed.append(
            Armed(fault=fault, method=method.lower() if method else None, chat_id=chat_id, bot_id=bot_id, times=times)
        )

    def clear(self) -> None:
        """Forget every scripted fault and end the chaos."""
        self._armed.clear()
        self._chances = []

    def chaos(self, seed: int, probabilities: Mapping[str, float], methods: frozenset[str]) -> None:
        """Let chance decide from now on; the same seed and the same order of calls give the same faults."""
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
        self._chances = [(named(name), chance) for name, chance in probabilities.items()]
        self._chaos_methods = frozenset(method.lower() for method in methods)

    def pick(self, method: str, bot_id: int, chat_id: str | None) -> Fault | None:
        """Return the fault that this call meets, if any."""
        if self._armed:
            for armed in self._armed:
                if (
                    armed.method in (None, method)
                    and armed.chat_id in (None, chat_id)
                    and armed.bot_id in (None, bot_id)
                    and not armed.fault.unread
                ):
                    self._use(armed)
                    return armed.fault
        if not self._chances or self._random is None:
            return None
        if self._chaos_methods and method not in self._chaos_methods:
            return None
        roll = self._random.random()
        for fault, chance in self._chances:
            if roll < chance:
                return replace(fault, unread=False) if fault.unread else fault
            roll -= chance
        return None

    def refuses(self, method: str) -> bool:
        """Return whether the call is to be cut off before its body is read."""
        for armed in self._armed:
            if armed.fault.unread and armed.method in (None, method):
                self._use(armed)
                return True
        return False

    def _use(self, armed: Armed) -> None:
        armed.times -= 1
        if armed.times <= 0:
            self._armed.remove(armed)
