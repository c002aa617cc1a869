"""Answer the Graph API's calls, log them, and let faults happen."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from unicom.testing.faults import Fault, FaultPlan
from unicom.testing.http import Exchange, Request
from unicom.testing.multipart import Upload, read_multipart
from unicom.testing.pacing import Pace
from unicom.testing.whatsapp import accounts, media, messages
from unicom.testing.whatsapp.errors import GraphError, Json, graph_error, invalid, unknown_object
from unicom.testing.whatsapp.log import Call, Log
from unicom.testing.whatsapp.world import World


@dataclass(kw_only=True, slots=True)
class Settings:
    """What can be changed while it runs."""

    token: str
    app_id: str
    app_secret: str
    latency: float = 0.0
    auto_statuses: tuple[str, ...] = ("sent", "delivered")
    """What is told by itself of each message that was accepted."""
    scopes: tuple[str, ...] = ("whatsapp_business_messaging", "whatsapp_business_management")
    base_url: str = ""
    webhook_url: str = ""
    webhook_fields: tuple[str, ...] = ("messages",)
    """What the app has subscribed, as the App Dashboard tells."""
    failures: dict[str, int] = field(default_factory=dict)
    """Error codes with which messages to somebody fail after they were accepted."""


@dataclass(kw_only=True, slots=True)
class Context:
    """One call while it is answered."""

    world: World
    settings: Settings
    request: Request
    path: list[str]
    params: Json
    files: dict[str, Upload]
    recipient: str = ""
    wamid: str = ""
    text: str = ""
    after: list[Callable[[], None]] = field(default_factory=list)
    """What follows once the call was carried out, such as statuses."""

    def complain(self, what: str) -> None:
        """Note what a careful client does not do."""
        self.world.complain("/".join(self.path), what)


class Api:
    """Answers everything below ``/v<version>/`` and the addresses of media."""

    def __init__(self, world: World, log: Log, plan: FaultPlan, pace: Pace | None, settings: Settings) -> None:
        self._world = world
        self._log = log
        self._faults = plan
        self._pace = pace
        self._settings = settings

    def refuse(self, path: str) -> bool:
        """Return whether the connection is to be cut as soon as the head is there."""
        with self._world.lock:
            return self._faults.refuses(kind_of(_parts(path)))

    def handle(self, request: Request, exchange: Exchange) -> None:
        """Answer one request."""
        with self._world.lock:
            if request.path.startswith("/media/"):
                self._download(request, exchange)
            else:
                self._call(request, exchange)

    def _call(self, request: Request, exchange: Exchange) -> None:
        path = _parts(request.path)
        context = Context(world=self._world, settings=self._settings, request=request, path=path, params={}, files={})
        problem: GraphError | None = None
        try:
            context.params, context.files = _read(request)
            self._check_token(context)
        except GraphError as error:
            problem = error
        number = path[0] if path else ""
        context.recipient = str(context.params.get("to") or context.params.get("recipient") or "")
        began = time.monotonic()
        fault = self._faults.pick(kind_of(path), int(number) if number.isdigit() else 0, context.recipient or None)
        if fault is not None and not fault.effect:
            code = _code(fault.body)
            self._record(
                context, began, 0 if fault.kind in ("timeout", "drop") else fault.status, code, fault, effect=False
            )
            self._fail(exchange, fault, b"")
            return
        answer: Any = problem
        if problem is None:
            answer = self._perform(context, began)
        failed = isinstance(answer, GraphError)
        status = answer.status if failed else 200
        body = json.dumps(answer.body() if failed else answer).encode()
        told = 0 if fault is not None and fault.kind in ("timeout", "drop") else status
        self._record(context, began, told, answer.code if failed else 0, fault, effect=not failed)
        for follow in context.after:
            follow()
        if fault is not None:
            self._fail(exchange, fault, body, status)
        else:
            exchange.reply(status, body, delay=self._settings.latency)

    def _check_token(self, context: Context) -> None:
        given = context.request.headers.get("authorization", "").removeprefix("Bearer ")
        settings = self._settings
        as_app = context.path == [settings.app_id, "subscriptions"]
        expected = f"{settings.app_id}|{settings.app_secret}" if as_app else settings.token
        if not hmac.compare_digest(given.encode("latin-1"), expected.encode()):
            raise graph_error(190)
        proof = context.params.get("appsecret_proof")
        if proof is not None:
            secret, token = self._settings.app_secret.encode(), self._settings.token.encode()
            if proof != hmac.new(secret, token, hashlib.sha256).hexdigest():
                raise GraphError(100, "Invalid appsecret_proof provided in the API argument")

    def _perform(self, context: Context, began: float) -> Any:
        try:
            if len(context.path) == 2 and context.path[1] == "messages" and context.request.method == "POST":
                self._check_pace(context, began)
            return _answer(context)
        except GraphError as error:
            return error
        except Exception as error:  # a client must never hang because of a mistake of ours
            context.complain(f"the fake failed: {type(error).__name__}: {error}")
            return graph_error(131000)

    def _check_pace(self, context: Context, began: float) -> None:
        if self._pace is None or "status" in context.params:
            return
        refusal = self._pace.check(began, int(context.path[0]), context.recipient, 1)
        if refusal is not None:
            raise graph_error(131056 if "pair" in refusal[1] else 130429, refusal[1])

    def _record(
        self, context: Context, began: float, status: int, code: int, fault: Fault | None, *, effect: bool
    ) -> None:  # fmt: skip
        path = context.path
        self._log.add(
            Call(
                number=len(self._log), time=began, verb=context.request.method, path="/".join(path),
                kind=kind_of(path), number_id=path[0] if path and path[0].isdigit() else "", params=context.params,
                recipient=context.recipient, status=status, code=code, effect=effect,
                fault=fault.name if fault else "", wamid=context.wamid, text=context.text,
            )
        )  # fmt: skip

    def _fail(self, exchange: Exchange, fault: Fault, body: bytes, status: int = 200) -> None:
        latency = self._settings.latency
        if fault.kind == "timeout":
            exchange.hold(fault.seconds)
        elif fault.kind == "drop":
            exchange.drop()
        elif fault.kind == "slow":
            exchange.reply(status, body, delay=latency + fault.seconds)
        else:
            exchange.reply(fault.status, fault.body, content_type=fault.content_type, delay=latency)

    def _download(self, request: Request, exchange: Exchange) -> None:
        key = request.path.removeprefix("/media/")
        fault = self._faults.pick("download", 0, None)
        found = media.by_key(self._world, key)
        allowed = request.headers.get("authorization") == f"Bearer {self._settings.token}"
        if fault is not None:
            self._fail(exchange, fault, found.data if found else b"")
        elif not allowed:
            exchange.reply(401, b"")
        elif found is None:
            exchange.reply(404, b"")
        else:
            exchange.reply(200, found.data, content_type=found.mime_type, delay=self._settings.latency)


def kind_of(path: list[str]) -> str:
    """Return what faults are scripted for: the edge, or ``node`` for an object itself."""
    return path[1] if len(path) > 1 else "debug_token" if path[:1] == ["debug_token"] else "node"


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    return parts[1:] if parts and parts[0].startswith("v") else []


def _read(request: Request) -> tuple[Json, dict[str, Upload]]:
    params: Json = dict(parse_qsl(request.query, keep_blank_values=True))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        try:
            fields, files = read_multipart(request.body, request.headers["content-type"])
        except ValueError as error:
            raise invalid(str(error)) from None
        return {**params, **fields}, files
    if request.body:
        try:
            given = json.loads(request.body)
        except ValueError:
            raise invalid("the body is not JSON") from None
        if not isinstance(given, dict):
            raise invalid("the body must be a JSON object")
        params.update(given)
    return params, {}


def _code(body: bytes) -> int:
    try:
        return int(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return 0


def _answer(context: Context) -> Any:
    path, verb = context.path, context.request.method
    if not path:
        raise unknown_object(context.request.path)
    if path == ["debug_token"]:
        return accounts.debug_token(context)
    if len(path) == 1:
        if path[0] in context.world.media:
            return media.node(context) if verb == "GET" else media.delete(context)
        return accounts.node(context)
    edges: dict[tuple[str, str], Callable[[Context], Any]] = {
        ("POST", "messages"): messages.send,
        ("POST", "media"): media.upload,
        ("GET", "subscriptions"): accounts.subscriptions,
        ("GET", "phone_numbers"): accounts.phone_numbers,
        ("GET", "subscribed_apps"): accounts.subscribed_apps,
        ("POST", "subscribed_apps"): accounts.subscribe,
        ("DELETE", "subscribed_apps"): accounts.unsubscribe,
        ("GET", "message_templates"): accounts.message_templates,
        ("POST", "message_templates"): accounts.create_template,
    }
    action = edges.get((verb, path[1])) if len(path) == 2 else None
    if action is None:
        raise unknown_object("/".join(path))
    return action(context)
