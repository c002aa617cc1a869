"""Be an OpenAI-compatible endpoint on loopback: the real SDK speaks to it over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from unicom.errors import ModelError
from unicom.llm.providers import CalledTool, Completion, Prompt
from unicom.testing.faults import Fault
from unicom.testing.http import Exchange, HttpServer, Request
from unicom.testing.llm.model import Answer, FakeModel

_LONGEST = 20
"""So many characters go into one chunk of a stream."""


class FakeOpenAI:
    """Answer chat completions and responses from a script, as :class:`FakeModel` does, and speech and transcriptions.

    ::

        with FakeOpenAI([call("search", query="teapots"), "We have two."]) as server:
            settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = server.url, "any"

    ``fail(429, retry_after=1)`` makes the next call fail, ``break_off()`` ends the next answer in the middle.
    """

    def __init__(self, script: Iterable[Answer] = (), *, otherwise: Answer | None = None, key: str = "") -> None:
        self.model = FakeModel(script, otherwise=otherwise)
        self.key = key
        """The only key that is taken; empty: any."""
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        """The path and the body of every call."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._http = HttpServer(self._handle, refuse=lambda path: False, describe=_refusal, name="fake-openai")

    @property
    def url(self) -> str:
        """Return what OPENAI_BASE_URL is to be."""
        return f"http://127.0.0.1:{self._http.port}/v1"

    @property
    def prompts(self) -> list[Prompt]:
        """Return what was asked."""
        return self.model.prompts

    def start(self, port: int = 0) -> Self:
        """Listen on 127.0.0.1, on a free port unless one is given."""
        self._http.start(port)
        return self

    def stop(self) -> None:
        """Close every connection."""
        self._http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if kind is None and self.model.violations:
            raise AssertionError("The model was asked what none would take:\n" + "\n".join(self.model.violations))

    def fail(self, status: int, message: str = "no", *, code: str = "", times: int = 1) -> None:
        """Answer the next calls with an error."""
        body = json.dumps({"error": {"message": message, "type": "error", "param": None, "code": code or None}})
        fault = Fault(kind="answer", name=str(status), status=status, body=body.encode())
        with self._lock:
            self._faults += [fault] * times

    def drop(self, *, times: int = 1) -> None:
        """Close the connection of the next calls without an answer."""
        with self._lock:
            self._faults += [Fault(kind="drop", name="drop")] * times

    def hang(self, seconds: float = 30.0) -> None:
        """Leave the next call without an answer."""
        with self._lock:
            self._faults.append(Fault(kind="timeout", name="hang", seconds=seconds))

    def break_off(self) -> None:
        """End the next answer in the middle."""
        with self._lock:
            self._faults.append(Fault(kind="malformed", name="break_off"))

    def _handle(self, request: Request, exchange: Exchange) -> None:
        with self._lock:
            fault = self._faults.pop(0) if self._faults else None
        body = _json(request.body)
        self.requests.append((request.path, body))
        if fault is not None and fault.kind == "drop":
            exchange.drop()
        elif fault is not None and fault.kind == "timeout":
            exchange.hold(fault.seconds)
        elif fault is not None and fault.kind == "answer":
            exchange.reply(fault.status, fault.body)
        elif self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            exchange.reply(401, _refusal(401, f"Incorrect API key provided: {request.headers.get('authorization')}"))
        else:
            status, answer, content_type = self._answer(request, body)
            if fault is not None:
                answer = answer[: len(answer) // 2]
            exchange.reply(status, answer, content_type=content_type)

    def _answer(self, request: Request, body: Mapping[str, Any]) -> tuple[int, bytes, str]:
        routes: dict[str, Callable[[Request, Mapping[str, Any]], tuple[int, bytes, str]]] = {
            "/v1/chat/completions": self._chat,
            "/v1/responses": self._responses,
            "/v1/audio/speech": self._speech,
            "/v1/audio/transcriptions": self._transcription,
        }
        answer = routes.get(request.path)
        if answer is None or request.method != "POST":
            return 404, _refusal(404, f"Invalid URL ({request.method} {request.path})"), "application/json"
        try:
            return answer(request, body)
        except ModelError as error:
            status = 429 if error.retry_after is not None else 500 if error.retryable else 400
            return status, _refusal(status, error.reason, error.code), "application/json"

    def _chat(self, request: Request, body: Mapping[str, Any]) -> tuple[int, bytes, str]:
        tools = [tool["function"] for tool in body.get("tools", ())]
        known = ("model", "messages", "tools", "stream", "stream_options")
        options = {key: value for key, value in body.items() if key not in known}
        completion = self.model.complete(
            Prompt(model=body.get("model", ""), messages=body.get("messages", []), tools=tools, options=options)
        )
        if body.get("stream"):
            return 200, b"".join(_events(_chunks(completion))), "text/event-stream"
        message: dict[str, Any] = {"role": "assistant", "content": completion.text or None, "refusal": None}
        if completion.tool_calls:
            message["tool_calls"] = [_call(item) for item in completion.tool_calls]
        choice = {"index": 0, "message": message, "finish_reason": _reason(completion), "logprobs": None}
        answer = {**_head(completion, "chat.completion"), "choices": [choice], "usage": _usage(completion)}
        return 200, json.dumps(answer).encode(), "application/json"

    def _responses(self, request: Request, body: Mapping[str, Any]) -> tuple[int, bytes, str]:
        messages = list(_as_messages(body))
        tools = [{key: tool[key] for key in ("name", "description", "parameters")} for tool in body.get("tools", ())]
        completion = self.model.complete(Prompt(model=body.get("model", ""), messages=messages, tools=tools))
        output: list[dict[str, Any]] = []
        if completion.text:
            text = {"type": "output_text", "text": completion.text, "annotations": []}
            message = {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [text]}
            output.append(message)
        output += [
            {"type": "function_call", "id": f"fc_{item.id}", "call_id": item.id, "name": item.name,
             "arguments": item.arguments, "status": "completed"}
            for item in completion.tool_calls
        ]  # fmt: skip
        answer = {
            "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": completion.model,
            "status": "incomplete" if completion.is_cut else "completed", "output": output, "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if completion.is_cut else None,
            "instructions": body.get("instructions"), "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0,
            "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "usage": {
                "input_tokens": completion.input_tokens, "output_tokens": completion.output_tokens,
                "total_tokens": completion.input_tokens + completion.output_tokens,
                "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
            },
        }  # fmt: skip
        if not body.get("stream"):
            return 200, json.dumps(answer).encode(), "application/json"
        events = [
            {"type": "response.output_text.delta", "delta": piece, "item_id": "msg_1", "output_index": 0,
             "content_index": 0, "sequence_number": number, "logprobs": []}
            for number, piece in enumerate(_pieces(completion.text))
        ]  # fmt: skip
        events.append({"type": "response.completed", "response": answer, "sequence_number": len(events)})
        written = b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)
        return 200, written, "text/event-stream"

    def _speech(self, request: Request, body: Mapping[str, Any]) -> tuple[int, bytes, str]:
        return 200, self.model.speak(str(body.get("input", "")), voice=str(body.get("voice", ""))), "audio/mpeg"

    def _transcription(self, request: Request, body: Mapping[str, Any]) -> tuple[int, bytes, str]:
        words = self.model.transcribe(request.body, "recording")
        return 200, json.dumps({"text": words}).encode(), "application/json"


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(status: int, message: str, code: str = "") -> bytes:
    return json.dumps({"error": {"message": message, "type": "error", "param": None, "code": code or None}}).encode()


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": completion.model}


def _call(item: CalledTool) -> dict[str, Any]:
    return {"id": item.id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}


def _reason(completion: Completion) -> str:
    return "length" if completion.is_cut else "tool_calls" if completion.tool_calls else "stop"


def _usage(completion: Completion) -> dict[str, int]:
    return {
        "prompt_tokens": completion.input_tokens,
        "completion_tokens": completion.output_tokens,
        "total_tokens": completion.input_tokens + completion.output_tokens,
    }


def _pieces(text: str) -> list[str]:
    return [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]


def _chunks(completion: Completion) -> Iterator[dict[str, Any]]:
    head = _head(completion, "chat.completion.chunk")

    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(completion.text):
        yield chunk({"content": piece})
    for number, item in enumerate(completion.tool_calls):
        named = {"index": number, **_call(CalledTool(name=item.name, arguments="", id=item.id))}
        yield chunk({"tool_calls": [named]})
        for piece in _pieces(item.arguments):
            yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    yield chunk({}, _reason(completion))
    yield {**head, "choices": [], "usage": _usage(completion)}


def _events(chunks: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    for chunk in chunks:
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield b"data: [DONE]\n\n"


def _as_messages(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Read the input of ``/responses`` as messages, so that one judge serves both."""
    if body.get("instructions"):
        yield {"role": "system", "content": body["instructions"]}
    calls: list[dict[str, Any]] = []
    for item in body.get("input", []):
        kind = item.get("type", "message")
        if kind == "function_call":
            made = CalledTool(name=item["name"], arguments=item["arguments"], id=item["call_id"])
            calls.append(_call(made))
            continue
        if calls:
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        if kind == "function_call_output":
            yield {"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]}
            continue
        content = item["content"]
        if isinstance(content, list):
            content = [_as_part(part) for part in content]
        yield {"role": item["role"], "content": content}
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _as_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "input_text":
        return {"type": "text", "text": part["text"]}
    if part["type"] == "input_image":
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    return dict(part)
