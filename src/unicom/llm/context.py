"""Have the call, its message and its request at hand while a tool runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unicom.models import Account, Chat, Message, Request, ToolCall


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """Be what a tool that is running may ask for, by these names."""

    tool_call: ToolCall
    message: Message | None
    request: Request | None
    chat: Chat | None
    account: Account | None


NAMES = ("tool_call", "message", "request", "chat", "account")
_running: ContextVar[Running | None] = ContextVar("unicom_running_tool", default=None)


@contextmanager
def running(what: Running) -> Iterator[None]:
    """Have ``what`` at hand within the block."""
    token = _running.set(what)
    try:
        yield
    finally:
        _running.reset(token)


def current() -> Running | None:
    """Return what is at hand, or None where no tool runs."""
    return _running.get()


class _AtHand:
    """Stand for one of them: whatever is asked of this is asked of the one of the tool that runs."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _of(self) -> Any:
        what = _running.get()
        if what is None:
            raise RuntimeError(f"{object.__getattribute__(self, '_name')}: no tool is running here.")
        return getattr(what, object.__getattribute__(self, "_name"))

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # isinstance() and Django's own checks see the row.
        return _AtHand if _running.get() is None else type(self._of())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._of(), name, value)

    def __eq__(self, other: object) -> bool:
        return bool(self._of() == other)

    def __hash__(self) -> int:
        return hash(self._of())

    def __bool__(self) -> bool:
        return _running.get() is not None and self._of() is not None

    def __str__(self) -> str:
        return str(self._of())

    def __repr__(self) -> str:
        return f"<{object.__getattribute__(self, '_name')} of the running tool>" if not self else repr(self._of())


tool_call: ToolCall = _AtHand("tool_call")  # type: ignore[assignment]
"""The call that is being answered."""
message: Message = _AtHand("message")  # type: ignore[assignment]
"""The message that the person wrote."""
request: Request = _AtHand("request")  # type: ignore[assignment]
chat: Chat = _AtHand("chat")  # type: ignore[assignment]
account: Account = _AtHand("account")  # type: ignore[assignment]
"""Who wrote it."""


def at_hand() -> dict[str, Any]:
    """Return what stands for each of the names."""
    return {name: globals()[name] for name in NAMES}
