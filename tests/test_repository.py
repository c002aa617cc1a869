"""Hold what the repository promises about itself: a small core, one list of commands, honest files."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock() -> dict[str, list[dict[str, Any]]]:
    """Read the lock: name → its entries, more than one where it differs between Pythons."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]:
        entries.setdefault(package["name"], []).append(package)
    return entries


def closure(lock: dict[str, list[dict[str, Any]]], name: str, seen: set[str]) -> set[str]:
    """Collect what a package pulls in on any Python and platform, extras left out."""
    if name not in seen:
        seen.add(name)
        for entry in lock[name]:
            for dependency in entry.get("dependencies", []):
                closure(lock, dependency["name"], seen)
    return seen


HEAVY = {
    "a browser": {"playwright", "pyppeteer", "selenium", "weasyprint"},
    "an LLM SDK": {"anthropic", "google-genai", "langchain", "litellm", "mistralai", "openai", "pydantic-ai-slim"},
    "a media codec": {"av", "ffmpeg-python", "imageio-ffmpeg", "moviepy", "pydub"},
    "a broker client": {"amqp", "celery", "channels-redis", "dramatiq", "kombu", "pika", "redis"},
    "a platform's SDK": {"aiogram", "python-telegram-bot", "pywa", "telethon"},
    "a database driver or a server": {"daphne", "psycopg", "psycopg2", "uvicorn"},
}


@pytest.mark.parametrize("kind", HEAVY)
def test_core_installs_nothing_heavy(lock: dict[str, list[dict[str, Any]]], kind: str) -> None:
    """A site that installs the core alone gets none of these."""
    core = closure(lock, "django-unicom", set())
    assert {"django", "pydantic", "cryptography"} <= core
    assert core & HEAVY[kind] == set(), f"the core dependencies pull in {kind}"


# Published as sources alone, and pure Python: they are built without a compiler.
SOURCES_ONLY = {"dkimpy"}


def test_everything_locked_has_wheels_for_every_python(lock: dict[str, list[dict[str, Any]]]) -> None:
    """Nobody needs a compiler on Linux, on any Python that is supported."""
    pythons = {"311", "312", "313", "314"}
    lacking = []
    for name, entries in lock.items():
        served: set[str] = set(pythons) if name in SOURCES_ONLY else set()
        for entry in entries:
            names = [wheel["url"].rsplit("/", 1)[1] for wheel in entry.get("wheels", [])]
            if "editable" in entry["source"] or any(name.endswith("-none-any.whl") for name in names):
                served |= pythons
            linux = [name for name in names if "linux" in name and "x86_64" in name]
            if any("-abi3-" in name or "-py3-none-" in name for name in linux):
                served |= pythons
            served |= {python for python in pythons if any(f"-cp{python}-cp{python}-" in name for name in linux)}
        for python in sorted(pythons - served):
            lacking.append(f"{entries[0]['name']} on {python}")
    assert lacking == []


def test_lock_names_no_other_registry(lock: dict[str, list[dict[str, Any]]]) -> None:
    """Whoever clones this installs from the public registry."""
    sources = {str(entry["source"]) for entries in lock.values() for entry in entries}
    assert sources == {"{'registry': 'https://pypi.org/simple'}", "{'editable': '.'}"}


def test_starting_django_loads_nothing_optional() -> None:
    """What is an extra, or slow, is imported when it is used."""
    program = (
        "import sys, django; from django.conf import settings; import tests.settings as ours;"
        "settings.configure(**{name: getattr(ours, name) for name in dir(ours) if name.isupper()}); django.setup();"
        "import unicom.urls; from django.urls import get_resolver; get_resolver('unicom.urls').url_patterns;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    modules = set(loaded.stdout.split())
    assert "unicom" in modules
    optional = {
        "aiogram",
        "celery",
        "channels",
        "channels_redis",
        "openai",
        "playwright",
        "redis",
    }
    assert modules & optional == set()


def test_every_extra_is_in_all(project: dict[str, Any]) -> None:
    """``django-unicom[all]`` is every extra there is."""
    extras = project["project"]["optional-dependencies"]
    named = re.fullmatch(r"django-unicom\[(.*)\]", extras["all"][0])
    assert named
    assert named[1].split(",") == sorted(set(extras) - {"all"})


def test_make_alone_lists_every_target() -> None:
    """``make`` shows each target with what it does, and does nothing."""
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    shown = subprocess.run(["make"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = dict(re.findall(r"^  make (\w+) +(\S.*)$", shown, re.MULTILINE))
    promised = {"bench", "build", "clean", "demo", "format", "help", "lint", "proof", "release", "test", "types"}
    promised |= {"screens"}
    assert set(listed) == promised
    assert set(phony[1].split()) == promised | {"setup"}


def test_scripts_are_strict_programs() -> None:
    """A step that fails ends its script, wherever it was started from."""
    scripts = [*sorted((ROOT / "scripts").glob("*.sh")), ROOT / ".ci/run"]
    assert len(scripts) > 5
    for script in scripts:
        lines = script.read_text().splitlines()
        assert lines[0] == "#!/usr/bin/env bash", script
        assert lines[1].startswith("# "), f"{script}: say what it is for"
        assert "set -euo pipefail" in lines, script
        assert script.stat().st_mode & 0o111, f"{script}: not executable"
        subprocess.run(["bash", "-n", script], check=True)


def test_changelog_keeps_its_shape() -> None:
    """The newest section is Unreleased, and only the headings of Keep a Changelog are used."""
    headings = re.findall(r"^(#{2,3}) (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    sections = [title for level, title in headings if level == "##"]
    assert sections[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[[0-9][\w.]*\] - \d{4}-\d\d-\d\d", title) for title in sections[1:])
    kinds = {title for level, title in headings if level == "###"}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_contributing_names_the_variables_that_are_read() -> None:
    """The names of the test variables are the same in the scripts, the settings and the page for contributors."""
    read = set()
    for name in ("scripts/servers.py", "tests/settings.py"):
        read |= set(re.findall(r"UNICOM_TEST_\w+", (ROOT / name).read_text()))
    written = set(re.findall(r"^\| `(UNICOM_TEST_\w+)`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert read == written


def _modules() -> Iterator[Path]:
    for folder in ("src", "tests", "scripts", "example", "benchmarks"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def test_every_module_says_what_it_is_for() -> None:
    """A module that is not empty begins with a docstring, and none is a drawer for odds and ends."""
    silent, drawers = [], []
    for path in _modules():
        text = path.read_text().removeprefix("#!/usr/bin/env python3\n").removeprefix("#!/usr/bin/env python\n")
        if text.strip() and not re.match(r'r?"""\S', text):
            silent.append(path.relative_to(ROOT))
        if path.stem in {"utils", "helpers", "misc", "common"}:
            drawers.append(path.relative_to(ROOT))
    assert (silent, drawers) == ([], [])


def test_version_comes_from_the_installed_distribution() -> None:
    """``unicom.__version__`` is what the package manager says."""
    from importlib.metadata import version

    import unicom

    assert unicom.__version__ == version("django-unicom")
