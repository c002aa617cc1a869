"""The fake Cloud API server: its public face."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, NamedTuple

from unicom.testing.couriers import QueueCourier, WebhookPolicy
from unicom.testing.faults import Fault, FaultPlan
from unicom.testing.http import Exchange, HttpServer, Request
from unicom.testing.pacing import Pace
from unicom.testing.queue import Disorder, Entry, WebhookQueue
from unicom.testing.whatsapp import templates
from unicom.testing.whatsapp.api import Api, Settings
from unicom.testing.whatsapp.control import Control
from unicom.testing.whatsapp.errors import GraphError, Json
from unicom.testing.whatsapp.faults import named
from unicom.testing.whatsapp.log import Delivery, Limits, Log
from unicom.testing.whatsapp.users import FakeMessage, FakeNumber, FakeUser
from unicom.testing.whatsapp.world import Account, Number, Person, Violation, World

MAX_BODY = 128 * 1024 * 1024


class WebhookRequest(NamedTuple):
    """A webhook as it would be posted."""

    headers: dict[str, str]
    body: bytes


class FakeWhatsApp:
    """A strict Cloud API of one app on loopback, with people to play.

    ``time_scale`` is how long a second of WhatsApp's (pace, retries) takes here. ``webhook_mode="manual"`` posts
    nothing: ``pending`` and ``deliver`` hand the webhooks to the test. With ``latency`` statuses of a message are
    posted before its call is answered, as happens.
    """

    def __init__(
        self,
        *,
        token: str = "",
        app_secret: str = "",
        latency: float = 0.0,
        time_scale: float = 1.0,
        enforce_limits: bool = False,
        limits: Limits | None = None,
        webhook_mode: Literal["http", "manual"] = "http",
        webhook_policy: WebhookPolicy | None = None,
        disorder: Disorder | None = None,
    ) -> None:
        self.log = Log(time_scale=time_scale)
        self.numbers: dict[str, FakeNumber] = {}
        self.users: dict[str, FakeUser] = {}
        self.settings = Settings(
            token=token or f"EAA{secrets.token_hex(40)}",
            app_id="1234567890123456",
            app_secret=app_secret or secrets.token_hex(16),
            latency=latency,
        )
        self._world = World(time_scale=time_scale)
        self._world.on_webhook = self._queue_up
        self._faults = FaultPlan(named)
        self._mode = webhook_mode
        self._queue = WebhookQueue(disorder or Disorder())
        pace = Pace(limits or Limits(), time_scale) if enforce_limits else None
        self._api = Api(self._world, self.log, self._faults, pace, self.settings)
        self._http = HttpServer(
            self._handle, refuse=self._api.refuse, describe=_describe, name="fake-whatsapp", max_body=MAX_BODY
        )
        self._courier = _Courier(self, webhook_policy or WebhookPolicy())
        self._http.on_close = self._courier.close
        self._control = Control(self)
        self._running = False

    # Running

    def start(self, port: int = 0) -> FakeWhatsApp:
        """Listen on 127.0.0.1, on a free port unless one is given."""
        self._http.start(port)
        self.settings.base_url = self.url
        self._running = True
        return self

    def stop(self) -> None:
        """Close every connection and stop; what was logged stays."""
        if self._running:
            self._running = False
            self._http.stop()

    def __enter__(self) -> FakeWhatsApp:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address to use in place of the Graph API."""
        return f"http://127.0.0.1:{self._http.port}"

    @property
    def webhook_url(self) -> str:
        """Where webhooks are posted to; set it, as the App Dashboard does."""
        return self.settings.webhook_url

    @webhook_url.setter
    def webhook_url(self, address: str) -> None:
        self.settings.webhook_url = address

    @property
    def token(self) -> str:
        """The access token of the app's system user."""
        return self.settings.token

    @property
    def app_secret(self) -> str:
        """What webhooks are signed with."""
        return self.settings.app_secret

    @property
    def world(self) -> World:
        """The state behind it all."""
        return self._world

    @property
    def queue(self) -> WebhookQueue:
        """The webhooks that are still to be delivered."""
        return self._queue

    @property
    def violations(self) -> list[Violation]:
        """What the real API would have let pass and a careful client does not do; tests assert that it is empty."""
        return self._world.violations

    # Who is there

    def add_number(
        self, display: str = "", *, id: str = "", account: str = "", business: str = "", name: str = "Shop"
    ) -> FakeNumber:
        """Create a business number; numbers of one ``account`` share its templates."""
        with self._world.lock:
            count = self._world.number()
            account_id = account or str(200_000_000_000_000 + count)
            if account_id not in self._world.accounts:
                business_id = business or str(300_000_000_000_000 + count)
                self._world.accounts[account_id] = Account(id=account_id, business_id=business_id)
            state = Number(
                id=id or str(100_000_000_000_000 + count),
                display=display or f"+1 555 010 {count:04d}",
                account=self._world.accounts[account_id],
                name=name,
            )
            self._world.numbers[state.id] = state
            self.numbers[state.id] = FakeNumber(self._world, state)
            return self.numbers[state.id]

    def user(
        self,
        name: str = "Ann",
        *,
        phone: str = "",
        username: str = "",
        hides_phone: bool = False,
        shows_user_id: bool = True,
    ) -> FakeUser:
        """Create a person; ``hides_phone`` for one whom businesses know by a business-scoped id alone."""
        with self._world.lock:
            phone = phone or f"4915100{self._world.number():06d}"
            person = Person(
                phone=phone, name=name, username=username, hides_phone=hides_phone, shows_user_id=shows_user_id
            )
            self._world.people.append(person)
            self.users[phone] = FakeUser(self._world, person)
            return self.users[phone]

    def add_template(
        self, number: FakeNumber, name: str, body: str = "", *, language: str = "en_US", **more: Any
    ) -> Json:
        """Create a template that was approved; ``components`` replaces the plain body."""
        components = more.pop("components", None) or [{"type": "BODY", "text": body}]
        with self._world.lock:
            return templates.make(self._world, number.account, name, language, components, **more)

    def change_template(self, number: FakeNumber, name: str, status: str, *, reason: str = "NONE") -> None:
        """Pause, disable, reject or approve a template, and tell the app."""
        with self._world.lock:
            for template in number.account.templates:
                if template["name"] == name:
                    template["status"] = status
                    self._world.post_account(
                        number.account, "message_template_status_update",
                        {
                            "event": status, "message_template_id": int(template["id"]), "message_template_name": name,
                            "message_template_language": template["language"], "reason": reason,
                        },
                    )  # fmt: skip

    def message(self, wamid: str) -> FakeMessage:
        """Return a message by its id."""
        return FakeMessage(self._world.messages[wamid])

    # What goes wrong

    def fail(
        self,
        kind: str | None = None,
        *,
        error: Fault | str | int | Json = "500",
        recipient: str | None = None,
        number: FakeNumber | None = None,
        times: int = 1,
    ) -> None:
        """Let the next calls (of a kind, to somebody, by a number) meet a fault, by object, name or error code."""
        with self._world.lock:
            self._faults.arm(
                named(error), method=kind, chat_id=recipient, owner=int(number.id) if number else None, times=times
            )

    def fail_later(self, recipient: str, code: int | None) -> None:
        """Let messages to somebody be accepted and then fail with an error code; None ends it."""
        with self._world.lock:
            if code is None:
                self.settings.failures.pop(recipient, None)
            else:
                self.settings.failures[recipient] = code

    def chaos(self, seed: int, probabilities: Mapping[str, float], *, kinds: Iterable[str] = ()) -> None:
        """Inject faults at random, by name and probability; into some kinds of calls or into all."""
        with self._world.lock:
            self._faults.chaos(seed, probabilities, frozenset(kinds))

    def calm(self) -> None:
        """End the chaos and forget scripted faults that have not happened."""
        with self._world.lock:
            self._faults.clear()

    def close_window(self, number: FakeNumber, user: FakeUser) -> None:
        """Let 24 hours pass."""
        with self._world.lock:
            self._world.windows.pop((number.id, user.phone), None)

    def expire_media(self) -> None:
        """Let a month pass for every file."""
        with self._world.lock:
            for item in self._world.media.values():
                item.expired = True

    # Webhooks

    def sign(self, body: bytes) -> dict[str, str]:
        """Return the headers WhatsApp sends with a body."""
        digest = hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}

    def pending(self) -> list[WebhookRequest]:
        """Return what would be posted, as (headers, body); nothing is removed."""
        with self._world.lock:
            bodies = [json.dumps(entry.payload).encode() for entry in self._queue.entries]
        return [WebhookRequest(self.sign(body), body) for body in bodies]

    def deliver(self, post: Callable[[dict[str, str], bytes], int]) -> list[int]:
        """Hand every pending webhook to ``post`` once; those it answers with 2xx are done. Returns its answers."""
        answers = []
        with self._world.lock:
            entries = self._queue.entries
        for entry in entries:
            body = json.dumps(entry.payload).encode()
            status = post(self.sign(body), body)
            answers.append(status)
            if 200 <= status < 300:
                with self._world.lock:
                    self._queue.done(entry)
        return answers

    def settle(self, timeout: float = 5.0) -> bool:
        """Wait until every webhook has been delivered; false on time-out."""
        end = time.monotonic() + timeout
        while len(self._queue):
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.log.wait_for_change(min(left, 0.05))
        return True

    def _queue_up(self, payload: Json, key: Any) -> None:
        self._queue.push(self._world.number(), payload, key=key)
        if self._running and self._mode == "http" and self.webhook_url:
            self._http.loop.call_soon_threadsafe(self._courier.wake)

    # Requests

    def _handle(self, request: Request, exchange: Exchange) -> None:
        if request.path.startswith(("/v", "/media/")):
            self._api.handle(request, exchange)
        else:
            self._control.handle(request, exchange)


class _Courier(QueueCourier):
    """Posts to the app's one callback URL."""

    def __init__(self, fake: FakeWhatsApp, policy: WebhookPolicy) -> None:
        super().__init__(fake.queue, fake.world.lock, policy, time_scale=fake.world.time_scale)
        self._fake = fake

    @property
    def address(self) -> str:
        """The callback URL."""
        return self._fake.webhook_url

    def headers(self, body: bytes) -> dict[str, str]:
        """Return the signature."""
        return self._fake.sign(body)

    def note(self, entry: Entry, status: int, error: str, *, given_up: bool) -> None:
        """Log the attempt."""
        self._fake.log.add_delivery(Delivery(time=time.monotonic(), attempt=entry.attempts, status=status, error=error))
        if given_up:
            self._fake.world.complain("webhook", f"webhook {entry.number} was given up: {error}")


def _describe(status: int, reason: str) -> bytes:
    return json.dumps(GraphError(1, reason, status=status).body()).encode()
