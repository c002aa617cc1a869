"""Hold the reference pages to the code: every setting with its default, every signal, check and command, every link."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import get_commands
from django.dispatch import Signal
from django.test import override_settings

from tests.docs.pages import PAGES, ROOT, blocks, rows
from unicom import conf, signals, templating

pytestmark = pytest.mark.once

SOURCE = Path(conf.__file__).parent
# Django's own, read in conf.py so that nothing else needs to.
DJANGOS = {"DEBUG", "AUTH_USER_MODEL", "SESSION_ENGINE"}
SETTINGS = sorted(
    name for name, value in vars(conf.UnicomSettings).items() if isinstance(value, property) and name.isupper()
)


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in DJANGOS])
def test_every_setting_is_documented_with_its_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = rows("settings.md")
    assert name in documented, f"docs/settings.md says nothing of {name}"
    monkeypatch.delenv(name, raising=False)
    with override_settings():
        if hasattr(django_settings, name):
            delattr(django_settings, name)
        assert ast.literal_eval(documented[name][0].strip("`")) == getattr(conf.settings, name)


def test_no_setting_is_documented_that_is_none() -> None:
    assert set(rows("settings.md")) <= set(SETTINGS)
    text = (ROOT / "docs" / "settings.md").read_text()
    assert all(f"`{name}`" in text for name in DJANGOS)


def test_every_signal_is_documented_and_no_other() -> None:
    named = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    assert set(rows("signals.md")) == named


@pytest.mark.parametrize("name", ["message_received", "message_edited", "message_status_changed", "button_clicked"])
def test_a_signal_s_arguments_are_those_it_is_sent_with(name: str) -> None:
    tree = ast.parse((SOURCE / "reactions.py").read_text())
    sent = [
        {keyword.arg for keyword in call.keywords} - {"sender"}
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == f"signals.{name}.send"
    ]
    assert sent == [set(re.findall(r"`(\w+)`", rows("signals.md")[name][1]))]


def test_every_check_is_documented() -> None:
    sources = [SOURCE / "checks.py", *(SOURCE / "platforms").rglob("*.py")]
    raised = {found for path in sources for found in re.findall(r'id="(unicom\.[EW]\d+)"', path.read_text())}
    assert set(re.findall(r"`(unicom\.[EW]\d+)`", (ROOT / "docs" / "running.md").read_text())) == raised


def test_every_command_is_documented() -> None:
    ours = {name for name, app in get_commands().items() if app == "unicom"}
    assert set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "running.md").read_text(), re.MULTILINE)) >= ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_every_file_that_is_named_is_there(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
    for named in re.findall(r"`((?:tests|example|docs)/[\w./-]+)`", text):
        assert (ROOT / named).exists(), named


def test_every_page_is_in_the_table_of_contents() -> None:
    contents = {line for block in blocks(ROOT / "docs" / "index.md") for line in block.code.splitlines()}
    docs = ROOT / "docs"
    pages = {str(page.relative_to(docs).with_suffix("")) for page in PAGES[1:]}
    assert pages - {"index"} <= contents


def test_the_table_of_what_templates_may_use_is_that_of_the_code() -> None:
    # `python scripts/context_table.py` writes it anew.
    text = (ROOT / "docs" / "templates.md").read_text()
    assert f"<!-- context, from the code -->\n\n{templating.context_table()}\n\n<!-- end -->" in text


def test_the_example_adapter_is_under_120_lines() -> None:
    adapter = next(block for block in blocks(ROOT / "docs" / "adding-a-platform.md") if "class" in block.code)
    assert len(adapter.code.splitlines()) < 120


def test_the_promises_name_tests_that_exist() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text()
    files: set[Any] = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"(test_\w+\.py)", text)) <= files
