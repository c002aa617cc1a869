"""Be a model that says what a script tells it, and complains about prompts no real one would take."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from unicom.errors import ModelError
from unicom.llm import providers
from unicom.llm.providers import CalledTool, Completion, Prompt
from unicom.testing.llm.strict import violations

Answer = str | CalledTool | Completion | Exception | Sequence[CalledTool] | Callable[[Prompt], Any]


def call(name: str, /, **arguments: Any) -> CalledTool:
    """Return a call of a tool, for a script."""
    return CalledTool(name=name, arguments=json.dumps(arguments))


class FakeModel:
    """Answer every model within the block, from a script: texts, calls, lists of calls, exceptions or functions.

    ::

        with FakeModel([call("search", query="teapots"), "We have two."]) as model:
            message.reply_using_llm(tools=[search])
        assert model.prompts[1].messages[-1]["role"] == "tool"

    A prompt no real endpoint would take fails the block, as does one past the end of the script.
    """

    def __init__(self, script: Iterable[Answer] = (), *, otherwise: Answer | None = None) -> None:
        self.script: list[Answer] = list(script)
        self.otherwise = otherwise
        self.prompts: list[Prompt] = []
        self.violations: list[str] = []
        self.spoken: list[tuple[str, str]] = []
        self.recordings: list[bytes] = []
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._number = 0

    def __enter__(self) -> Self:
        self._stack.enter_context(providers.replaced_by(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if kind is None and self.violations:
            raise AssertionError("The model was asked what none would take:\n" + "\n".join(self.violations))

    def complete(self, prompt: Prompt, on_text: Callable[[str], None] | None = None) -> Completion:
        """Say what is next in the script."""
        with self._lock:
            self.prompts.append(prompt)
            wrong = violations(list(prompt.messages), prompt.tools)
            self.violations += [f"prompt {len(self.prompts)}: {sentence}" for sentence in wrong]
            if self.script:
                answer: Any = self.script.pop(0)
            elif self.otherwise is not None:
                answer = self.otherwise
            else:
                self.violations.append(f"prompt {len(self.prompts)}: the script is at its end")
                raise ModelError("the fake model's script is at its end", code="script")
        if wrong:
            raise ModelError(f"400: {wrong[0]}", code="invalid_request")
        if callable(answer):
            answer = answer(prompt)
        if isinstance(answer, Exception):
            raise answer
        completion = self._as_completion(answer, prompt)
        if on_text is not None:
            for piece in _pieces(completion.text):
                on_text(piece)
        return completion

    def speak(self, text: str, *, voice: str) -> bytes:
        """Return a recording that is none, but has the form of one."""
        self.spoken.append((text, voice))
        return b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" * 16

    def transcribe(self, content: bytes, name: str) -> str:
        """Return what the script of recordings says: nothing but that it was heard."""
        self.recordings.append(content)
        return f"[{len(content)} bytes of speech]"

    def _as_completion(self, answer: Any, prompt: Prompt) -> Completion:
        if isinstance(answer, Completion):
            return answer
        calls = (answer,) if isinstance(answer, CalledTool) else () if isinstance(answer, str) else tuple(answer)
        numbered = []
        for item in calls:
            self._number += 1
            numbered.append(
                item if item.id else CalledTool(name=item.name, arguments=item.arguments, id=f"fake_{self._number}")
            )
        size = sum(len(json.dumps(message)) for message in prompt.messages)
        return Completion(
            text=answer if isinstance(answer, str) else "",
            tool_calls=tuple(numbered),
            input_tokens=size // 4 + 1,
            output_tokens=10,
            model=prompt.model,
        )


def _pieces(text: str) -> list[str]:
    return [text[start : start + 7] for start in range(0, len(text), 7)]
