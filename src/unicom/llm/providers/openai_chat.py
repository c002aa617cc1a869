"""Ask any endpoint that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from unicom.errors import ModelError
from unicom.llm.providers import CalledTool, Completion, Prompt
from unicom.llm.providers.sdk import SDK


class ChatProvider(SDK):
    """Speak ``/chat/completions``."""

    def complete(self, prompt: Prompt, on_text: Callable[[str], None] | None = None) -> Completion:
        """Ask, streaming where somebody listens."""
        asked: dict[str, Any] = {**prompt.options, "model": prompt.model, "messages": list(prompt.messages)}
        if prompt.tools:
            asked["tools"] = [{"type": "function", "function": dict(tool)} for tool in prompt.tools]
        with self.client() as client:
            if on_text is not None:
                stream = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
                return _streamed(stream, on_text)
            answered: Any = client.chat.completions.create(**asked)
        return _read(answered)


def _read(answered: Any) -> Completion:
    choices = getattr(answered, "choices", None)
    if not choices or choices[0].message is None:
        raise ModelError("the model's answer has no choice in it", retryable=True, code="unreadable")
    choice = choices[0]
    calls = tuple(
        CalledTool(
            name=str(call.function.name or ""), arguments=_written(call.function.arguments), id=str(call.id or "")
        )
        for call in choice.message.tool_calls or ()
        if getattr(call, "function", None) is not None
    )
    return Completion(
        text=_text(choice.message),
        tool_calls=calls,
        is_cut=choice.finish_reason == "length",
        model=str(answered.model or ""),
        **_usage(answered.usage),
    )


def _text(message: Any) -> str:
    content = message.content if isinstance(message.content, str) else ""
    return content or (getattr(message, "refusal", None) or "")


def _written(arguments: Any) -> str:
    # Some endpoints send the object itself.
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {})


def _usage(usage: Any) -> dict[str, int]:
    return {
        "input_tokens": int(getattr(usage, "prompt_tokens", 0) or 0),
        "output_tokens": int(getattr(usage, "completion_tokens", 0) or 0),
    }


def _streamed(stream: Any, on_text: Callable[[str], None]) -> Completion:
    text: list[str] = []
    calls: dict[int, dict[str, str]] = {}
    usage: dict[str, int] = {}
    finish_reason, model = None, ""
    for chunk in stream:
        model = model or str(chunk.model or "")
        if getattr(chunk, "usage", None):
            usage = _usage(chunk.usage)
        for choice in chunk.choices[:1]:
            finish_reason = choice.finish_reason or finish_reason
            piece = choice.delta.content or getattr(choice.delta, "refusal", None)
            if piece:
                text.append(piece)
                on_text(piece)
            for delta in choice.delta.tool_calls or ():
                call = calls.setdefault(delta.index or 0, {"id": "", "name": "", "arguments": ""})
                call["id"] = call["id"] or delta.id or ""
                if delta.function is not None:
                    call["name"] += delta.function.name or ""
                    call["arguments"] += delta.function.arguments or ""
    if finish_reason is None:
        raise ModelError("the model's answer broke off", retryable=True, code="cut")
    return Completion(
        text="".join(text),
        tool_calls=tuple(CalledTool(**call) for _, call in sorted(calls.items())),
        is_cut=finish_reason == "length",
        model=model,
        **usage,
    )
