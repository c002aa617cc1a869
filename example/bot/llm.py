"""Let a language model answer: a real one where a key is set, else one that follows a script and shows the same things.

It has a tool that looks something up, one that asks with buttons, and one whose answer comes later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

import unicom
from unicom import jobs
from unicom.conf import settings
from unicom.llm.context import message, tool_call
from unicom.llm.providers import CalledTool, Completion, Prompt
from unicom.models import CallbackExecution, Message, ToolCall

INSTRUCTION = (
    "You are the bot of a small teapot shop, in a demonstration. Be friendly and brief. You can look up orders, take "
    "returns and set reminders."
)
STOCK = {1047: "packed", 1048: "on its way, expected tomorrow", 1049: "delivered"}


@unicom.tool
def order_status(number: int) -> dict[str, Any]:
    """Tell how far an order is.

    Args:
        number: The order's number, such as 1048.
    """
    return {"order": number, "status": STOCK.get(number, "not known")}


@unicom.tool
def return_order(number: int) -> None:
    """Take an order back. The person is asked to confirm with buttons; the answer comes when they click."""
    buttons = [
        {"text": text, "callback_data": {"type": "demo_return", "answer": answer}}
        for text, answer in (("Yes, send it back", "yes"), ("No, keep it", "no"))
    ]
    message.reply_with({"text": f"Shall I take back order {number}?", "buttons": [buttons]})


@unicom.tool
def remind_me(about: str, seconds: int = 10) -> None:
    """Remind the person of something later. The answer comes when the time has come."""
    due = timedelta(seconds=max(1, min(seconds, 86_400)))
    jobs.enqueue("demo_reminder", tool_call.call_id, {"call": tool_call.call_id, "about": about}, delay=due)


@jobs.job("demo_reminder")
def remind(args: dict[str, Any]) -> None:
    """Answer the call: the model goes on and tells the person."""
    call = ToolCall.objects.filter(call_id=args["call"]).first()
    if call is not None:
        call.respond({"it_is_time_for": args["about"], "at": timezone.localtime().strftime("%H:%M:%S")})


TOOLS = (order_status, return_order, remind_me)


def takes(incoming: Message) -> bool:
    """Tell whether the model answers a message: all of them where there is a real one."""
    return has_real_model() or (not incoming.media and scripted(incoming.text) is not None)


def has_real_model() -> bool:
    """Tell whether a key is set."""
    return bool(settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL)


def answer(incoming: Message) -> None:
    """Have the model answer a message."""
    incoming.reply_using_llm(
        model=settings.UNICOM_LLM_MODEL if has_real_model() else "scripted:demo",
        system_instruction=INSTRUCTION,
        tools=TOOLS,
        stream=has_real_model(),
        apology="I am sorry, I cannot answer that now.",
    )


def confirmed(execution: CallbackExecution, call: ToolCall | None, original: Message) -> bool:
    """Answer the call that a button belongs to; False for a button of something else."""
    data = execution.callback_data
    if not isinstance(data, dict) or data.get("type") != "demo_return" or call is None:
        return False
    if call.status == ToolCall.Status.IN_PROGRESS:
        original.edit_original_message({"text": f"{original.text} {execution.text}."})
        call.respond({"confirmed": data["answer"] == "yes"})
    return True


# A model that follows a script


def scripted(words: str) -> CalledTool | None:
    """Return the tool that the script calls for some words."""
    for pattern, name, arguments in _SCRIPT:
        if found := pattern.search(words):
            return CalledTool(name=name, arguments=json.dumps(arguments(found)))
    return None


_SCRIPT: list[tuple[re.Pattern[str], str, Callable[[re.Match[str]], dict[str, Any]]]] = [
    (
        re.compile(r"\b(return|send back)\b.*?\border (\d{1,9})\b", re.I),
        "return_order",
        lambda m: {"number": int(m[2])},
    ),
    (re.compile(r"\bwhere is (my )?order (\d{1,9})\b", re.I), "order_status", lambda m: {"number": int(m[2])}),
    (
        re.compile(r"\bremind me in (\d{1,5}) seconds? (?:to |of |about )?(.+)", re.I | re.S),
        "remind_me",
        lambda m: {"seconds": int(m[1]), "about": m[2].strip()[:200]},
    ),
]


class ScriptedModel:
    """Be the provider ``scripted``: it calls the tool that somebody's words ask for, and tells what came of it."""

    def complete(self, prompt: Prompt, on_text: Callable[[str], None] | None = None) -> Completion:
        """Answer the last message: a person's with a call, a tool's with words."""
        last = prompt.messages[-1]
        if last["role"] == "tool":
            return Completion(text=self._told(prompt, json.loads(last["content"])), model="demo")
        called = scripted(str(last["content"]))
        if called is None:
            return Completion(text="I only know orders, returns and reminders.", model="demo")
        return Completion(tool_calls=(called,), model="demo")

    def speak(self, text: str, *, voice: str) -> bytes:
        """Say nothing: it has no voice, and nobody asks for one here."""
        raise NotImplementedError

    def transcribe(self, content: bytes, name: str) -> str:
        """Hear nothing: recordings are left to the rules."""
        raise NotImplementedError

    def _told(self, prompt: Prompt, result: Any) -> str:
        result = result.get("result", result) if isinstance(result, dict) else {}
        if "status" in result and "order" in result:
            return f"Order {result['order']} is {result['status']}."
        if "confirmed" in result:
            return "It is noted: a label comes by mail." if result["confirmed"] else "Good, it stays with you."
        if "it_is_time_for" in result:
            return f"⏰ It is {result['at']}, and time: {result['it_is_time_for']}"
        return "Something went wrong there, I am afraid."
