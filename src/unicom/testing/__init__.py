"""Test a project that uses this package: see what was sent, run what is due, play the other side."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unicom.testing.draining import drain
    from unicom.testing.llm.model import FakeModel, call
    from unicom.testing.llm.server import FakeOpenAI
    from unicom.testing.memory import MemoryAdapter, MemoryConfig, sent
    from unicom.testing.network import NetworkBlocked, network_guard

_PLACES = {
    "FakeModel": "llm.model",
    "FakeOpenAI": "llm.server",
    "MemoryAdapter": "memory",
    "MemoryConfig": "memory",
    "NetworkBlocked": "network",
    "call": "llm.model",
    "drain": "draining",
    "network_guard": "network",
    "sent": "memory",
}

__all__ = [
    "FakeModel",
    "FakeOpenAI",
    "MemoryAdapter",
    "MemoryConfig",
    "NetworkBlocked",
    "call",
    "drain",
    "network_guard",
    "sent",
]


def __getattr__(name: str) -> Any:
    # The fakes run without Django, so nothing here may load the models by itself.
    if name in _PLACES:
        return getattr(import_module(f"unicom.testing.{_PLACES[name]}"), name)
    raise AttributeError(name)
