"""Hold how the code is written: sizes, names, docstrings, façades."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import SRC, Source, every, sources

pytestmark = pytest.mark.once

MOST_LINES = 600
# Methods whose meaning asyncio has written down.
PROTOCOL = {"connection_made", "connection_lost", "data_received", "eof_received"}
FACADES = ("unicom/services/", "unicom/views/webchat_views.py")


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    kinds = {".py", ".js", ".ts", ".css", ".html"}
    files = [path for path in SRC.rglob("*") if path.suffix in kinds and "migrations" not in path.parts]
    # What a build wrote is nobody's to read.
    built = {"client.js", "webchat.js", "webchat-with-sidebar.js"}
    written = [path for path in files if path.name not in built and "vendor" not in path.parts]
    written += (SRC.parent / "frontend" / "src").rglob("*.ts")
    lengths = {path.relative_to(SRC.parent).as_posix(): len(path.read_text().splitlines()) for path in written}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_file_is_named_after_nothing_in_particular() -> None:
    vague = {"utils", "helpers", "util", "helper", "misc", "common"}
    assert [source.name for source in every() if vague & {source.path.stem, source.path.parent.name}] == []


def test_every_file_says_first_what_it_is_for() -> None:
    silent = [
        source.name
        for source in every()
        if source.text.strip() and not (ast.get_docstring(source.tree) or "").split("\n")[0].endswith((".", ":"))
    ]
    assert silent == []


def test_every_public_function_and_class_says_what_it_does() -> None:
    silent = [f"{source.name}:{node.lineno}: {node.name}" for source in every() for node in undocumented(source)]
    assert silent == []


def undocumented(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Give what is public and has no docstring whose first paragraph is a sentence."""

    def inside(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
        for node in body:
            if isinstance(node, ast.If | ast.Try):
                yield from inside(node.body)
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_") or node.name in ("Meta", "Media", *PROTOCOL) or is_variant(node):
                continue
            first = (ast.get_docstring(node) or "").partition("\n\n")[0].strip()
            if not first.endswith((".", ":", "?", "!", ".)", '."')):
                yield node
            if isinstance(node, ast.ClassDef):
                yield from inside(node.body)

    return inside(source.tree.body)


def is_variant(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Tell whether it only varies another one: a property's setter, an overload, an override."""
    return any(ast.unparse(item).split(".")[-1] in ("setter", "overload", "override") for item in node.decorator_list)


def facades() -> list[Source]:
    return [source for source in sources() if source.name.startswith(FACADES)]


@pytest.mark.parametrize("source", facades(), ids=lambda source: source.name)
def test_a_facade_is_imports_and_their_names(source: Source) -> None:
    imported: set[str] = set()
    offered: list[str] = []
    for node in source.tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        if isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            offered = ast.literal_eval(node.value)
        else:
            pytest.fail(f"{source.name}:{node.lineno}: a façade has no logic: {ast.unparse(node)[:80]}")
    assert sorted(imported) == sorted(offered)


def test_no_package_offers_a_name_that_one_of_its_modules_has() -> None:
    # `import package.name as m` would give the object, not the module.
    clashes = []
    for source in every():
        if source.path.name != "__init__.py":
            continue
        modules = {path.stem for path in source.path.parent.glob("*.py")} - {"__init__"}
        modules |= {path.parent.name for path in source.path.parent.glob("*/__init__.py")}
        clashes += [f"{source.name}: {name}" for name in sorted(offered_by(source) & modules)]
    assert clashes == []


def offered_by(source: Source) -> set[str]:
    """Return the names a package binds to something else than a module of its own."""
    names: set[str] = set()
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom):
            # Importing the module itself is what everybody expects.
            taken = [alias for alias in node.names if node.module != source.module or alias.asname]
            names |= {alias.asname or alias.name for alias in taken}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
            if ast.unparse(targets[0]) == "_PLACES" and isinstance(node.value, ast.Dict):
                # Names that the package's __getattr__ finds.
                names |= set(ast.literal_eval(node.value))
    return names


def test_every_signal_says_what_it_is_sent_with() -> None:
    (source,) = (source for source in sources() if source.name == "unicom/signals.py")
    body = source.tree.body
    silent = [
        ast.unparse(node.targets[0])
        for node, after in zip(body, [*body[1:], None], strict=True)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]
    assert silent == []


def test_every_index_and_constraint_has_a_name_of_ours() -> None:
    nameless = []
    for source in sources():
        if not source.name.startswith("unicom/models/"):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Index", "Constraint")):
                given = {item.arg: item.value for item in node.keywords}
                name = given.get("name")
                text = name.value if isinstance(name, ast.Constant) else ""
                if not (isinstance(text, str) and text.startswith("unicom_") and len(text) <= 30):
                    nameless.append(f"{source.name}:{node.lineno}: {ast.unparse(node)[:80]}")
            if isinstance(node, ast.Name) and node.id in ("unique_together", "index_together"):
                nameless.append(f"{source.name}:{node.lineno}: {node.id}")
    assert nameless == []


def test_every_group_of_indexes_names_the_queries_it_serves() -> None:
    silent = []
    for source in sources():
        if not source.name.startswith("unicom/models/"):
            continue
        lines = source.text.splitlines()
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "indexes":
                assert isinstance(node.value, ast.List)
                before = node.lineno
                commented = [
                    number
                    for number in range(before, (node.end_lineno or before))
                    if lines[number].lstrip().startswith("#")
                ]
                if node.value.elts and not commented:
                    silent.append(f"{source.name}:{node.lineno}")
    assert silent == []
