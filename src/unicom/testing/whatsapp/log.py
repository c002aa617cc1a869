"""The append-only log of every call and every webhook, and the questions tests ask it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from unicom.testing.pacing import BrokenLimit, Scope, Sending, broken_limits
from unicom.testing.recording import Recorder
from unicom.testing.whatsapp.errors import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How many messages fit in any window; seconds are WhatsApp's, a fake's ``time_scale`` makes them shorter."""

    per_number: int = 80
    """Messages in any second."""
    pair_burst: int = 45
    """Messages to one person in any ``6 × pair_burst`` seconds: one in six seconds on average, this many at once."""
    slack: float = 0.02
    """Seconds by which a window is shorter here, since two messages never travel equally fast."""

    def windows(self, bot_id: int, chat_id: Hashable) -> list[tuple[Scope, int, float]]:
        """Return what one message counts against: the scope, how many fit, and the window in seconds."""
        return [
            (Scope(kind="number", bot_id=bot_id, chat_id=None), self.per_number, 1.0),
            (Scope(kind="pair", bot_id=bot_id, chat_id=chat_id), self.pair_burst, 6.0 * self.pair_burst),
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of the Graph API; it never holds the token."""

    number: int
    time: float
    """On the monotonic clock, when the request had been read."""
    verb: str
    path: str
    kind: str
    """messages, media, templates, …: what faults are scripted for."""
    number_id: str
    params: Json = field(repr=False)
    recipient: str = ""
    status: int = 200
    """The HTTP status of the answer, 0 where none was given."""
    code: int = 0
    """The error's code, 0 where there was none."""
    effect: bool = True
    """Whether it took place, whatever was answered."""
    fault: str = ""
    wamid: str = ""
    text: str = ""
    """What people see of it."""

    def __str__(self) -> str:
        return f"{self.verb} {self.path} → {self.status or 'no answer'} {self.fault or self.code or ''}".rstrip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One attempt to deliver a webhook."""

    time: float
    attempt: int
    status: int
    """0 where there was no answer."""
    error: str = ""


class Log(Recorder):
    """Grows only; may be read from any thread while it does."""

    def __init__(self, *, time_scale: float = 1.0) -> None:
        super().__init__()
        self._calls: list[Call] = []
        self._deliveries: list[Delivery] = []
        self._time_scale = time_scale

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """Append one call."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def add_delivery(self, delivery: Delivery) -> None:
        """Append one attempt at a webhook."""
        with self._changed:
            self._deliveries.append(delivery)
            self._changed.notify_all()

    def calls(
        self, kind: str | None = None, *, recipient: str | None = None, number_id: str | None = None, since: int = 0
    ) -> list[Call]:
        """Return the calls of a kind, to somebody, by a number, in the order in which they came."""
        with self._changed:
            rows = self._calls[since:]
        return [
            call
            for call in rows
            if kind in (None, call.kind) and recipient in (None, call.recipient) and number_id in (None, call.number_id)
        ]

    def sent(self, recipient: str | None = None, *, number_id: str | None = None) -> list[Call]:
        """Return the calls that made messages, whether or not their sender was told so."""
        calls = self.calls("messages", recipient=recipient, number_id=number_id)
        return [call for call in calls if call.effect and call.wamid]

    def sent_texts(self, recipient: str | None = None, *, number_id: str | None = None) -> list[str]:
        """Return what somebody got to read, in order."""
        return [call.text for call in self.sent(recipient, number_id=number_id) if call.text]

    def faults(self) -> list[Call]:
        """Return the calls that met an injected fault."""
        return [call for call in self.calls() if call.fault]

    def deliveries(self) -> list[Delivery]:
        """Return the attempts at the webhook."""
        with self._changed:
            return list(self._deliveries)

    def broken_limits(self, limits: Limits | None = None) -> list[BrokenLimit]:
        """Return every window of the log that held more messages than it may."""
        sendings = [
            Sending(time=call.time, bot_id=int(call.number_id or 0), chat_id=call.recipient, weight=1)
            for call in self.calls("messages")
            if call.effect and call.wamid
        ]
        return broken_limits(sendings, limits or Limits(), time_scale=self._time_scale)
