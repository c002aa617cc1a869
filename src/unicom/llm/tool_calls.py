"""Keep what a call of a tool may become, in one place: the state machine of ToolCall.

::

    PENDING ──run──▶ IN_PROGRESS ──respond──▶ COMPLETED | ERROR        answered, once and for all
       │                 │  ╰──its worker died──▶ INTERRUPTED           answered too; a real answer may still come
       ╰──respond──▶     ╰──mark_active──▶ ACTIVE ──respond──▶ ACTIVE   reports, any number of times
                                             ╰──finish──▶ COMPLETED

PENDING and IN_PROGRESS calls are *open*. When the last open call of a request is answered, one child request is made;
every change of a request's calls happens under the lock of its row, so two answers at once make one child, not none
or two. An ACTIVE call never makes a child.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from unicom import jobs, tool_log
from unicom.cleaning import clean
from unicom.errors import InvalidTool, ToolCallAnswered
from unicom.ids import unguessable, uuid7
from unicom.jobs import job
from unicom.models import Message, Request, ToolCall

Status = ToolCall.Status
OPEN = (Status.PENDING, Status.IN_PROGRESS)
ANSWERED = (Status.COMPLETED, Status.ERROR)
_KEYS = {"name", "arguments", "id", "progress_updates_for_user"}
INHERITED = ("options", "round", "label")
NEW_TURN = timedelta(minutes=10)
INTERRUPTED = "The tool was interrupted while it ran: what it does may have happened. Do not simply repeat it."


def submit(
    request: Request, calls: Iterable[Mapping[str, Any]], *, llm: Mapping[str, Any] | None = None
) -> list[ToolCall]:
    """Write the calls that a model makes at once, and log them in the chat; raises InvalidTool, nothing saved.

    ``llm`` is kept with what is logged, so that a transcript finds what belongs together.
    """
    problems: dict[str, str] = {}
    read = [_read(call, f"calls[{number}]", problems) for number, call in enumerate(calls)]
    if not read and not problems:
        problems["calls"] = "at least one call is needed"
    if problems:
        raise InvalidTool(problems)
    with transaction.atomic():
        # Also the lock under which a request's calls change.
        known = Request.objects.filter(pk=request.pk).update(
            tool_call_count=F("tool_call_count") + len(read), status=Request.Status.PROCESSING, completed_at=None
        )
        if not known:
            raise InvalidTool({"request": f"{request.pk!r} does not exist any more"})
        batch = {"batch": uuid7(), **(llm or {})}
        made = [_write(request, call, batch) for call in read]
    request.refresh_from_db()
    return made


def _read(call: Any, where: str, problems: dict[str, str]) -> dict[str, Any]:
    if not isinstance(call, Mapping):
        problems[where] = f"a dict with name and arguments is needed, not {type(call).__name__}"
        return {}
    for key in sorted(set(map(str, call)) - _KEYS):
        problems[f"{where}.{key}"] = "not a key of a tool call"
    name = call.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 255:
        problems[f"{where}.name"] = f"the tool's name is needed, not {name!r}"
    arguments = call.get("arguments")
    if arguments is not None and not isinstance(arguments, Mapping):
        problems[f"{where}.arguments"] = f"a dict is needed, not {type(arguments).__name__}"
        arguments = None
    try:
        arguments = plain(arguments or {})
    except ValueError as error:
        problems[f"{where}.arguments"] = str(error)
    progress = call.get("progress_updates_for_user") or ""
    return {"name": name, "arguments": arguments, "id": call.get("id"), "progress": clean(str(progress))}


def _write(request: Request, call: Mapping[str, Any], llm: Mapping[str, Any]) -> ToolCall:
    row = ToolCall(
        call_id=unguessable(),
        request=request,
        chat_id=request.chat_id,
        tool_name=clean(call["name"]),
        arguments=call["arguments"],
        initial_user_message_id=request.message_id,
        progress_updates_for_user=call["progress"],
        raw={"id": str(call["id"])[:200]} if call["id"] else {},
    )
    if request.chat is not None:
        extra: dict[str, Any] = {"llm": dict(llm)}
        if call["progress"]:
            extra["progress_updates_for_user"] = call["progress"]
        row.call_message = tool_log.log_tool_interaction(
            request.chat,
            tool_call={"id": row.call_id, "name": row.tool_name, "arguments": row.arguments},
            reply_to=request.message if request.message and request.message.chat_id == request.chat_id else None,
            extra=extra,
        )
    row.save(force_insert=True)
    return row


def respond(call: ToolCall, result: Any) -> tuple[Message | None, Request | None]:
    """Answer a call, and have the child request taken up where there is one; see :meth:`ToolCall.respond`."""
    with transaction.atomic():
        message, child = answer(call, result)
        if child is not None:
            go_on(child)
    return message, child


def fail(call: ToolCall, reason: str) -> tuple[Message | None, Request | None]:
    """Answer a call with an error, and have the child request taken up where there is one."""
    with transaction.atomic():
        message, child = answer(call, {"error": str(reason)}, status=Status.ERROR)
        if child is not None:
            go_on(child)
    return message, child


def answer(call: ToolCall, result: Any, *, status: Status = Status.COMPLETED) -> tuple[Message | None, Request | None]:
    """Write the answer; what becomes of a child request is the caller's affair."""
    try:
        result = plain(result)
    except ValueError as error:
        raise InvalidTool({"result": str(error)}) from None
    with transaction.atomic():
        request = _lock(call)
        if call.status == Status.ACTIVE:
            return _log(call, result, status, is_report=True), None
        if call.status in ANSWERED:
            return _again(call, result)
        call.status, call.result, call.responded_at, call.is_running = status, result, timezone.now(), False
        call.error = str(result["error"]) if status != Status.COMPLETED else ""
        call.result_status = "success" if status == Status.COMPLETED else "error"
        call.answered_in = None
        call.save(
            update_fields=[
                "status", "result", "responded_at", "is_running", "error", "result_status", "answered_in",
            ]
        )  # fmt: skip
        message = _log(call, result, status)
        child = _child_once_settled(request)
    if child is not None:
        call.answered_in = child
    return message, child


def _again(call: ToolCall, result: Any) -> tuple[Message | None, Request | None]:
    if call.responded_at is None or call.result != result:
        was = (
            "has ended" if call.responded_at is None else f"was answered already, at {call.responded_at:%Y-%m-%d %H:%M}"
        )
        raise ToolCallAnswered({"result": f"call {call.call_id!r} {was}; another answer cannot be taken"})
    logged = Message.objects.filter(
        chat_id=call.chat_id, media_type="tool_response", raw__tool_response__call_id=call.call_id
    )
    return logged.order_by("-seq").first(), call.answered_in


def mark_active(call: ToolCall) -> None:
    """Have an open call report from now on; where others only waited for it, they go on."""
    with transaction.atomic():
        request = _lock(call)
        if call.status == Status.ACTIVE:
            return
        if call.status not in OPEN:
            raise ToolCallAnswered(
                {"status": f"call {call.call_id!r} is {call.status}; only an open call can be active"}
            )
        call.status, call.deadline_at = Status.ACTIVE, None
        call.started_at = call.started_at or timezone.now()
        call.save(update_fields=["status", "deadline_at", "started_at"])
        # While its function runs, whoever runs it goes on by itself.
        child = None if call.is_running else _child_once_settled(request)
        if child is not None:
            go_on(child)


def mark_in_progress(call: ToolCall, *, deadline: datetime | None = None) -> None:
    """Say that an open call will be answered later; without an answer by ``deadline`` it gets an error."""
    with transaction.atomic():
        _lock(call)
        if call.status not in OPEN:
            raise ToolCallAnswered({"status": f"call {call.call_id!r} is {call.status}; only an open call can wait"})
        call.status, call.is_running = Status.IN_PROGRESS, False
        call.started_at = call.started_at or timezone.now()
        if deadline is not None:
            call.deadline_at = deadline
            delay = max(deadline - timezone.now(), timedelta(0))
            key = f"{call.call_id}:{deadline.timestamp()}"
            jobs.enqueue("tool_deadline", key, {"call": call.pk}, delay=delay)
        call.save(update_fields=["status", "is_running", "started_at", "deadline_at"])


def finish(call: ToolCall) -> None:
    """End an ACTIVE call."""
    with transaction.atomic():
        _lock(call)
        if call.status != Status.ACTIVE:
            raise ToolCallAnswered({"status": f"call {call.call_id!r} is {call.status}; only an active call can end"})
        call.status = Status.COMPLETED
        call.save(update_fields=["status"])


def begin(call: ToolCall) -> bool:
    """Take a pending call up to run its function; False where that is not to be done (any more)."""
    with transaction.atomic():
        _lock(call)
        if call.status != Status.PENDING:
            return False
        call.status, call.started_at, call.is_running = Status.IN_PROGRESS, timezone.now(), True
        call.save(update_fields=["status", "started_at", "is_running"])
    return True


def interrupt(call: ToolCall) -> Request | None:
    """Answer a call whose worker died while its function ran; returns the child request, if it was the last."""
    return answer(call, {"error": INTERRUPTED}, status=Status.INTERRUPTED)[1]


def settled(request: Request) -> Request | None:
    """Return the child request that is due because a call that others waited for has become active."""
    with transaction.atomic():
        return _child_once_settled(Request.objects.select_for_update(of=("self",)).get(pk=request.pk))


def go_on(child: Request) -> None:
    """Have a child request taken up: by the model that made the calls, else by whoever handles requests."""
    from unicom.llm import turn

    if child.llm:
        turn.enqueue(child)
    else:
        jobs.enqueue("request", child.pk, {"request": child.pk}, lane=f"chat:{child.chat_id}" if child.chat_id else "")


def _lock(call: ToolCall) -> Request | None:
    """Lock what a call belongs to, and read it anew; raises InvalidTool where it is gone."""
    request = None
    if call.request_id is not None:
        request = (
            Request.objects.select_for_update(of=("self",))
            .select_related("message", "chat", "initial_request")
            .filter(pk=call.request_id)
            .first()
        )
    else:
        ToolCall.objects.select_for_update().filter(pk=call.pk).first()
    try:
        call.refresh_from_db()
    except ToolCall.DoesNotExist:
        raise InvalidTool({"call": f"{call.call_id!r} does not exist any more"}) from None
    return request


def _log(call: ToolCall, result: Any, status: Status, *, is_report: bool = False) -> Message | None:
    if call.chat is None:
        return None
    extra: dict[str, Any] = {"result_status": "success" if status == Status.COMPLETED else "error"}
    if is_report:
        extra["llm"] = {"report": True}
    response = {"call_id": call.call_id, "result": result, "tool_name": call.tool_name}
    return tool_log.log_tool_interaction(call.chat, tool_response=response, reply_to=call.call_message, extra=extra)


def _child_once_settled(request: Request | None) -> Request | None:
    """Make the child request if no call is open and there are answers nobody has taken further."""
    if request is None or request.tool_calls.filter(status__in=OPEN).exists():
        return None
    news = request.tool_calls.filter(responded_at__isnull=False, answered_in=None)
    if not news.exists():
        return None
    llm = {key: value for key, value in request.llm.items() if key in INHERITED}
    if timezone.now() - request.created_at > NEW_TURN:
        # A model that calls tools for ever is stopped; one whose tools answer days later begins anew.
        llm.pop("round", None)
    child = Request.objects.create(
        message_id=request.message_id,
        channel_id=request.channel_id,
        chat_id=request.chat_id,
        account_id=request.account_id,
        member_id=request.member_id,
        category_id=request.category_id,
        metadata=request.metadata,
        llm=llm,
        parent_request=request,
        initial_request=request.initial_request or request,
        status=Request.Status.QUEUED,
    )
    news.update(answered_in=child)
    Request.objects.filter(pk=request.pk).update(status=Request.Status.COMPLETED, completed_at=timezone.now())
    return child


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back, cleaned; raises ValueError for what JSON cannot hold."""
    try:
        return clean(json.loads(json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"cannot be written as JSON ({error})") from None


@job("tool_deadline")
def expire(args: dict[str, Any]) -> None:
    """Answer a call that nobody has answered in time."""
    call = ToolCall.objects.filter(pk=args["call"], status__in=OPEN).first()
    if call is not None and call.deadline_at is not None and call.deadline_at <= timezone.now():
        fail(call, "nobody has answered in time")
