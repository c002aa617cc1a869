"""The fake Bot API server: its public face."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Literal

from unicom.testing.couriers import WebhookPolicy
from unicom.testing.faults import Fault, FaultPlan
from unicom.testing.http import Exchange, HttpServer, Request
from unicom.testing.queue import Disorder
from unicom.testing.telegram.api import Api, Settings
from unicom.testing.telegram.bots import FakeBot, WebhookRequest
from unicom.testing.telegram.client import ApiClient
from unicom.testing.telegram.control import Control
from unicom.testing.telegram.errors import ApiError, Json
from unicom.testing.telegram.faults import named
from unicom.testing.telegram.groups import FakeBusiness, FakeChannel, FakeGroup
from unicom.testing.telegram.limits import Limits, Pace
from unicom.testing.telegram.log import Log
from unicom.testing.telegram.members import announce, notice
from unicom.testing.telegram.polling import Polling
from unicom.testing.telegram.queue import UpdateQueue
from unicom.testing.telegram.users import FakeUser
from unicom.testing.telegram.webhooks import Courier, webhook_headers
from unicom.testing.telegram.world import BotState, Chat, Person, Violation, World

FIRST_BOT = 7_100_000_000
FIRST_USER = 5_200_000_000
FIRST_UPDATE = 730_000_000


class FakeTelegram:
    """A strict Bot API on loopback, with users to play.

    ``time_scale`` is how long a second of Telegram's (pace, retries, long polls) takes here: 0.01 is a hundred times
    faster. ``webhook_mode="manual"`` posts nothing: ``pending`` and ``deliver`` hand the updates to the test.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        time_scale: float = 1.0,
        enforce_limits: bool = False,
        limits: Limits | None = None,
        webhook_mode: Literal["http", "manual"] = "http",
        webhook_policy: WebhookPolicy | None = None,
        disorder: Disorder | None = None,
        allow_loopback_webhooks: bool = True,
    ) -> None:
        self.log = Log(time_scale=time_scale)
        self.users: dict[int, FakeUser] = {}
        self.bots: dict[int, FakeBot] = {}
        self.groups: dict[int, FakeGroup] = {}
        self.settings = Settings(latency=latency, allow_loopback=allow_loopback_webhooks)
        self._world = World(time_scale=time_scale)
        self._world.on_update = self._wake
        self._faults = FaultPlan(named)
        self._mode = webhook_mode
        self._policy = webhook_policy or WebhookPolicy()
        self._disorder = disorder or Disorder()
        self._couriers: dict[int, Courier] = {}
        self._http = HttpServer(self._handle, refuse=self._refuse, describe=_describe, name="fake-telegram")
        self._http.on_close = self._close_couriers
        self._polling = Polling(self._world, self._http)
        pace = Pace(limits or Limits(), time_scale) if enforce_limits else None
        self._api = Api(self._world, self.log, self._faults, pace, self._polling, self.settings)
        self._api.on_webhook = self._wake
        self._control = Control(self)
        self._running = False

    # Running

    def start(self, port: int = 0) -> FakeTelegram:
        """Listen on 127.0.0.1, on a free port unless one is given."""
        self._http.start(port)
        self._running = True
        return self

    def stop(self) -> None:
        """Close every connection and stop; what was logged stays."""
        if self._running:
            self._running = False
            self._http.stop()

    def __enter__(self) -> FakeTelegram:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address to use in place of the public Bot API."""
        return f"http://127.0.0.1:{self._http.port}"

    @property
    def world(self) -> World:
        """The state behind it all."""
        return self._world

    @property
    def violations(self) -> list[Violation]:
        """What the real server would have let pass and a careful client does not do; tests assert that it is empty."""
        return self._world.violations

    # Who is there

    def add_bot(self, username: str = "", *, token: str = "", name: str = "") -> FakeBot:
        """Create a bot, as BotFather would."""
        with self._world.lock:
            if token:
                bot_id = int(token.partition(":")[0])
            else:
                bot_id = FIRST_BOT + self._world.number()
                token = f"{bot_id}:AA{secrets.token_urlsafe(32)[:33]}"
            username = username or f"test_{bot_id}_bot"
            person = Person(id=bot_id, first_name=name or username, username=username, is_bot=True)
            queue = UpdateQueue(FIRST_UPDATE + 1000 * self._world.number(), self._disorder)
            state = BotState(person=person, token=token, queue=queue)
            self._world.bots[bot_id] = self._world.tokens[token] = state
            self._world.people[bot_id] = person
            self.bots[bot_id] = FakeBot(self._world, state)
            return self.bots[bot_id]

    def client(self, bot: FakeBot, *, timeout: float = 5.0) -> ApiClient:
        """Return a plain client that calls the API as the bot."""
        return ApiClient(self.url, bot.token, timeout=timeout)

    def user(self, name: str = "Ann", *, id: int | None = None, username: str = "", language: str = "en") -> FakeUser:
        """Create a person; the id is beyond 32 bits unless one is given."""
        with self._world.lock:
            first, _, last = name.partition(" ")
            user_id = id if id is not None else FIRST_USER + self._world.number()
            person = Person(id=user_id, first_name=first, last_name=last, username=username, language=language)
            self._world.people[user_id] = person
            self.users[user_id] = FakeUser(self._world, person)
            return self.users[user_id]

    def group(
        self,
        title: str = "Group",
        *,
        members: Iterable[FakeUser | FakeBot] = (),
        supergroup: bool = False,
        announced: bool = True,
    ) -> FakeGroup:
        """Create a group; its bots are told unless ``announced`` is false. The first user is its creator."""
        kind = "supergroup" if supergroup else "group"
        chat_id = -1_002_000_000_000 if supergroup else -4_000_000_000
        with self._world.lock:
            chat, creator = self._room(chat_id, kind, title, members)
            group = self.groups[chat.id] = FakeGroup(self._world, chat, creator)
            if announced:
                for bot in self._world.bots_in(chat):
                    announce(self._world, chat, creator, bot.person, "left", "member")
                notice(self._world, chat, {"from": creator.json(), f"{kind}_chat_created": True})
        return group

    def channel(
        self, title: str = "Channel", *, admins: Iterable[FakeUser | FakeBot] = (), username: str = ""
    ) -> FakeChannel:
        """Create a channel with its administrators."""
        with self._world.lock:
            chat, creator = self._room(-1_001_000_000_000, "channel", title, admins)
            chat.username = username
            chat.members = dict.fromkeys(chat.members, "administrator")
            channel = self.groups[chat.id] = FakeChannel(self._world, chat, creator)
        return channel

    def business(self, owner: FakeUser, bot: FakeBot) -> FakeBusiness:
        """Let a bot act for a person's account."""
        return FakeBusiness(self._world, owner, bot)

    def _room(self, first_id: int, kind: str, title: str, members: Iterable[FakeUser | FakeBot]) -> tuple[Chat, Person]:
        chat = Chat(id=first_id - self._world.number(), type=kind, title=title)
        people = [member.state.person if isinstance(member, FakeBot) else member.person for member in members]
        creator = next((person for person in people if not person.is_bot), None) or self.user("Owner").person
        chat.members = {person.id: "member" for person in people}
        chat.members[creator.id] = "creator"
        self._world.groups[chat.id] = chat
        return chat, creator

    # What goes wrong

    def fail(
        self,
        method: str | None = None,
        *,
        error: Fault | str | Json = "500",
        chat_id: int | None = None,
        bot: FakeBot | None = None,
        times: int = 1,
    ) -> None:
        """Let the next ``times`` calls (of a method, to a chat, by a bot) meet a fault, by object or by name."""
        with self._world.lock:
            self._faults.arm(
                named(error), method=method, chat_id=None if chat_id is None else str(chat_id),
                owner=bot.id if bot else None, times=times,
            )  # fmt: skip

    def chaos(self, seed: int, probabilities: Mapping[str, float], *, methods: Iterable[str] = ()) -> None:
        """Inject faults at random, by name and probability; into some methods or into all. The log tells which."""
        with self._world.lock:
            self._faults.chaos(seed, probabilities, frozenset(methods))

    def calm(self) -> None:
        """End the chaos and forget scripted faults that have not happened."""
        with self._world.lock:
            self._faults.clear()

    @property
    def faults_left(self) -> int:
        """How many scripted faults have not happened yet."""
        return self._faults.left

    # Updates

    def pending(self, bot: FakeBot) -> list[WebhookRequest]:
        """Return what would be posted to the bot's webhook, as (headers, body); nothing is removed."""
        with self._world.lock:
            headers = webhook_headers(bot.state)
            bodies = [json.dumps(entry.payload).encode() for entry in bot.state.queue.entries]
        return [WebhookRequest(dict(headers), body) for body in bodies]

    def deliver(self, bot: FakeBot, post: Callable[[dict[str, str], bytes], int]) -> list[int]:
        """Hand every pending update to ``post`` once; those it answers with 2xx are done. Returns its answers."""
        statuses = []
        with self._world.lock:
            entries = bot.state.queue.entries
        for entry in entries:
            status = post(dict(webhook_headers(bot.state)), json.dumps(entry.payload).encode())
            statuses.append(status)
            if 200 <= status < 300:
                with self._world.lock:
                    bot.state.queue.done(entry)
        return statuses

    def settle(self, timeout: float = 5.0) -> bool:
        """Wait until every update has been delivered; false on time-out."""
        end = time.monotonic() + timeout
        while any(bot.pending_count for bot in self.bots.values()):
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.log.wait_for_change(min(left, 0.05))
        return True

    def _wake(self, bot: BotState) -> None:
        if not self._running:
            return
        self._http.loop.call_soon_threadsafe(self._polling.wake, bot)
        if self._mode == "http" and bot.webhook.url:
            courier = self._couriers.get(bot.id)
            if courier is None:
                courier = self._couriers[bot.id] = Courier(self._world, bot, self.log, self._policy)
            self._http.loop.call_soon_threadsafe(courier.wake)

    def _close_couriers(self) -> None:
        for courier in self._couriers.values():
            courier.close()
        self._couriers.clear()

    # Requests

    def _refuse(self, path: str) -> bool:
        return self._api.refuse(path)

    def _handle(self, request: Request, exchange: Exchange) -> None:
        if request.path.startswith(("/bot", "/file/bot")):
            self._api.handle(request, exchange)
        else:
            self._control.handle(request, exchange)


def _describe(status: int, reason: str) -> bytes:
    return json.dumps(ApiError(status, reason).body(), separators=(",", ":")).encode()
