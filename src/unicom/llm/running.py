"""Run a tool's function: within its time, with what it needs at hand, and whatever it does contained."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connections

from unicom.conf import settings
from unicom.llm import context
from unicom.llm.tool_calls import plain
from unicom.llm.tools import Tool
from unicom.models import ToolCall

logger = logging.getLogger("unicom.llm")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Be what came of a run: a result, an error in one sentence, or neither, and then the answer comes later."""

    result: Any = None
    error: str = ""


def run(tool: Tool, call: ToolCall, arguments: Mapping[str, Any]) -> Outcome:
    """Run the function in its time; an exception or an odd result is an outcome, never raised."""
    request = call.request
    at_hand = context.Running(
        tool_call=call,
        message=call.initial_user_message,
        request=request,
        chat=call.chat,
        account=request.account if request else None,
    )
    given = {**arguments, **{name: getattr(at_hand, name) for name in tool.injected}}
    limit = tool.timeout if tool.timeout is not None else settings.UNICOM_TOOL_TIMEOUT
    try:
        with context.running(at_hand):
            returned = _within(limit, lambda: _called(tool, given, limit))
        return Outcome(result=None if returned is None else plain(returned))
    except TimeoutError:
        return Outcome(error=f"took longer than {limit:g} seconds; what it does may still happen")
    except Exception as error:
        # A tool is somebody's code: its mistakes are told to the model and shown on the call, and cost nobody the turn.
        logger.warning("Tool %s failed on call %s.", tool.name, call.call_id, exc_info=True)
        return Outcome(error=f"{type(error).__name__}: {error}")


def _called(tool: Tool, given: Mapping[str, Any], limit: float) -> Any:
    returned = tool.run(**given)
    if inspect.isawaitable(returned):

        async def within() -> Any:
            return await asyncio.wait_for(returned, limit)

        # What it awaits of Django's runs in this thread, with this thread's connections.
        return async_to_sync(within)()
    return returned


def _within(limit: float, call: Callable[[], Any]) -> Any:
    """Call in a thread of its own and wait so long; a function cannot be stopped, but it can be left behind."""
    done: list[Any] = []
    failed: list[BaseException] = []
    # Within a transaction (a test's) the function must see what is not committed, so it gets the same connections.
    shared = [connection for connection in connections.all(initialized_only=True) if connection.in_atomic_block]
    surroundings = contextvars.copy_context()

    def work() -> None:
        for connection in shared:
            connections[connection.alias] = connection
        try:
            done.append(surroundings.run(call))
        except BaseException as error:
            failed.append(error)
        finally:
            if not shared:
                connections.close_all()

    for connection in shared:
        connection.inc_thread_sharing()
    try:
        thread = threading.Thread(target=work, name="unicom-tool", daemon=True)
        thread.start()
        thread.join(limit)
    finally:
        for connection in shared:
            connection.dec_thread_sharing()
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError
    return done[0]
