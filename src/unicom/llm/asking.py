"""Ask the model of a request: what it is to read, what comes back, and what becomes of its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from unicom.conf import settings
from unicom.errors import ModelError
from unicom.jobs import RetryLater, backoff
from unicom.llm import providers, tools, transcript, voice, window
from unicom.llm.options import Options
from unicom.llm.providers import CalledTool, Completion, Prompt
from unicom.models import Message, Request
from unicom.streaming import AnswerStopped, RunningAnswer

_PROGRESS = {
    "type": "string",
    "description": "A few words for the person, in their language, on what you are about to do.",
}
HALVINGS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Be what a model answered, and the number of the newest message it had read."""

    completion: Completion
    upto: int


def ask(request: Request, options: Options, *, until: Message | None, answer: RunningAnswer | None = None) -> Asked:
    """Ask, with a shorter and shorter prompt where the model says it is too long; raises ModelError."""
    provider, model = providers.find(options.model)
    hears = voice.hears(model)
    if options.multimodal and not hears:
        voice.transcribe_new(request, provider)
    assert request.chat is not None  # noqa: S101  a turn has one
    read = transcript.read(
        request.chat,
        depth=options.depth,
        mode=options.mode,
        until=until or (request.message if options.mode == "thread" else None),
        multimodal=options.multimodal,
        hears=hears,
    )
    offered = _offered(options)
    system = options.system_instruction
    most = options.max_prompt_tokens or settings.UNICOM_LLM_MAX_PROMPT_TOKENS
    taken = window.tokens(system) + window.tokens(offered)
    units = window.for_reply(read.units)
    for halving in range(HALVINGS + 1):
        messages = transcript.flat(window.fit(units, most >> halving, taken=taken), system)
        if not messages:
            raise ModelError("there is nothing in this chat for a model to answer", code="empty")
        prompt = Prompt(model=model, messages=messages, tools=offered, options=options.extra)
        try:
            completion = provider.complete(prompt, answer.grow if answer else None)
        except AnswerStopped as stopped:
            completion = Completion(text=stopped.text, model=model)
        except ModelError as error:
            if error.too_long and halving < HALVINGS:
                continue
            raise
        if not completion.text.strip() and not completion.tool_calls:
            raise ModelError("the model said nothing", retryable=True, code="nothing")
        return Asked(completion=_counted(completion, messages), upto=read.upto)
    raise AssertionError  # the last round has returned or raised


def _offered(options: Options) -> list[dict[str, Any]]:
    found = []
    for spec in options.tools:
        tool = tools.load(spec)
        if tool is None:
            continue
        parameters = json.loads(json.dumps(tool.parameters))
        parameters.setdefault("properties", {}).setdefault(tools.PROGRESS, _PROGRESS)
        found.append({"name": tool.name, "description": tool.description, "parameters": parameters})
    return found


def _counted(completion: Completion, messages: list[dict[str, Any]]) -> Completion:
    """Estimate what an endpoint does not tell: budgets must hold with it, too."""
    if completion.input_tokens or completion.output_tokens:
        return completion
    calls = [call.arguments for call in completion.tool_calls]
    return replace(
        completion,
        input_tokens=sum(window.tokens(message) for message in messages),
        output_tokens=window.tokens(completion.text) + sum(window.tokens(item) for item in calls),
    )


def later_or_never(request: Request, error: ModelError) -> None:
    """Have a request that may yet be answered asked again by raising RetryLater; return where it is not to be."""
    failures = int(request.llm.get("failures", 0)) + 1
    request.llm["failures"] = failures
    Request.objects.filter(pk=request.pk).update(llm=request.llm, error=error.reason)
    if error.retryable and failures < settings.UNICOM_LLM_ATTEMPTS:
        wait = error.retry_after if error.retry_after is not None else backoff(failures)
        raise RetryLater(max(wait, timedelta(milliseconds=100))) from None


def as_submitted(call: CalledTool) -> tuple[dict[str, Any], str]:
    """Return a model's call as it is submitted, and why its arguments cannot be read, if they cannot."""
    wrong = ""
    try:
        arguments: Any = json.loads(call.arguments or "{}")
        json.dumps(arguments, allow_nan=False)
    except (ValueError, RecursionError) as error:
        arguments, wrong = {}, f"the arguments are not JSON ({error})"
    if not isinstance(arguments, Mapping):
        arguments, wrong = {}, f"the arguments are no JSON object but {type(arguments).__name__}"
    arguments = dict(arguments)
    progress = arguments.pop(tools.PROGRESS, "")
    return {
        "name": call.name[:255] or "unnamed",
        "arguments": arguments,
        "id": call.id,
        "progress_updates_for_user": progress if isinstance(progress, str) else "",
    }, wrong
