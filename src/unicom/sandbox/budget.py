"""Count what a render uses up: steps, time, and the weight of every value it makes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any
from uuid import UUID

from jinja2 import Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext, Macro
from jinja2.utils import Cycler, Joiner, Namespace

MAX_SECONDS = 2.0
MAX_STEPS = 100_000
MAX_VALUE = 1_000_000
"""The weight of a value: the characters of its texts, and ITEM for each thing in it."""
ITEM = 8
MAX_WEIGHT = 20_000_000
"""The weight of all values of a render together."""
MAX_OUTPUT = 5_000_000
MAX_BITS = 4096

SCALARS = (bool, int, float, Decimal, UUID, datetime, date, clock, timedelta, type(None))
# Things of the template itself: they may be called or handed on, and have no text.
OPAQUE = (Namespace, LoopContext, Macro, Cycler, Joiner)


class Refused(SecurityError):
    """Say what a template asked for and may not have."""


class Budget:
    """Be what is left to one render; the end of it is the end of the render."""

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.weight = MAX_WEIGHT
        self.until = time.monotonic() + MAX_SECONDS
        self.missing: list[str] = []
        """What a preview found not to be there."""

    def step(self) -> None:
        """Count a turn of a loop, or a call."""
        self.steps -= 1
        if self.steps < 0:
            raise Refused(f"it takes more than {MAX_STEPS:,} steps")
        if time.monotonic() > self.until:
            raise Refused(f"it takes longer than {MAX_SECONDS:g} seconds")

    def take(self, weight: int) -> None:
        """Count what a value weighs, and refuse one that is too large by itself."""
        self.weight -= weight
        if weight > MAX_VALUE:
            raise Refused(f"it makes a value of more than {MAX_VALUE:,} characters or items")
        if self.weight < 0:
            raise Refused(f"it makes values of more than {MAX_WEIGHT:,} characters and items")

    def weigh(self, value: Any, *, opaque: bool = False) -> Any:
        """Return ``value`` once it has been weighed, as deep as it goes; an iterator as the list of what it gives.

        ``opaque`` lets pass what has no text, such as a macro.
        """
        if type(value) is str:
            self.take(len(value) + ITEM)
            return value
        if isinstance(value, OPAQUE):
            if opaque:
                return value
            raise Refused(f"a {type(value).__name__.lower().removesuffix('context')} has no value of its own")
        if isinstance(value, Iterator):
            return self.weigh(list(self.counted(value)))
        total, waiting = 0, [value]
        while waiting:
            item = waiting.pop()
            total += ITEM
            if isinstance(item, str):
                total += len(item)
            elif isinstance(item, dict):
                waiting.extend(item)
                waiting.extend(item.values())
            elif isinstance(item, list | tuple):
                waiting.extend(item)
            elif isinstance(item, int):
                if item.bit_length() > MAX_BITS:
                    raise Refused("it makes a number that is too large")
            elif isinstance(item, range):
                total += len(item)
            elif isinstance(item, Method):
                raise Refused(f"{item.name} is a method; write {item.name}()")
            elif not isinstance(item, (*SCALARS, Undefined)):
                raise Refused(f"a {type(item).__name__.lower()} is not a plain value")
            if total > MAX_VALUE:
                break
        self.take(total)
        return value

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """Give the items, each a step."""
        for item in items:
            self.step()
            yield item


class Scope(dict[str, Any]):
    """Be a dict of the context that knows what it is called in a template."""

    path = ""


class Method:
    """Be a method of a value that the template may call; :meth:`Sandbox.call` does."""

    __slots__ = ("name", "of")

    def __init__(self, of: Any, name: str) -> None:
        self.of = of
        self.name = name


_budget: ContextVar[Budget] = ContextVar("unicom_template_budget")


@contextmanager
def budgeted() -> Iterator[Budget]:
    """Give what is done within a budget of its own."""
    token = _budget.set(Budget())
    try:
        yield _budget.get()
    finally:
        _budget.reset(token)


def current() -> Budget:
    """Return the budget of the render that is under way."""
    return _budget.get()
