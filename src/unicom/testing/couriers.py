"""Deliver webhooks, for every fake: parallel between keys, in order within one, retried until answered 2xx."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from threading import RLock

from unicom.testing.http import REASONS
from unicom.testing.posting import Poster
from unicom.testing.queue import Entry, WebhookQueue


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookPolicy:
    """How patient the servers are."""

    attempts: int = 50
    """After so many a webhook is given up (real: for a day or a week)."""
    first_delay: float = 1.0
    """Seconds before the second attempt; doubled each time. Shortened by ``time_scale``."""
    longest_delay: float = 60.0
    timeout: float = 60.0
    """How long an answer may take, in real seconds."""


class QueueCourier:
    """Delivers the webhooks of one queue; all of it runs on the event loop. To be given a place and a log."""

    def __init__(self, queue: WebhookQueue, lock: RLock, policy: WebhookPolicy, *, time_scale: float) -> None:
        self._queue = queue
        self._lock = lock
        self._policy = policy
        self._time_scale = time_scale
        self._active = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._poster = Poster()

    # To be filled in

    @property
    def address(self) -> str:
        """Where to; empty while there is no webhook."""
        raise NotImplementedError

    @property
    def at_once(self) -> int:
        """How many connections at most."""
        return 40

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the headers that prove a body."""
        raise NotImplementedError

    def note(self, entry: Entry, status: int, error: str, *, given_up: bool) -> None:
        """Take note of an attempt."""
        raise NotImplementedError

    # What it does

    def wake(self) -> None:
        """Start as many deliveries as there are keys waiting and connections allowed."""
        with self._lock:
            while self.address and self._active < self.at_once:
                entry = self._queue.take_ready()
                if entry is None:
                    return
                self._active += 1
                task = asyncio.get_running_loop().create_task(self._deliver(entry))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._poster.close()

    async def _deliver(self, entry: Entry) -> None:
        if entry.delay:
            # Waiting takes no connection: others go first meanwhile.
            delay, entry.delay = entry.delay, 0.0
            self._later(delay, entry)
            return
        entry.attempts += 1
        status, error = 0, ""
        try:
            with self._lock:
                address = self.address
                body = json.dumps(entry.payload).encode()
                headers = self.headers(body)
            status = await asyncio.wait_for(self._poster.post(address, headers, body), self._policy.timeout)
        except TimeoutError:
            error = "Read timeout expired"
        except ConnectionRefusedError:
            error = "Connection refused"
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as problem:
            error = f"Connection reset: {type(problem).__name__}"
        if not error and not 200 <= status < 300:
            error = f"Wrong response from the webhook: {status} {REASONS.get(status, '')}".rstrip()
        self._finish(entry, status, error)

    def _finish(self, entry: Entry, status: int, error: str) -> None:
        given_up = bool(error) and entry.attempts >= self._policy.attempts
        with self._lock:
            if not error or given_up:
                self._queue.done(entry)
            self.note(entry, status, error, given_up=given_up)
        if error and not given_up:
            delay = min(self._policy.first_delay * 2 ** (entry.attempts - 1), self._policy.longest_delay)
            self._later(delay * self._time_scale, entry)
            return
        self._active -= 1
        self.wake()

    def _later(self, delay: float, entry: Entry) -> None:
        self._active -= 1
        asyncio.get_running_loop().call_later(delay, self._again, entry)
        self.wake()

    def _again(self, entry: Entry) -> None:
        with self._lock:
            self._queue.again(entry)
        self.wake()
