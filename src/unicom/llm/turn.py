"""Take a model's turn: ask it, run what it calls, ask again, until it has answered or has to wait.

A turn is a durable job in the lane of its chat, so there is one at a time, under a lease that is renewed while it runs.
What comes next is always read from the rows, and each step is written under the job's fence in a transaction of its
own: a process may die at any moment, and the next one goes on from the last step. Asking a model twice harms nobody; a
tool whose process died in the middle is not run again but reported as interrupted.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from unicom import jobs, signals
from unicom.conf import settings
from unicom.errors import InvalidMessage, InvalidTool, ModelError
from unicom.jobs import LeaseLost, RetryLater, slow_job
from unicom.llm import budget, providers, running, tool_calls, tools, typing_sign, voice
from unicom.llm.asking import Asked, as_submitted, ask, later_or_never
from unicom.llm.options import Options
from unicom.llm.tool_calls import OPEN, Status
from unicom.models import Attachment, Job, Message, Request, ToolCall
from unicom.platforms import adapter_class
from unicom.stopping import is_stopped
from unicom.streaming import RunningAnswer

logger = logging.getLogger("unicom.llm")
DONE = (Request.Status.COMPLETED, Request.Status.FAILED)
PATIENCE = timedelta(minutes=2)
"""For how long a turn waits for a file that is still being fetched."""


def reply(message: Message, given: Mapping[str, Any]) -> Message | None:
    """Have a model answer a message; see :meth:`Message.reply_using_llm`."""
    request = start(message, Options.read(given))
    if transaction.get_connection().in_atomic_block:
        return None
    _wait_for(request)
    failed = _chain(request).filter(status=Request.Status.FAILED).order_by("-pk").first()
    if failed is not None:
        raise ModelError(failed.error)
    return answer_to(request)


def start(
    message: Message, options: Options, request: Request | None = None, *, label: Mapping[str, Any] | None = None
) -> Request:
    """Write in the caller's transaction that a model is to answer; it is asked after the commit.

    ``label`` is kept in ``Request.llm["label"]`` of this request and of those that follow from it.
    """
    with transaction.atomic():
        if request is None:
            request = message.requests.filter(parent_request=None).order_by("-pk").first()
        is_over = request is not None and (request.status in DONE or request.tool_calls.exists())
        # What a model has answered already is asked for once more; what it answers while this waits is not.
        is_again = is_over or _is_answered(message)
        if request is None or is_over:
            request = Request.objects.create(
                message=message,
                channel_id=message.channel_id,
                chat_id=message.chat_id,
                account_id=message.sender_id,
                member_id=message.sender.member_id if message.sender else None,
                category=request.category if request else None,
            )
        request.llm = {"options": options.to_json(), "again": is_again, "label": dict(label or {})}
        enqueue(request)
    return request


def enqueue(request: Request) -> None:
    """Have a request's turn taken after the commit, when those before it in its chat are over."""
    request.status = Request.Status.PROCESSING
    request.save(update_fields=["llm", "status"])
    jobs.enqueue("turn", request.pk, {"request": request.pk}, lane=f"turn:{request.chat_id}")


def answer_to(request: Request) -> Message | None:
    """Return the last message with which a request, or one that followed from it, was answered."""
    root = request.initial_request_id or request.pk
    said = Message.objects.filter(chat_id=request.chat_id, is_outgoing=True, pk__gt=root, raw__llm__root=root)
    return said.order_by("-pk").first()


def _chain(request: Request) -> QuerySet[Request]:
    root = request.initial_request_id or request.pk
    return Request.objects.filter(pk=root) | Request.objects.filter(initial_request=root)


def _wait_for(request: Request) -> None:
    """Take the turn here and now, or wait while another process does."""
    jobs.run_now("turn", request.pk)
    deadline = time.monotonic() + 2 * settings.UNICOM_LLM_TIMEOUT
    mine = Job.objects.filter(kind="turn", key=request.pk)
    while time.monotonic() < deadline and mine.filter(_is_moving()).exists():
        time.sleep(0.05)
        jobs.run_now("turn", request.pk)


def _is_moving() -> Q:
    return Q(state=Job.State.RUNNING) | Q(state=Job.State.QUEUED, next_attempt_at__lte=timezone.now())


@slow_job("turn")
def take(args: dict[str, Any]) -> None:
    """Go on with a request, and with those that follow from it, until nothing is to be done now."""
    following = _load(args["request"])
    began = timezone.now()
    while following is not None:
        request = following
        try:
            following = _step(request, began)
        except (RetryLater, LeaseLost):
            raise
        except Exception as error:
            # Ours or a project's mistake: tried again as any job is, but a person is not left waiting for ever.
            failures = int(request.llm.get("failures", 0)) + 1
            request.llm["failures"] = failures
            Request.objects.filter(pk=request.pk).update(llm=request.llm, error=f"{type(error).__name__}: {error}")
            if failures < settings.UNICOM_LLM_ATTEMPTS:
                raise
            logger.exception("The turn of request %s failed.", request.pk)
            _fail(request, f"{type(error).__name__}: {error}")
            return


def _load(pk: str) -> Request | None:
    related = ("channel", "chat", "account", "message__channel", "message__chat", "message__sender", "initial_request")
    request = Request.objects.select_related(*related).filter(pk=pk).first()
    if request is not None and request.chat is not None:
        request.chat.channel = request.channel
    return request


def _step(request: Request, began: datetime) -> Request | None:
    """Do the one thing that is next for a request; returns the request to go on with."""
    child = request.child_requests.exclude(status__in=DONE).order_by("-pk").first()
    if child is not None:
        return _load(child.pk)
    if request.status in DONE or request.chat is None or request.message is None:
        return None
    options = Options.from_json(request.llm.get("options", {}))
    waiting = list(request.tool_calls.filter(status__in=OPEN).select_related("initial_user_message", "chat", "request"))
    for call in waiting:
        if call.status == Status.PENDING or call.is_running:
            _run(call, options)
            return _load(request.pk)
    if waiting:
        return None  # whoever answers the last of them makes the child that goes on
    return _ask(request, options, began)


# Asking


def _ask(request: Request, options: Options, began: datetime) -> Request | None:
    message = request.message
    assert message is not None  # noqa: S101  _step saw to it
    is_first = request.parent_request_id is None and not request.llm_calls_count
    _wait_for_files(message)
    is_answered = is_first and _is_answered(message)
    if is_answered and not request.llm.get("again"):
        # Whoever answered an earlier message had read this one, too.
        _complete(request)
        return None
    if is_stopped(message.chat_id, since=began):
        _complete(request)  # called off while its tools ran
        return None
    refused = budget.refusal(request)
    if refused:
        _fail(request, refused)
        return None
    clock = time.monotonic()
    assert request.chat is not None  # noqa: S101  _step saw to it
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(typing_sign.shown(request.chat, message))
            answer = None
            if options.stream and not options.voice:
                answer = stack.enter_context(RunningAnswer(message, {"request": request.pk}, since=began))
            asked = ask(request, options, until=message if is_answered else None, answer=answer)
            more = _spoken(request, options, asked)
            request.llm["seconds"] = round(time.monotonic() - clock, 3)
            with transaction.atomic():
                jobs.hold()
                _record(request, options, asked, more, answer)
    except ModelError as error:
        later_or_never(request, error)
        _fail(request, error.reason)
        return None
    except InvalidMessage as error:
        _fail(request, f"the answer cannot be sent: {error}")
        return None
    return _load(request.pk) if asked.completion.tool_calls else None


def _is_answered(message: Message) -> bool:
    """Tell whether a model has answered in this chat that had read the message."""
    if message.seq is None:
        return False
    said = Message.objects.filter(chat_id=message.chat_id, is_outgoing=True, raw__llm__upto__gte=message.seq)
    return said.filter(pk__gt=message.pk, raw__llm__batch__isnull=True).exists()


def _wait_for_files(message: Message) -> None:
    waiting = message.attachments.filter(state=Attachment.State.PENDING).exists()
    if waiting and timezone.now() - message.created_at < PATIENCE:
        raise RetryLater(timedelta(seconds=1))


def _spoken(request: Request, options: Options, asked: Asked) -> dict[str, Any]:
    if not options.voice or asked.completion.tool_calls or not adapter_class(request.channel.platform).supports_files:
        return {}
    provider, _ = providers.find(options.model)
    return voice.spoken(request, provider, asked.completion.text, options.voice)


def _record(
    request: Request, options: Options, asked: Asked, more: Mapping[str, Any], answer: RunningAnswer | None
) -> None:
    """Write what the model answered, and what follows from it, in one transaction."""
    completion = asked.completion
    request.llm |= {
        "round": int(request.llm.get("round", 0)) + 1,
        "usage": {
            "input": completion.input_tokens,
            "output": completion.output_tokens,
            "calls": len(completion.tool_calls),
        },
        "model": completion.model or options.model,
    }
    request.llm.pop("failures", None)
    Request.objects.filter(pk=request.pk).update(
        llm=request.llm,
        llm_calls_count=F("llm_calls_count") + 1,
        llm_token_usage=F("llm_token_usage") + completion.input_tokens + completion.output_tokens,
        error="the model's answer was cut where it had to end" if completion.is_cut else "",
    )
    seen: dict[str, Any] = {"upto": asked.upto, "root": request.initial_request_id or request.pk}
    if completion.tool_calls:
        _submit(request, options, asked, seen, answer)
    else:
        _say(request, completion.text, seen, more, answer)
        _complete(request)
    request.refresh_from_db(fields=["status", "error"])
    signals.model_asked.send(sender=Request, request=request)


def _submit(
    request: Request, options: Options, asked: Asked, seen: dict[str, Any], answer: RunningAnswer | None
) -> None:
    read = [as_submitted(call) for call in asked.completion.tool_calls]
    made = tool_calls.submit(request, [call for call, _ in read], llm=seen)
    text = asked.completion.text
    if text.strip() and made[0].call_message is not None:
        _say(request, text, made[0].call_message.raw["llm"], {}, answer)
    most = settings.UNICOM_TOOL_MAX_CALLS
    offered = [str(spec["name"]) for spec in options.tools]
    for number, (call, (_, wrong)) in enumerate(zip(made, read, strict=True)):
        if number >= most:
            wrong = f"not run: {len(made)} calls at once; at most {most} are run"
        elif call.tool_name not in offered:
            wrong = f"there is no tool {call.tool_name!r}; there are {', '.join(offered) or 'none at all'}"
        if wrong:
            tool_calls.answer(call, {"error": wrong}, status=Status.ERROR)


def _say(
    request: Request,
    text: str,
    seen: Mapping[str, Any],
    more: Mapping[str, Any],
    answer: RunningAnswer | None,
) -> None:
    assert request.message is not None  # noqa: S101  _step saw to it
    mark = {**seen, "request": request.pk}
    if answer is not None and answer.finish(text, mark) is not None:
        return
    said = request.message.reply_with({"text": text, "parse_mode": "Markdown", **more})
    Message.objects.filter(pk=said.pk).update(raw={**said.raw, "llm": mark})


def _complete(request: Request) -> None:
    Request.objects.filter(pk=request.pk).update(status=Request.Status.COMPLETED, completed_at=timezone.now())


def _fail(request: Request, reason: str) -> None:
    """Show on the request why it was not answered, and tell the person where there are words for it."""
    apology = request.llm.get("options", {}).get("apology")
    with transaction.atomic():
        jobs.hold()
        failed = Request.objects.filter(pk=request.pk).exclude(status__in=DONE)
        if not failed.update(status=Request.Status.FAILED, error=reason, completed_at=timezone.now()):
            return
        request.status, request.error = Request.Status.FAILED, reason
        signals.model_asked.send(sender=Request, request=request)
        logger.warning("Request %s was not answered: %s", request.pk, reason)
        if apology and request.message is not None:
            try:
                request.message.reply_with({"text": apology})
            except InvalidMessage as error:
                logger.warning("Nor could the person be told: %s", error)


# Calling


def _run(call: ToolCall, options: Options) -> None:
    """Run one call's function, or say why not, and write what came of it."""
    spec = next((spec for spec in options.tools if spec["name"] == call.tool_name), None)
    tool = tools.load(spec) if spec else None
    if call.is_running:
        with transaction.atomic():
            jobs.hold()
            if tool is None or not tool.repeatable:
                tool_calls.interrupt(call)
                return
            ToolCall.objects.filter(pk=call.pk, is_running=True).update(is_running=False, status=Status.PENDING)
    with transaction.atomic():
        jobs.hold()
        if not tool_calls.begin(call):
            return
    if tool is None:
        outcome = running.Outcome(error="this tool's function cannot be found by the process that was to run it")
    else:
        try:
            outcome = running.run(tool, call, tool.check(call.arguments))
        except InvalidTool as error:
            outcome = running.Outcome(error=f"the arguments do not fit: {error}")
    with transaction.atomic():
        jobs.hold()
        _settle(call, tool, outcome)


def _settle(call: ToolCall, tool: tools.Tool | None, outcome: running.Outcome) -> None:
    """Write what came of a run; the function may meanwhile have said itself what its call is."""
    call.refresh_from_db()
    if call.status == Status.ACTIVE:
        ToolCall.objects.filter(pk=call.pk).update(is_running=False)
        if outcome.error:
            tool_calls.answer(call, {"error": outcome.error}, status=Status.ERROR)
        elif outcome.result is not None:
            tool_calls.answer(call, outcome.result)
        if call.request is not None:
            tool_calls.settled(call.request)
    elif call.status not in OPEN:
        if outcome.error or outcome.result not in (None, call.result):
            logger.warning("Call %s was answered while it ran; what the function returned is left out.", call.call_id)
    elif outcome.error:
        tool_calls.answer(call, {"error": outcome.error}, status=Status.ERROR)
    elif outcome.result is None:
        days = settings.UNICOM_TOOL_DEADLINE_DAYS
        wait = tool.deadline if tool and tool.deadline else timedelta(days=days) if days else None
        tool_calls.mark_in_progress(call, deadline=call.deadline_at or (timezone.now() + wait if wait else None))
    else:
        tool_calls.answer(call, outcome.result)


__all__ = ["answer_to", "enqueue", "reply", "start", "take"]
