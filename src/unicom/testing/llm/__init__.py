"""Play the language model: scripted, strict about what it is asked, in the process or behind real HTTP."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unicom.testing.llm.model import FakeModel, call
    from unicom.testing.llm.server import FakeOpenAI
    from unicom.testing.llm.strict import violations

_PLACES = {"FakeModel": "model", "FakeOpenAI": "server", "call": "model", "violations": "strict"}

__all__ = ["FakeModel", "FakeOpenAI", "call", "violations"]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"unicom.testing.llm.{_PLACES[name]}"), name)
    raise AttributeError(name)
