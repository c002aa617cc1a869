"""Run every Python example of the README and of docs/, page by page, as a reader would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal

from tests.docs import scenes
from tests.docs.pages import LANGUAGES, PAGES, blocks
from unicom import signals
from unicom.llm import tools
from unicom.platforms import _load

# By identity, for one signal has three names.
_SIGNALS = {id(value): value for value in vars(signals).values() if isinstance(value, Signal)}


@pytest.fixture
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a page connected, imported and registered."""
    monkeypatch.setattr(tools, "_registry", {})
    connected = [(signal, list(signal.receivers)) for signal in _SIGNALS.values()]
    modules = set(sys.modules)
    yield
    for signal, receivers in connected:
        with signal.lock:
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()
    for name in {name.partition(".")[0] for name in set(sys.modules) - modules} & {"shop", "textline", "your_project"}:
        for known in [known for known in sys.modules if known.partition(".")[0] == name]:
            del sys.modules[known]
    _load.cache_clear()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_runs(page: Path) -> None:
    with ExitStack() as stack:
        names: dict[str, Any] = {"__name__": "examples"}
        if page.name in scenes.BEFORE:
            names |= scenes.BEFORE[page.name](stack)
        for block in blocks(page):
            if block.language == "python":
                block.run(names)
                if page.name in scenes.MEANWHILE:
                    scenes.MEANWHILE[page.name](names)
        if page.name in scenes.AFTER:
            scenes.AFTER[page.name](names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_example_escapes_by_its_name(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page.name}:{block.line}"
    assert page.read_text().count("\n```") == 2 * len(list(blocks(page)))


def test_every_scene_is_of_a_page() -> None:
    pages = {page.name for page in PAGES}
    assert {*scenes.BEFORE, *scenes.AFTER, *scenes.MEANWHILE} <= pages
