"""One request of the Bot API from its path to its answer: token, fault, pace, method, log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unicom.testing.faults import Fault, FaultPlan
from unicom.testing.http import Exchange, Request
from unicom.testing.telegram.errors import NOT_FOUND, UNAUTHORIZED, ApiError, Json, too_many_requests
from unicom.testing.telegram.forms import Form, read_form
from unicom.testing.telegram.limits import Pace
from unicom.testing.telegram.log import Call, Log
from unicom.testing.telegram.media import MAX_UPLOAD
from unicom.testing.telegram.methods import METHODS, PARAMETERS, SENDING, SPELLING, Context
from unicom.testing.telegram.methods.updates import set_webhook
from unicom.testing.telegram.params import Params
from unicom.testing.telegram.polling import Polling
from unicom.testing.telegram.world import BotState, World

MAX_REQUEST = MAX_UPLOAD + 1024 * 1024


@dataclass(kw_only=True, slots=True)
class Settings:
    """What may be changed while the server runs."""

    latency: float = 0.0
    """Seconds by which every answer is late; calls are carried out on arrival and do not wait for each other."""
    allow_loopback: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """A call before it is carried out."""

    request: Request
    form: Form
    bot_id: int
    method: str
    weight: int
    time: float
    fault: Fault | None


class Api:
    """Answers the requests below ``/bot`` and ``/file/bot``."""

    def __init__(
        self, world: World, log: Log, faults: FaultPlan, pace: Pace | None, polling: Polling, settings: Settings
    ) -> None:
        self._world = world
        self._log = log
        self._faults = faults
        self._pace = pace
        self._polling = polling
        self._settings = settings
        self.on_webhook: Callable[[BotState], None] = lambda bot: None
        """Called when a webhook has been set."""

    def refuse(self, path: str) -> bool:
        """Return whether a request is to be cut off after its head."""
        token, method = _split(path)
        if method is None or not self._faults.left:
            return False
        with self._world.lock:
            refused = self._faults.refuses(method.lower())
            if refused:
                bot = self._world.tokens.get(token)
                self._log.add(
                    Call(
                        number=len(self._log), time=time.monotonic(), wall=time.time(), bot_id=bot.id if bot else 0,
                        method=SPELLING.get(method.lower(), method), params={}, status=0, effect=False,
                        fault="drop_before",
                    )
                )  # fmt: skip
            return refused

    def handle(self, request: Request, exchange: Exchange) -> None:
        """Answer one request."""
        if request.path.startswith("/file/bot"):
            self._download(request, exchange)
            return
        token, method = _split(request.path)
        if method is None:
            self._answer(exchange, *_failure(*NOT_FOUND))
            return
        with self._world.lock:
            self._call(token, method.lower(), request, exchange)

    def _call(self, token: str, method: str, request: Request, exchange: Exchange) -> None:
        bot = self._world.tokens.get(token)
        form = Form(params={}, files={}, transport="query")
        problem: ApiError | None = None
        if bot is None or bot.revoked:
            # A token that is none by its form is a path that does not exist.
            problem = ApiError(*(UNAUTHORIZED if token.partition(":")[0].isdigit() and ":" in token else NOT_FOUND))
        elif len(request.body) > MAX_REQUEST:
            problem = ApiError(413, "Request Entity Too Large")
        else:
            try:
                form = read_form(request)
            except ApiError as error:
                problem = error
            if problem is None and method not in SPELLING:
                problem = ApiError(*NOT_FOUND)
        bot_id = bot.id if bot is not None else 0
        chat_id = form.params.get("chat_id")
        fault = self._faults.pick(method, bot_id, None if chat_id is None else str(chat_id))
        incoming = Incoming(
            request=request, form=form, bot_id=bot_id, method=method, weight=_weight(method, form.params),
            time=time.monotonic(), fault=fault,
        )  # fmt: skip
        if fault is not None and not fault.effect:
            status = fault.status if fault.kind != "timeout" else 0
            self._record(incoming, _requested_chat(chat_id), status, effect=False, description=_description(fault))
            self._hold(incoming, _requested_chat(chat_id))
            self._fail(exchange, fault, b"")
        elif bot is None or problem is not None:
            self._respond(incoming, exchange, None, problem or ApiError(*UNAUTHORIZED))
        else:
            self._run(incoming, bot, exchange)

    def _run(self, incoming: Incoming, bot: BotState, exchange: Exchange) -> None:
        method, form = incoming.method, incoming.form
        context = Context(self._world, bot, SPELLING[method], Params(form))
        for name in sorted(form.params.keys() | form.files.keys()):
            if name not in PARAMETERS[context.method] and not _is_attachment(name, form):
                context.complain(f"unknown parameter {name!r}")
            elif form.params.get(name, "") is None:
                context.complain(f"{name}: null instead of nothing")
        if method == "getupdates":
            self._polling.begin(context, exchange, lambda result: self._respond(incoming, exchange, context, result))
            return
        self._respond(incoming, exchange, context, self._perform(context, incoming))

    def _perform(self, context: Context, incoming: Incoming) -> Any:
        try:
            self._check_pace(context, incoming)
            if incoming.method == "setwebhook":
                result: Any = set_webhook(context, allow_loopback=self._settings.allow_loopback)
                self._polling.end(context.bot)
                self.on_webhook(context.bot)
                return result
            return METHODS[context.method](context)
        except ApiError as error:
            return error
        except Exception as error:  # a client must never hang because of a mistake of ours
            context.complain(f"the fake failed: {type(error).__name__}: {error}")
            return ApiError(500, "Internal Server Error")

    def _check_pace(self, context: Context, incoming: Incoming) -> None:
        if self._pace is None or not incoming.weight:
            return
        chat_id = _requested_chat(incoming.form.params.get("chat_id"))
        refusal = self._pace.check(incoming.time, context.bot.id, chat_id, incoming.weight)
        if refusal is not None:
            retry_after, sentence = refusal
            if "before retry_after" in sentence:
                context.complain(sentence)
            raise too_many_requests(retry_after)

    def _hold(self, incoming: Incoming, chat_id: int | None) -> None:
        fault = incoming.fault
        if self._pace is not None and incoming.weight and fault is not None and fault.status == 429:
            retry_after = int(json.loads(fault.body)["parameters"]["retry_after"])
            self._pace.hold(incoming.time, incoming.bot_id, chat_id, retry_after)

    def _respond(self, incoming: Incoming, exchange: Exchange, context: Context | None, result: Any) -> None:
        fault = incoming.fault
        requested = _requested_chat(incoming.form.params.get("chat_id"))
        if isinstance(result, ApiError):
            status, answer = result.code, result.body()
            self._record(incoming, requested, status, effect=False, description=result.description)
        else:
            status, answer = 200, {"ok": True, "result": result}
            if context is not None and context.description:
                answer["description"] = context.description
            unanswered = fault is not None and fault.kind in ("timeout", "drop")
            self._record(incoming, requested, 0 if unanswered else status, effect=True, context=context)
        body = json.dumps(answer).encode()
        if fault is not None:
            self._fail(exchange, fault, body, status)
        else:
            self._answer(exchange, status, body)

    def _record(
        self, incoming: Incoming, chat_id: int | None, status: int, *, effect: bool, description: str = "",
        context: Context | None = None,
    ) -> None:  # fmt: skip
        now = incoming.time
        self._log.add(
            Call(
                number=len(self._log), time=now, wall=time.time() - (time.monotonic() - now),
                bot_id=incoming.bot_id, method=SPELLING.get(incoming.method, incoming.method),
                params=incoming.form.params, chat_id=context.chat_id if context and context.chat_id else chat_id,
                status=status, description=description, effect=effect,
                fault=incoming.fault.name if incoming.fault else "",
                message_ids=context.message_ids if context else (), text=context.text if context else "",
                weight=incoming.weight, transport=incoming.form.transport, reused=incoming.request.reused,
            )
        )  # fmt: skip

    def _answer(self, exchange: Exchange, status: int, body: bytes) -> None:
        exchange.reply(status, body, delay=self._settings.latency)

    def _fail(self, exchange: Exchange, fault: Fault, body: bytes, status: int = 200) -> None:
        if fault.kind == "timeout":
            exchange.hold(fault.seconds)
        elif fault.kind == "drop":
            exchange.drop()
        elif fault.kind == "slow":
            exchange.reply(status, body, delay=self._settings.latency + fault.seconds)
        else:
            latency = self._settings.latency
            exchange.reply(fault.status, fault.body, content_type=fault.content_type, delay=latency)

    def _download(self, request: Request, exchange: Exchange) -> None:
        token, _, path = request.path.removeprefix("/file/bot").partition("/")
        with self._world.lock:
            bot = self._world.tokens.get(token)
            stored = self._world.files.by_path.get((bot.id, path)) if bot is not None and not bot.revoked else None
            fault = self._faults.pick("file", bot.id if bot else 0, None)
            incoming = Incoming(
                request=request, form=Form(params={"path": path}, files={}, transport="query"),
                bot_id=bot.id if bot else 0, method="file", weight=0, time=time.monotonic(), fault=fault,
            )  # fmt: skip
            status = 200 if stored is not None else 404
            if fault is not None:
                status = fault.status
            self._record(incoming, None, status, effect=stored is not None and fault is None)
        if fault is not None:
            self._fail(exchange, fault, stored.data if stored else b"", 200 if stored else 404)
        elif stored is None:
            self._answer(exchange, *_failure(*NOT_FOUND))
        else:
            latency = self._settings.latency
            exchange.reply(200, stored.data, content_type="application/octet-stream", delay=latency)


def _split(path: str) -> tuple[str, str | None]:
    """Return token and method of ``/bot<token>/<method>``."""
    if not path.startswith("/bot"):
        return "", None
    token, slash, method = path[4:].partition("/")
    return token, method.rstrip("/") if slash and method else None


def _failure(code: int, description: str) -> tuple[int, bytes]:
    return code, json.dumps(ApiError(code, description).body()).encode()


def _weight(method: str, params: Json) -> int:
    if method not in SENDING:
        return 0
    if method != "sendmediagroup":
        return 1
    media = params.get("media")
    if isinstance(media, str):
        try:
            media = json.loads(media)
        except ValueError:
            return 1
    return len(media) if isinstance(media, list) and media else 1


def _requested_chat(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _is_attachment(name: str, form: Form) -> bool:
    return name in form.files and any(f"attach://{name}" in str(value) for value in form.params.values())


def _description(fault: Fault) -> str:
    try:
        return str(json.loads(fault.body)["description"])
    except (ValueError, KeyError):
        return ""
