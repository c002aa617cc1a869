"""Hold what was measured beside its goal; ``python -m benchmarks.results NAME`` runs one benchmark and prints JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module


@dataclass(frozen=True, kw_only=True)
class Result:
    """One line of the table."""

    what: str
    value: str
    goal: str = ""
    passed: bool | None = None
    """None where nothing was promised, or nothing could be measured."""
    note: str = ""


def at_least(what: str, ratio: float, goal: float, note: str = "") -> Result:
    """Return the line of a share that shall not be smaller than its goal."""
    return Result(what=what, value=f"{ratio:.0%}", goal=f"≥ {goal:.0%}", passed=ratio >= goal, note=note)


def at_most(what: str, number: float, goal: float, unit: str = "", note: str = "") -> Result:
    """Return the line of a number that shall not be larger than its goal."""
    return Result(what=what, value=f"{number:g}{unit}", goal=f"≤ {goal:g}{unit}", passed=number <= goal, note=note)


def table(results: Sequence[Result]) -> str:
    """Return the lines as columns."""
    verdict = {True: "pass", False: "MISSED", None: "–"}
    rows = [("what", "value", "goal", "", "")]
    rows += [(item.what, item.value, item.goal, verdict[item.passed], item.note) for item in results]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths).rstrip(), *lines[1:]])


if __name__ == "__main__":
    found = import_module(f"benchmarks.{sys.argv[1]}").measure()
    print(json.dumps([asdict(result) for result in found]))
