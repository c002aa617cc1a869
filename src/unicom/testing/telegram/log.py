"""The append-only log of every call, and the questions tests ask it."""

from __future__ import annotations

from dataclasses import dataclass, field

from unicom.testing.recording import Recorder
from unicom.testing.telegram.errors import Json
from unicom.testing.telegram.limits import BrokenLimit, Limits, Sending, broken_limits

_SECRETS = ("secret_token", "certificate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of the Bot API. It never holds the bot's token; secrets among its parameters are not shown."""

    number: int
    time: float
    """On the monotonic clock, when the request had been read."""
    wall: float
    bot_id: int
    method: str
    params: Json = field(repr=False)
    chat_id: int | None = None
    status: int = 200
    """The HTTP status of the answer, 0 where none was given."""
    description: str = ""
    """Of a refusal."""
    effect: bool = True
    """Whether it took place, whatever was answered."""
    fault: str = ""
    """The name of the injected fault."""
    message_ids: tuple[int, ...] = ()
    text: str = ""
    """The text or caption as people see it."""
    weight: int = 0
    """How many messages it counts for, 0 for a call that sends none."""
    transport: str = "json"
    """query, urlencoded, json or multipart."""
    reused: bool = False
    """Whether the connection had been used before."""

    def shown_params(self) -> Json:
        """Return the parameters with the secrets masked."""
        return {name: "***" if name in _SECRETS else value for name, value in self.params.items()}

    def __str__(self) -> str:
        return f"{self.method}({self.shown_params()}) → {self.status or 'no answer'} {self.fault or self.description}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One attempt to deliver an update to a webhook."""

    time: float
    bot_id: int
    update_id: int
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
        self, method: str | None = None, *, chat_id: int | None = None, bot_id: int | None = None, since: int = 0
    ) -> list[Call]:
        """Return the calls of a method, a chat, a bot, in the order in which they came."""
        with self._changed:
            rows = self._calls[since:]
        return [
            call
            for call in rows
            if (method is None or call.method.lower() == method.lower())
            and (chat_id is None or call.chat_id == chat_id)
            and (bot_id is None or call.bot_id == bot_id)
        ]

    def sent(self, chat_id: int | None = None, *, bot_id: int | None = None) -> list[Call]:
        """Return the calls that made messages, whether or not their sender was told so."""
        return [call for call in self.calls(chat_id=chat_id, bot_id=bot_id) if call.effect and call.weight]

    def sent_texts(self, chat_id: int | None = None, *, bot_id: int | None = None) -> list[str]:
        """Return what people in a chat got to read, in order."""
        return [call.text for call in self.sent(chat_id, bot_id=bot_id) if call.text]

    def faults(self) -> list[Call]:
        """Return the calls that met an injected fault."""
        return [call for call in self.calls() if call.fault]

    def deliveries(self, *, bot_id: int | None = None) -> list[Delivery]:
        """Return the attempts at webhooks."""
        with self._changed:
            return [row for row in self._deliveries if bot_id in (None, row.bot_id)]

    def broken_limits(self, limits: Limits | None = None, *, refused_too: bool = False) -> list[BrokenLimit]:
        """Return every sliding window of the log that held more messages than it may.

        What was accepted counts; ``refused_too`` counts the attempts that were answered 429 as well.
        """
        sendings = [
            Sending(time=call.time, bot_id=call.bot_id, chat_id=call.chat_id, weight=call.weight)
            for call in self.calls()
            if call.weight and (call.effect or (refused_too and call.status == 429))
        ]
        return broken_limits(sendings, limits or Limits(), time_scale=self._time_scale)

    def early_retries(self, *, slack: float = 0.02) -> list[Call]:
        """Return the sends that came before the ``retry_after`` of an earlier 429 to that chat had elapsed."""
        until: dict[tuple[int, int | None], float] = {}
        early = []
        for call in self.calls():
            key = (call.bot_id, call.chat_id)
            if call.weight and call.time < until.get(key, 0.0) - slack * self._time_scale:
                early.append(call)
            if call.weight and call.status == 429:
                seconds = int(call.description.rpartition(" ")[2])
                until[key] = max(until.get(key, 0.0), call.time + seconds * self._time_scale)
        return early
