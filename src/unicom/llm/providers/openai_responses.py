"""Ask OpenAI's responses endpoint, for models named ``openai-responses:…``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from unicom.errors import ModelError
from unicom.llm.providers import CalledTool, Completion, Prompt
from unicom.llm.providers.sdk import SDK


class ResponsesProvider(SDK):
    """Speak ``/responses``; nothing is kept there, the whole conversation is sent each time."""

    def complete(self, prompt: Prompt, on_text: Callable[[str], None] | None = None) -> Completion:
        """Ask, streaming where somebody listens."""
        asked: dict[str, Any] = {
            "store": False,
            **prompt.options,
            "model": prompt.model,
            "input": list(_input(prompt.messages)),
        }
        if prompt.messages[0]["role"] == "system":
            asked["instructions"] = prompt.messages[0]["content"]
        if prompt.tools:
            asked["tools"] = [{"type": "function", "strict": False, **tool} for tool in prompt.tools]
        with self.client() as client:
            if on_text is None:
                return _read(client.responses.create(**asked))
            answered = None
            for event in client.responses.create(**asked, stream=True):
                if event.type == "response.output_text.delta":
                    on_text(event.delta)
                elif event.type in ("response.completed", "response.incomplete", "response.failed"):
                    answered = event.response
        if answered is None:
            raise ModelError("the model's answer broke off", retryable=True, code="cut")
        return _read(answered)


def _read(answered: Any) -> Completion:
    if answered.status == "failed":
        reason = answered.error.message if answered.error else "no reason given"
        raise ModelError(f"the model failed: {reason}", retryable=True, code="failed")
    text, calls = [], []
    for item in answered.output:
        if item.type == "message":
            text += [str(getattr(part, "text", None) or getattr(part, "refusal", "")) for part in item.content]
        elif item.type == "function_call":
            calls.append(CalledTool(name=item.name, arguments=item.arguments, id=item.call_id))
    return Completion(
        text="".join(text),
        tool_calls=tuple(calls),
        input_tokens=answered.usage.input_tokens if answered.usage else 0,
        output_tokens=answered.usage.output_tokens if answered.usage else 0,
        is_cut=answered.status == "incomplete",
        model=str(answered.model or ""),
    )


def _input(messages: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        role, content = message["role"], message.get("content")
        if role == "system":
            continue
        if role == "tool":
            yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": content}
            continue
        if content:
            parts = [_part(part) for part in content] if isinstance(content, list) else content
            yield {"type": "message", "role": role, "content": parts}
        for call in message.get("tool_calls", ()):
            yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    if part["type"] == "image_url":
        return {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "auto"}
    return dict(part)
