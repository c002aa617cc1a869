"""Run the outbox's own functions in every order three workers can come to, and look at what arrives."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connections
from django.utils import timezone

from unicom import outbox
from unicom.models import Channel, Chat, Delivery, Message
from unicom.testing.memory import sent

WORKERS, MESSAGES = 3, 3
Step = tuple[str, int]


class Connection:
    """Run functions on a thread of its own, hence on a database connection of its own."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                self._results.put((call(), None))
            except Exception as error:  # handed to the caller, who raises it
                self._results.put((None, error))
        connections.close_all()

    def run(self, call: Callable[[], Any]) -> Any:
        """Run ``call`` there and return what it returns."""
        self._calls.put(call)
        value, error = self._results.get()
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End the thread and its connection."""
        self._calls.put(None)
        self._thread.join()


@dataclass
class Hand:
    """Be what one worker holds between two steps."""

    row: Delivery | None = None
    outcome: outbox.Outcome | None = None

    def key(self) -> tuple[Any, ...]:
        """Return what tells two situations apart."""
        if self.row is None:
            return ()
        done = None if self.outcome is None else "sent" if self.outcome.result else str(self.outcome.error)
        return (self.row.message.text, self.row.fence, self.row.held_until > 0, done)


@dataclass
class World:
    """Be everything there is: the rows, what the workers hold, and what has arrived."""

    channel: Channel
    links: list[Connection]
    hands: list[Hand] = field(default_factory=lambda: [Hand() for _ in range(WORKERS)])
    queued: int = 0
    expiries: int = 1

    def steps(self) -> Iterator[Step]:
        """Return what may happen next; of workers that hold the same, one stands for all."""
        if self.queued < MESSAGES:
            yield ("enqueue", 0)
        if self.expiries and Delivery.objects.filter(state="sending").exists():
            yield ("expire", 0)
        seen = set()
        for number, hand in enumerate(self.hands):
            if hand.key() in seen:
                continue
            seen.add(hand.key())
            if hand.row is None:
                yield ("claim", number)
            elif hand.outcome is None:
                yield ("deliver", number)
            else:
                yield ("record", number)

    def take(self, step: Step) -> None:
        """Let one thing happen."""
        what, number = step
        if what == "enqueue":
            self.channel.send_message({"chat_id": "one", "text": str(self.queued)})
            self.queued += 1
        elif what == "expire":
            self._expire()
        else:
            getattr(self, f"_{what}")(self.hands[number], self.links[number])

    def _expire(self) -> None:
        self.expiries -= 1
        late = set(Delivery.objects.filter(state="sending").values_list("pk", flat=True))
        Delivery.objects.filter(pk__in=late).update(lease_until=timezone.now() - timedelta(seconds=1))
        for hand in self.hands:
            if hand.row is not None and hand.row.pk in late:
                hand.row.held_until = 0.0
        outbox.recover()

    def _claim(self, hand: Hand, link: Connection) -> None:
        claimed = link.run(lambda: outbox.claim(1))
        hand.row = claimed[0] if claimed else None

    def _deliver(self, hand: Hand, link: Connection) -> None:
        assert hand.row is not None
        row = hand.row
        hand.outcome = link.run(lambda: outbox.deliver(row))

    def _record(self, hand: Hand, link: Connection) -> None:
        assert hand.row is not None and hand.outcome is not None
        row, outcome = hand.row, hand.outcome
        link.run(lambda: outbox.record(row, outcome))
        hand.row = hand.outcome = None

    def key(self) -> tuple[Any, ...]:
        """Return what tells two worlds apart."""
        rows = Delivery.objects.order_by("pk").values_list("message__text", "state", "at_front", "fence")
        hands = tuple(sorted((hand.key() for hand in self.hands), key=repr))
        return (tuple(rows), hands, self.wire(), self.queued, self.expiries)

    @staticmethod
    def wire() -> tuple[str, ...]:
        """Return what has arrived, in that order."""
        return tuple(part.text for part in sent.parts)

    def fault(self) -> str:
        """Return what is wrong with this world, or nothing."""
        wire = self.wire()
        if len(set(wire)) < len(wire):
            return f"doubled: {wire}"
        if list(wire) != sorted(wire):
            return f"out of order: {wire}"
        for text, state in Delivery.objects.values_list("message__text", "state"):
            if state == "sent" and text not in wire:
                return f"lost: {text} counts as sent and never arrived"
        return ""

    def ending_fault(self) -> str:
        """Return what is wrong with this world if nothing more can happen."""
        for text, state in Delivery.objects.values_list("message__text", "state"):
            if state not in ("sent", "unknown"):
                return f"left behind: {text} is {state}"
        return ""


@dataclass(frozen=True)
class Snapshot:
    """Be a world to come back to."""

    chats: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    hands: list[tuple[Delivery | None, outbox.Outcome | None, float]]
    parts: list[Any]
    queued: int
    expiries: int

    @classmethod
    def of(cls, world: World) -> Snapshot:
        """Take one."""
        return cls(
            chats=[dict(row) for row in Chat.objects.values()],
            messages=[dict(row) for row in Message.objects.values()],
            deliveries=[dict(row) for row in Delivery.objects.values()],
            hands=[(hand.row, hand.outcome, hand.row.held_until if hand.row else 0.0) for hand in world.hands],
            parts=list(sent.parts),
            queued=world.queued,
            expiries=world.expiries,
        )

    def restore(self, world: World) -> None:
        """Make the world as it was."""
        Delivery.objects.all().delete()
        Chat.objects.update(last_message=None)
        Message.objects.all().delete()
        if not self.chats:
            Chat.objects.all().delete()
        for values in self.chats:
            Chat.objects.update_or_create(pk=values["id"], defaults={**values, "last_message_id": None})
        Message.objects.bulk_create(Message(**values) for values in self.messages)
        Delivery.objects.bulk_create(Delivery(**values) for values in self.deliveries)
        for values in self.chats:
            Chat.objects.filter(pk=values["id"]).update(last_message_id=values["last_message_id"])
        for hand, (row, outcome, held_until) in zip(world.hands, self.hands, strict=True):
            hand.row, hand.outcome = row, outcome
            if row is not None:
                row.held_until = held_until
        sent.parts[:] = self.parts
        world.queued, world.expiries = self.queued, self.expiries


def explore(channel: Channel, *, most: int = 20_000) -> tuple[int, str]:
    """Walk through every world that can be reached; returns how many there are, and the first fault with its path."""
    links = [Connection() for _ in range(WORKERS)]
    world = World(channel=channel, links=links)
    seen = {world.key()}
    waiting: list[tuple[Snapshot, tuple[Step, ...]]] = [(Snapshot.of(world), ())]
    try:
        while waiting and len(seen) < most:
            snapshot, path = waiting.pop()
            snapshot.restore(world)
            moved = False
            for step in list(world.steps()):
                if moved is not None:
                    snapshot.restore(world)
                before = world.key()
                world.take(step)
                if fault := world.fault():
                    return len(seen), f"{fault} after {(*path, step)}"
                key = world.key()
                moved = moved or key != before
                if key not in seen:
                    seen.add(key)
                    waiting.append((Snapshot.of(world), (*path, step)))
            if not moved:
                snapshot.restore(world)
                if fault := world.ending_fault():
                    return len(seen), f"{fault} at the end of {path}"
        return len(seen), "" if not waiting else f"gave up after {len(seen)} worlds"
    finally:
        for link in links:
            link.close()
