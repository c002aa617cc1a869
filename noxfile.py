"""Run the suite on the oldest and on the newest Python and Django that are supported: ``.venv/bin/nox``.

An interpreter that is not on the machine is named and left out; with
``--error-on-missing-interpreters`` that is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False
nox.options.default_venv_backend = "venv"
nox.options.stop_on_first_error = False

UV = str(Path(".uv/bin/uv").resolve())
# Python → the Django that must come with it. The lock holds both: 5.2 for 3.11, the newest for all others.
MATRIX = {"3.11": "5.2", "3.13": "6.", "3.14": "6."}


def _works(directory: Path, version: str) -> bool:
    """Tell if there is an interpreter that starts; pyenv's shims, for one, may be there and refuse."""
    try:
        return (
            subprocess.run([directory / f"python{version}", "-c", "import ssl, sqlite3"], check=False).returncode == 0
        )
    except OSError:
        return False


# pyenv keeps its interpreters off the path: put those of the matrix on it, ahead of its shims.
for _version in MATRIX:
    for _directory in sorted(Path.home().glob(f".pyenv/versions/{_version}.*/bin"), reverse=True):
        if _works(_directory, _version):
            os.environ["PATH"] = f"{_directory}{os.pathsep}{os.environ['PATH']}"
            break


@nox.session(python=list(MATRIX))
def tests(session: nox.Session) -> None:
    """Run the suite on SQLite, or on what UNICOM_TEST_DATABASE says; arguments after ``--`` go to pytest."""
    if not shutil.which(UV):
        session.error("uv is missing: run `make setup` first.")
    environment = {"UV_PROJECT_ENVIRONMENT": session.virtualenv.location, "UV_PYTHON_DOWNLOADS": "never"}
    session.run_install(
        UV, "sync", "--quiet", "--frozen", "--all-extras", "--python", session.virtualenv.bin + "/python",
        env=environment, external=True,
    )  # fmt: skip
    assert isinstance(session.python, str)  # noqa: S101
    found = str(session.run("python", "-c", "import django; print(django.__version__)", silent=True)).strip()
    if not found.startswith(MATRIX[session.python]):
        session.error(f"Python {session.python} is to be tested with Django {MATRIX[session.python]}, not {found}.")
    session.log(f"Python {session.python}, Django {found}")
    session.run("python", "-m", "pytest", "--quiet", "--no-cov", "-m", "not proof", *session.posargs)
