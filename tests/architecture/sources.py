"""Read the package's sources for the rules that are about them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Import:
    """Be one imported module, by its whole name, and where."""

    module: str
    line: int
    at_start: bool
    """Whether importing the file imports it; an import in a function, or for type checkers only, does not."""
    for_types: bool = False


@dataclass(frozen=True)
class Source:
    """Be one Python file."""

    path: Path

    @cached_property
    def text(self) -> str:
        """Return what is written."""
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """Return it parsed."""
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """Return its path below ``src``."""
        return self.path.relative_to(SRC).as_posix()

    @property
    def module(self) -> str:
        """Return the module's name."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        """Return the package that relative imports start from."""
        return self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]

    def imports(self) -> Iterator[Import]:
        """Give every import; ``from package import module`` is the module where there is one."""
        yield from self._imports(self.tree, at_start=True, for_types=False)

    def _imports(self, node: ast.AST, *, at_start: bool, for_types: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, child.lineno, at_start, for_types)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{self.name}:{child.lineno}: a relative import"
                assert child.module is not None
                for alias in child.names:
                    whole = f"{child.module}.{alias.name}"
                    yield Import(whole if is_module(whole) else child.module, child.lineno, at_start, for_types)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                yield from self._imports(child, at_start=False, for_types=for_types)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for inner in child.body:
                    yield from self._imports(ast.Module([inner], []), at_start=False, for_types=True)
            else:
                yield from self._imports(child, at_start=at_start, for_types=for_types)


@cache
def is_module(name: str) -> bool:
    """Tell whether one of our files bears this name."""
    path = SRC / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


@cache
def sources(package: str = "unicom") -> tuple[Source, ...]:
    """Return the package's files, migrations aside."""
    found = sorted((SRC / package).rglob("*.py"))
    return tuple(Source(path) for path in found if "migrations" not in path.parts)


@cache
def packages() -> tuple[str, ...]:
    """Return the names of our packages."""
    return tuple(sorted(path.parent.name for path in SRC.glob("*/__init__.py")))


def every() -> Iterator[Source]:
    """Give every file of every package."""
    for package in packages():
        yield from sources(package)


def strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Give every string in the code that is not a docstring, an attribute's description among them."""
    described = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node


def identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Give every name that the code makes or uses, with its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Name):
            yield node.id, line
        elif isinstance(node, ast.Attribute):
            yield node.attr, line
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, line
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg, line
        elif isinstance(node, ast.alias):
            yield node.asname or node.name, line
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, line
