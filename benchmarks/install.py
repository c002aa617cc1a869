"""Weigh what `pip install django-unicom` adds to an empty environment, Django included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.results import Result, at_most

ROOT = Path(__file__).resolve().parent.parent
GOAL_MB = 90
WHAT = "core install over an empty environment"
OFFLINE = ("Name or service not known", "Temporary failure", "dns error", "Connection refused", "timed out", "No route")


def measure() -> list[Result]:
    """Install into an empty environment and weigh it; without a network nothing is measured."""
    with tempfile.TemporaryDirectory(prefix="unicom-install-") as home:
        place = Path(home) / "env"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
        empty = _megabytes(place)
        installer = _installer(place)
        if installer is None:
            return [Result(what=WHAT, value="skipped", note="neither uv nor pip is at hand")]
        done = subprocess.run([*installer, str(ROOT)], capture_output=True, text=True)
        if done.returncode:
            if any(sign in done.stderr for sign in OFFLINE):
                return [Result(what=WHAT, value="skipped", note="the package index cannot be reached")]
            sys.stderr.write(done.stderr)
            raise SystemExit("The package could not be installed.")
        count = len(list(place.glob("lib/python*/site-packages/*.dist-info")))
        weight = round(_megabytes(place) - empty, 1)
        return [at_most(WHAT, weight, GOAL_MB, " MB", note=f"{count} distributions")]


def _installer(place: Path) -> list[str] | None:
    python = str(place / "bin" / "python")
    own = ROOT / ".uv" / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", python]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
    return None


def _megabytes(place: Path) -> float:
    total = 0
    for folder, _, files in os.walk(place):
        total += sum(os.lstat(os.path.join(folder, name)).st_size for name in files)
    return total / 1_000_000
