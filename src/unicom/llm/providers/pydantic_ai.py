"""Ask the models of other makers, named ``anthropic:…``, ``google-gla:…`` and so on, through pydantic-ai."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_ai import BinaryContent, exceptions
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, infer_model
from pydantic_ai.providers import infer_provider_class
from pydantic_ai.tools import ToolDefinition

from unicom.conf import settings
from unicom.errors import ModelError
from unicom.llm import providers
from unicom.llm.providers import CalledTool, Completion, Prompt


def is_maker(name: str) -> bool:
    """Tell whether pydantic-ai knows a maker by this name."""
    try:
        infer_provider_class(name)
    except ValueError:
        return False
    except ImportError:
        return True  # known, and its SDK is not here: that is said when it is asked
    return True


class PydanticAIProvider:
    """Speak whatever pydantic-ai speaks; keys are read from the makers' own environment variables."""

    def complete(self, prompt: Prompt, on_text: Callable[[str], None] | None = None) -> Completion:
        """Ask, streaming where somebody listens."""
        try:
            model = infer_model(prompt.model)
            providers.allow(str(model.base_url or ""))
            asked: dict[str, Any] = {
                "messages": _messages(prompt.messages),
                "model_settings": {"timeout": settings.UNICOM_LLM_TIMEOUT, **prompt.options},
                "model_request_parameters": ModelRequestParameters(
                    function_tools=[_tool(tool) for tool in prompt.tools], allow_text_output=True
                ),
            }
            answered = asyncio.run(_asked(model, asked, on_text))
        except ModelError:
            raise
        except (exceptions.UserError, ImportError, ValueError) as error:
            raise ModelError(f"{prompt.model}: {error}", code="configuration") from None
        except exceptions.AgentRunError as error:
            raise _translated(error) from None
        return _read(answered)

    def speak(self, text: str, *, voice: str) -> bytes:
        """Refuse: these models write."""
        raise ModelError("this model's maker offers no speech here", code="unsupported")

    def transcribe(self, content: bytes, name: str) -> str:
        """Refuse: these models read."""
        raise ModelError("this model's maker offers no transcription here", code="unsupported")


async def _asked(model: Model, asked: Mapping[str, Any], on_text: Callable[[str], None] | None) -> ModelResponse:
    # Entering the model is what closes its connections at the end, on the loop that opened them.
    async with model:
        if on_text is None:
            return await model_request(model, **asked)
        return await _streamed(model, asked, on_text)


async def _streamed(model: Model, asked: Mapping[str, Any], on_text: Callable[[str], None]) -> ModelResponse:
    async with model_request_stream(model, **asked) as stream:
        async for event in stream:
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart) and event.part.content:
                on_text(event.part.content)
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                on_text(event.delta.content_delta)
        return stream.get()


def _translated(error: exceptions.AgentRunError) -> ModelError:
    status = getattr(error, "status_code", None)
    unreachable = isinstance(error, exceptions.ModelConnectionError | exceptions.ModelTimeoutError)
    return ModelError(
        str(error)[:500],
        retryable=unreachable or status in (408, 409, 429) or (isinstance(status, int) and status >= 500),
        too_long=isinstance(error, exceptions.ModelContextWindowExceededError),
        code=str(status or type(error).__name__),
    )


def _tool(tool: Mapping[str, Any]) -> ToolDefinition:
    return ToolDefinition(
        name=tool["name"], description=tool["description"], parameters_json_schema=dict(tool["parameters"])
    )


def _messages(messages: Sequence[Mapping[str, Any]]) -> list[ModelMessage]:
    written: list[ModelMessage] = []
    names: dict[str, str] = {}

    def told(part: Any) -> None:
        # What stands between two answers of the model is one request.
        if written and isinstance(written[-1], ModelRequest):
            written[-1] = ModelRequest(parts=[*written[-1].parts, part])
        else:
            written.append(ModelRequest(parts=[part]))

    for message in messages:
        role, content = message["role"], message.get("content") or ""
        if role == "system":
            told(SystemPromptPart(content=content))
        elif role == "user":
            told(UserPromptPart(content=content if isinstance(content, str) else [_content(part) for part in content]))
        elif role == "tool":
            call_id = message["tool_call_id"]
            told(ToolReturnPart(tool_name=names[call_id], content=json.loads(content), tool_call_id=call_id))
        else:
            parts: list[Any] = [TextPart(content=content)] if content else []
            for call in message.get("tool_calls", ()):
                function = call["function"]
                names[call["id"]] = function["name"]
                parts.append(
                    ToolCallPart(tool_name=function["name"], args=function["arguments"], tool_call_id=call["id"])
                )
            written.append(ModelResponse(parts=parts))
    return written


def _content(part: Mapping[str, Any]) -> Any:
    if part["type"] == "text":
        return part["text"]
    if part["type"] == "image_url":
        head, _, data = part["image_url"]["url"].partition(",")
        media_type = head.removeprefix("data:").removesuffix(";base64")
    else:
        data = part["input_audio"]["data"]
        media_type = {"mp3": "audio/mpeg", "wav": "audio/wav"}[part["input_audio"]["format"]]
    return BinaryContent(data=base64.b64decode(data), media_type=media_type)


def _read(answered: ModelResponse) -> Completion:
    calls = tuple(
        CalledTool(name=part.tool_name, arguments=part.args_as_json_str(), id=part.tool_call_id)
        for part in answered.parts
        if isinstance(part, ToolCallPart)
    )
    return Completion(
        text="".join(part.content for part in answered.parts if isinstance(part, TextPart)),
        tool_calls=calls,
        input_tokens=answered.usage.input_tokens,
        output_tokens=answered.usage.output_tokens,
        is_cut=answered.finish_reason == "length",
        model=str(answered.model_name or ""),
    )
