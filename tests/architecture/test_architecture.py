"""Hold what the code may know: platforms, settings, the clock, the network, and which way imports point."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.sources import SRC, Source, every, identifiers, sources, strings

pytestmark = pytest.mark.once

PLATFORM = re.compile(r"telegram|whatsapp|webchat|web_chat|InternalAdapter|EmailAdapter", re.IGNORECASE)
EXACT = {"Email", "Internal"}  # as words of their own they mean the platforms; as parts of others they are English
PLATFORM_PLACES = (
    "unicom/platforms/", "unicom/services/", "unicom/testing/", "unicom/urls.py", "unicom/consumers.py",
    "unicom/views/webchat_views.py", "unicom/templatetags/unicom_webchat.py",
    "unicom/management/commands/unicom_poll_telegram.py",
    "unicom/management/commands/start_imap_listeners.py",
)  # fmt: skip
# Names that are documented with a platform in them.
DOCUMENTED = {
    "unicom/conf.py": {
        "UNICOM_TELEGRAM_API_URL",
        "https://api.telegram.org",
        "UNICOM_WHATSAPP_API_URL",
        "UNICOM_WHATSAPP_API_VERSION",
    },
    "unicom/signals.py": {"telegram_callback_received"},
}
# What the layers may import at all, and what only within functions. A layer is the first name after the package's.
FOUNDATIONS = {"cleaning", "conf", "crypto", "errors", "ids", "live", "media", "signals", "types"}
EDGES = {"admin", "asgi", "checks", "consumers", "management", "services", "testing", "urls", "views"}
ADAPTERS_MAY = {"cleaning", "conf", "errors", "ids", "media", "platforms", "types"}


def platform_names(source: Source) -> Iterator[str]:
    allowed = DOCUMENTED.get(source.name, set())
    words = [(node.value, node.lineno) for node in strings(source.tree)] + list(identifiers(source.tree))
    for word, line in words:
        if isinstance(word, str) and word not in allowed and (PLATFORM.search(word) or word in EXACT):
            yield f"{source.name}:{line}: {word!r}"


def test_no_platform_is_named_outside_its_folder() -> None:
    named = [
        line for source in sources() if not source.name.startswith(PLATFORM_PLACES) for line in platform_names(source)
    ]
    assert named == []


def test_only_conf_reads_settings_and_environment() -> None:
    readers = []
    for source in sources():
        if source.name == "unicom/conf.py":
            continue
        in_models = source.name.startswith("unicom/models/")
        for node in ast.walk(source.tree):
            where = f"{source.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv"):
                readers.append(f"{where}: {ast.unparse(node)}")
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                readers += [f"{where}: os.{a.name}" for a in node.names if a.name in ("environ", "getenv")]
            # settings.AUTH_USER_MODEL in a model is Django's documented way; nothing else is.
            if isinstance(node, ast.ImportFrom) and node.module == "django.conf" and not in_models:
                readers.append(f"{where}: django.conf")
            if in_models and isinstance(node, ast.Attribute) and ast.unparse(node.value) == "settings":
                readers += [] if node.attr == "AUTH_USER_MODEL" else [f"{where}: settings.{node.attr}"]
    assert readers == []


def test_only_the_outbox_calls_deliver() -> None:
    callers = [
        f"{source.name}:{node.lineno}: {ast.unparse(node.func)}"
        for source in sources()
        if source.name != "unicom/outbox.py"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "deliver"
        and ast.unparse(node.func) != "outbox.deliver"
    ]
    assert callers == []


def test_no_time_is_taken_without_a_zone() -> None:
    takers = [
        f"{source.name}:{node.lineno}: {ast.unparse(node)}"
        for source in every()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "utcnow", "today")
        and ast.unparse(node.value).split(".")[-1] in ("datetime", "date")
    ]
    assert takers == []


def test_models_rest_on_the_foundations_and_reach_the_core_only_when_called() -> None:
    wrong = []
    for source in sources():
        if not source.name.startswith("unicom/models/"):
            continue
        for item in source.imports():
            layer = layer_of(item.module)
            if item.for_types or layer in {"", "models", "platforms", *FOUNDATIONS}:
                continue
            if item.at_start or layer in EDGES:
                wrong.append(f"{source.name}:{item.line}: {item.module}")
    assert wrong == []


def test_adapters_know_neither_models_nor_the_core() -> None:
    wrong = []
    for source in sources():
        if not is_adapter(source):
            continue
        for item in source.imports():
            if item.module.startswith("unicom.") and not item.for_types and layer_of(item.module) not in ADAPTERS_MAY:
                wrong.append(f"{source.name}:{item.line}: {item.module}")
            if item.module.startswith("django.db"):
                wrong.append(f"{source.name}:{item.line}: {item.module}")
    assert wrong == []


def test_platforms_do_not_know_each_other() -> None:
    wrong = []
    for source in sources():
        parts = source.name.split("/")
        if parts[1] != "platforms" or len(parts) < 4:
            continue
        for item in source.imports():
            other = item.module.split(".")
            if other[:2] == ["unicom", "platforms"] and len(other) > 3 and other[2] != parts[2]:
                wrong.append(f"{source.name}:{item.line}: {item.module}")
    assert wrong == []


def test_the_foundations_rest_on_nothing_but_each_other() -> None:
    wrong = [
        f"{source.name}:{item.line}: {item.module}"
        for source in sources()
        if layer_of(source.module) in FOUNDATIONS
        for item in source.imports()
        if not item.for_types and layer_of(item.module) not in {"", *FOUNDATIONS}
    ]
    assert wrong == []


def test_the_core_does_not_know_the_edges() -> None:
    wrong = []
    for source in sources():
        if layer_of(source.module) in {"", "apps", "platforms", *EDGES}:
            continue
        wrong += [
            f"{source.name}:{item.line}: {item.module}"
            for item in source.imports()
            if not item.for_types and layer_of(item.module) in EDGES
        ]
    assert wrong == []


def test_nothing_but_the_tests_knows_the_testing_package() -> None:
    wrong = [
        f"{source.name}:{item.line}: {item.module}"
        for source in sources()
        if not source.name.startswith("unicom/testing/")
        for item in source.imports()
        if layer_of(item.module) == "testing"
    ]
    assert wrong == []


def test_no_html_is_written_from_scripts_but_in_one_place() -> None:
    writes = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|unsafeHTML|document\.write|\beval\(|new Function\(")
    # What is built from frontend/ holds libraries, too; its sources are looked at instead. The editor is copied whole.
    built = {"client.js", "webchat.js", "webchat-with-sidebar.js"}
    pages = [
        path
        for path in (*SRC.rglob("*.js"), *SRC.rglob("*.html"))
        if path.name not in built and "vendor" not in path.parts
    ]
    scripts = [*pages, *(SRC.parent / "frontend").glob("src/**/*.ts")]
    wrong = [
        f"{path.relative_to(SRC.parent)}:{number}: {line.strip()[:80]}"
        for path in scripts
        if path.stem != "safe-html" and "node_modules" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if writes.search(line)
    ]
    assert wrong == []


def layer_of(module: str) -> str:
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "unicom" else ""


def is_adapter(source: Source) -> bool:
    return (source.name.startswith("unicom/platforms/") and source.path.name == "adapter.py") or source.name in (
        "unicom/platforms/internal.py",
        "unicom/platforms/base.py",
    )
