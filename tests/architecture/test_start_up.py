"""Hold what starting up may load, and what the database's history must be."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).parents[2]
HEAVY = ("aiogram", "celery", "channels", "charset_normalizer", "django_ace", "dkim", "dns", "django_tasks", "httpx2",
         "imapclient", "jinja2", "openai", "PIL", "playwright", "psycopg", "pydantic_ai", "pytest", "redis",
         "uvicorn")  # fmt: skip


def loaded_by(program: str, **environment: str) -> set[str]:
    """Return the modules that are loaded once a new interpreter has run ``program``."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "COV_", "UNICOM_"))}
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env={**inherited, **environment},
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.once
def test_starting_django_loads_nothing_heavy() -> None:
    loaded = loaded_by(
        "import django; django.setup();"
        "import unicom.urls, unicom.worker, unicom.inbound, unicom.outbox, unicom.llm.turn",
        DJANGO_SETTINGS_MODULE="tests.settings",
        UNICOM_TEST_DATABASE="sqlite",
    )
    assert "unicom.models" in loaded
    assert loaded & set(HEAVY) == set()


@pytest.mark.once
def test_the_package_itself_loads_nothing_at_all() -> None:
    loaded = loaded_by("import unicom, unicom.testing")
    assert loaded & {"django", "pydantic", "unicom.models", *HEAVY} == set()


@pytest.mark.once
def test_the_fake_bot_api_runs_without_django_and_without_a_framework() -> None:
    if importlib.util.find_spec("unicom.testing.telegram") is None:
        return
    loaded = loaded_by("import unicom.testing.telegram, unicom.testing.telegram.__main__")
    assert loaded & {"django", "unicom.models", *HEAVY} == set()


@pytest.mark.once
def test_the_consumers_cannot_be_imported_without_channels() -> None:
    # A project's asgi.py may rely on it: try … except ImportError.
    if importlib.util.find_spec("unicom.consumers") is None:
        return
    loaded_by(
        "import sys; sys.modules['channels'] = None\n"
        "import django; django.setup()\n"
        "try:\n    import unicom.consumers\n"
        "except ImportError:\n    pass\n"
        "else:\n    raise SystemExit('unicom.consumers was imported without channels')",
        DJANGO_SETTINGS_MODULE="tests.settings",
        UNICOM_TEST_DATABASE="sqlite",
    )


@pytest.mark.django_db
def test_every_change_of_a_model_is_in_a_migration() -> None:
    said = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said, verbosity=1)
    except SystemExit:
        pytest.fail(said.getvalue())


@pytest.mark.django_db
@pytest.mark.parametrize("app", ["unicom", "unibot", "unicrm"])
def test_the_migrations_end_in_one_leaf(app: str) -> None:
    loader = MigrationLoader(connection)
    if app in loader.migrated_apps:
        assert len(loader.graph.leaf_nodes(app)) == 1


@pytest.mark.django_db
def test_the_migrations_use_only_names_that_fit_every_database() -> None:
    loader = MigrationLoader(connection)
    state = loader.project_state()
    names = [
        item.name
        for (app, _), model in state.models.items()
        if app == "unicom"
        for kind in ("indexes", "constraints")
        for item in model.options.get(kind, [])
    ]
    assert [name for name in names if not name or len(name) > 30] == []
    assert len(names) == len(set(names))
