"""Find what the README and the pages of docs/ claim: their Python examples, their tables and their links."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"# (?P<path>[\w/]+)\.py\n")
# What is shown and not run has to be none of Python.
LANGUAGES = {"python", "bash", "text", "{toctree}", "css", "django", "html", "javascript"}


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    code: str

    def run(self, names: dict[str, Any]) -> None:
        """Run the block; one that begins with ``# shop/receivers.py`` can be imported as such by those after it."""
        # The lines above keep a traceback's numbers those of the page.
        source = compile("\n" * (self.line - 1) + self.code, str(self.page), "exec", dont_inherit=True)
        found = _MODULE.match(self.code)
        if found is None:
            exec(source, names)  # noqa: S102  our own pages
            return
        module = _module(found["path"].replace("/", "."))
        module.__dict__.update({name: value for name, value in names.items() if not name.startswith("__")})
        exec(source, module.__dict__)  # noqa: S102  our own pages
        names.update({name: value for name, value in vars(module).items() if not name.startswith("__")})


def _module(name: str) -> types.ModuleType:
    module = sys.modules[name] = types.ModuleType(name)
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules.setdefault(parent, types.ModuleType(parent)), last, module)
    return module


def blocks(page: Path) -> Iterator[Block]:
    """Yield a page's fenced blocks, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start("body")) + 1,
            language=found["language"].strip(),
            code=found["body"],
        )


def rows(page: str) -> dict[str, list[str]]:
    """Return the rows of a page's tables by their first cell, a name in backticks; the other cells as written."""
    found = {}
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `") and (name := re.fullmatch(r"`(\w[\w.]*)`", cells[0])):
            found[name[1]] = cells[1:]
    return found
