"""Scripted and random faults, the same for every fake: what the network and the servers do to a call."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

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


def proxy_page(code: int) -> Fault:
    """502, 503 or 504 as a proxy's page in HTML."""
    return Fault(kind="answer", name=str(code), status=code, body=PROXY_PAGE, content_type="text/html")


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


def malformed(body: bytes, *, effect: bool = True) -> Fault:
    """Answer 200 with half a JSON object."""
    return Fault(kind="malformed", name="malformed", effect=effect, status=200, body=body)


def slow(seconds: float) -> Fault:
    """Do what was asked and answer late."""
    return Fault(kind="slow", name="slow", effect=True, seconds=seconds)


@dataclass(kw_only=True, slots=True)
class Armed:
    """A scripted fault and how often it is still to happen."""

    fault: Fault
    method: str | None
    chat_id: str | None
    owner: int | None
    times: int


class FaultPlan:
    """Chooses the fault of each call: the scripted ones in the order they were given, then chance."""

    def __init__(self, named: Callable[[str], Fault]) -> None:
        self._named = named
        self._armed: list[Armed] = []
        self._random: random.Random | None = None
        self._chances: list[tuple[Fault, float]] = []
        self._chaos_methods: frozenset[str] = frozenset()

    @property
    def left(self) -> int:
        """How many scripted faults have not happened yet."""
        return sum(armed.times for armed in self._armed)

    def arm(self, fault: Fault, *, method: str | None, chat_id: str | None, owner: int | None, times: int) -> None:
        """Add a scripted fault."""
        self._armed.append(
            Armed(fault=fault, method=method.lower() if method else None, chat_id=chat_id, owner=owner, times=times)
        )

    def clear(self) -> None:
        """Forget every scripted fault and end the chaos."""
        self._armed.clear()
        self._chances = []

    def chaos(self, seed: int, probabilities: Mapping[str, float], methods: frozenset[str]) -> None:
        """Let chance decide from now on; the same seed and the same order of calls give the same faults."""
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, nothing secret
        self._chances = [(self._named(name), chance) for name, chance in probabilities.items()]
        self._chaos_methods = frozenset(method.lower() for method in methods)

    def pick(self, method: str, owner: int, chat_id: str | None) -> Fault | None:
        """Return the fault that this call meets, if any."""
        if self._armed:
            for armed in self._armed:
                if (
                    armed.method in (None, method)
                    and armed.chat_id in (None, chat_id)
                    and armed.owner in (None, owner)
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
