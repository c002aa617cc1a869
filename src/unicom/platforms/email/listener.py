"""Listen to mailboxes: one thread watches all that are idle, a few others log in and fetch.

A mailbox is connected, caught up with from its cursor, then left in IDLE until the server has news or nine minutes are
over. What breaks is connected again after a while, and always caught up with first: what came meanwhile is not missed.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from django.db import Error, connections

from unicom import health
from unicom.adapters import StoredState
from unicom.errors import DeliveryError
from unicom.platforms.email import imap, intake
from unicom.platforms.email.mailboxes import Mailbox, Wanted

logger = logging.getLogger("unicom.email")

IDLE_SECONDS = 9 * 60.0
"""How long one IDLE lasts: RFC 2177 says 29 minutes at most, and many a router forgets a silent connection sooner."""
POLL_SECONDS = 60.0
"""How often a mailbox is looked at whose server knows no IDLE, and folders besides the first."""
LOOK_SECONDS = 3.0
"""How often channels are looked for that were added, changed or removed."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0
THREADS = 8


class Listener:
    """Listen to every active mailbox until told to stop."""

    def __init__(self, *, threads: int = THREADS) -> None:
        self.stopping = threading.Event()
        self.taken = 0
        self.mailboxes: dict[int, Mailbox] = {}
        self._wanted = Wanted()
        self._threads = threads
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._back: list[Mailbox] = []
        self._timers: list[tuple[float, int, Mailbox]] = []
        self._count = itertools.count()
        self._here, self._there = socket.socketpair()
        self._here.settimeout(0)

    def stop(self) -> None:
        """Hang up everywhere; what is being stored is finished."""
        self.stopping.set()
        self._wake()

    def run(self) -> None:
        """Listen until :meth:`stop`."""
        self._selector.register(self._here, selectors.EVENT_READ, None)
        looked = float("-inf")
        with ThreadPoolExecutor(self._threads, thread_name_prefix="unicom-imap") as pool:
            try:
                while not self.stopping.is_set():
                    now = time.monotonic()
                    if now - looked >= LOOK_SECONDS:
                        looked = now
                        self._look()
                    self._begin_due(pool, now)
                    self._watch(pool, self._pause(looked))
                    self._take_back()
            finally:
                self.stopping.set()
                pool.shutdown(wait=True)
                self._take_back()
                for mailbox in self.mailboxes.values():
                    self._hang_up(mailbox)
                self._selector.close()
                self._here.close()
                self._there.close()
                connections.close_all()

    # The watching thread; it alone touches the selector.

    def _look(self) -> None:
        try:
            wanted = self._wanted.look()
        except Error:
            logger.warning("The database cannot be read; what is listened to stays as it is.", exc_info=True)
            return
        finally:
            connections.close_all()
        for pk, mailbox in list(self.mailboxes.items()):
            known = wanted.get(pk)
            if known is None or known.fingerprint != mailbox.fingerprint:
                mailbox.is_gone = True
                if not mailbox.is_busy:
                    self._hang_up(mailbox)
                del self.mailboxes[pk]
        for pk, mailbox in wanted.items():
            if pk not in self.mailboxes:
                self.mailboxes[pk] = mailbox
                self._schedule(mailbox, time.monotonic())

    def _schedule(self, mailbox: Mailbox, at: float) -> None:
        mailbox.due = at
        heapq.heappush(self._timers, (at, next(self._count), mailbox))

    def _begin_due(self, pool: ThreadPoolExecutor, now: float) -> None:
        while self._timers and self._timers[0][0] <= now:
            at, _, mailbox = heapq.heappop(self._timers)
            # One that had news meanwhile has a later time of its own.
            if not mailbox.is_busy and not mailbox.is_gone and at >= mailbox.due:
                self._begin(pool, mailbox)

    def _begin(self, pool: ThreadPoolExecutor, mailbox: Mailbox) -> None:
        self._unwatch(mailbox)
        mailbox.is_busy = True
        pool.submit(self._work, mailbox)

    def _watch(self, pool: ThreadPoolExecutor, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            mailbox = key.data
            if mailbox is None:
                with suppress(BlockingIOError):
                    self._here.recv(4096)
            elif self._has_news(mailbox):
                self._begin(pool, mailbox)

    def _has_news(self, mailbox: Mailbox) -> bool:
        """Tell whether a mailbox has to be looked at; a server's sign of life alone is none."""
        assert mailbox.client is not None  # noqa: S101  it is watched
        try:
            said = mailbox.client.idle_check(timeout=0)
        except imap.TROUBLE:
            return True  # broken: whoever works on it finds out
        # Readable without a line is the end of the connection, or half a record: looking tells.
        return not said or any(_is_news(item) for item in said)

    def _pause(self, looked: float) -> float:
        soonest = looked + LOOK_SECONDS
        if self._timers:
            soonest = min(soonest, self._timers[0][0])
        return max(min(soonest - time.monotonic(), LOOK_SECONDS), 0.0)

    def _take_back(self) -> None:
        with self._lock:
            back, self._back = self._back, []
        now = time.monotonic()
        for mailbox in back:
            mailbox.is_busy = False
            if mailbox.is_gone or self.stopping.is_set():
                self._hang_up(mailbox)
            elif mailbox.client is None:
                wait = min(FIRST_WAIT * 2 ** min(mailbox.failures - 1, 12), LONGEST_WAIT)
                self._schedule(mailbox, now + wait * random.uniform(0.8, 1.2))  # noqa: S311
            else:
                if mailbox.is_idle:
                    self._selector.register(mailbox.client.socket(), selectors.EVENT_READ, mailbox)
                polls = not mailbox.is_idle or len(mailbox.config.FOLDERS) > 1
                wait = 0.0 if mailbox.has_news else POLL_SECONDS if polls else IDLE_SECONDS
                mailbox.has_news = False
                self._schedule(mailbox, now + wait)

    def _unwatch(self, mailbox: Mailbox) -> None:
        if mailbox.client is not None:
            with suppress(KeyError, ValueError, *imap.TROUBLE):
                self._selector.unregister(mailbox.client.socket())

    def _hang_up(self, mailbox: Mailbox) -> None:
        self._unwatch(mailbox)
        if mailbox.client is not None:
            imap.close(mailbox.client)
            mailbox.client = None

    def _wake(self) -> None:
        with suppress(OSError):
            self._there.send(b"!")

    # The threads that work on a mailbox, each on one at a time.

    def _work(self, mailbox: Mailbox) -> None:
        try:
            self._turn(mailbox)
            mailbox.failures = 0
        except DeliveryError as error:
            self._failed(mailbox, error)
        except Error as error:
            self._failed(mailbox, DeliveryError(f"the database is in trouble ({type(error).__name__})", retryable=True))
        except Exception as error:
            logger.exception("Listening to channel %s failed.", mailbox.channel.pk)
            self._failed(mailbox, DeliveryError(f"listening failed ({type(error).__name__})", retryable=True))
        finally:
            connections.close_all()
            with self._lock:
                self._back.append(mailbox)
            self._wake()

    def _turn(self, mailbox: Mailbox) -> None:
        """Connect where that is needed, catch up with every folder, and go idle."""
        state = StoredState(mailbox.channel)
        if mailbox.client is None:
            mailbox.client = imap.connect(mailbox.config, state)
            if mailbox.put_down:
                health.channel_recovered(mailbox.channel.pk)
                mailbox.put_down = False
        client = mailbox.client
        try:
            if mailbox.is_idle:
                mailbox.is_idle = False
                client.idle_done()
            taken = 0
            for folder in reversed(mailbox.config.FOLDERS):  # the first stays selected, and is the one that is watched
                taken += intake.catch_up(mailbox.channel, mailbox.config, client, folder, self.stopping)
            self.taken += taken
            if client.has_capability("IDLE") and not self.stopping.is_set():
                client.idle()
                mailbox.is_idle = True
                # What came since the folder was looked at may have been read together with the leave to be idle.
                # And mail seldom comes alone: after some came, look once more.
                mailbox.has_news = taken > 0 or imap.has_unread(client)
        except imap.TROUBLE as error:
            raise imap.failure(error, "the mailbox") from None

    def _failed(self, mailbox: Mailbox, error: DeliveryError) -> None:
        mailbox.failures += 1
        mailbox.is_idle = False
        if mailbox.client is not None:
            # The selector lets go of it by its number, which is only known while it is open; it was let go of before.
            imap.close(mailbox.client)
            mailbox.client = None
        logger.warning("Listening to channel %s: %s", mailbox.channel.pk, error.reason)
        if error.channel_down:
            with suppress(Error):
                health.channel_down(mailbox.channel.pk, error.reason)
                mailbox.put_down = True


def _is_news(item: Any) -> bool:
    words = item if isinstance(item, tuple) else (item,)
    return any(word in (b"EXISTS", b"RECENT", b"BYE") for word in words)


def run_once(stop: threading.Event | None = None) -> tuple[int, list[str]]:
    """Catch up with every mailbox and hang up; returns how many mails came in, and what went wrong where."""
    stopping = stop or threading.Event()
    taken, problems = 0, []
    for mailbox in Wanted().look().values():
        if stopping.is_set():
            break
        try:
            with imap.opened(mailbox.config, StoredState(mailbox.channel)) as client:
                for folder in mailbox.config.FOLDERS:
                    taken += intake.catch_up(mailbox.channel, mailbox.config, client, folder, stopping)
        except DeliveryError as error:
            problems.append(f"{mailbox.channel.name}: {error.reason}")
    return taken, problems


_started = threading.Lock()
_in_process: Listener | None = None


def start_in_process() -> Listener:
    """Listen in a thread of this process, once; it ends with the process."""
    global _in_process
    with _started:
        if _in_process is None:
            _in_process = Listener()
            threading.Thread(target=_in_process.run, name="unicom-imap-listener", daemon=True).start()
        return _in_process
