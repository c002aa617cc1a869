"""Run the short form of the proof: a few bots, a few hundred messages, processes and the database killed meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.__main__ import MUST_BE_ZERO
from tests.proof.cluster import ROOT

SHORT = ["--bots", "8", "--people", "3", "--deliveries", "400", "--kills", "6", "--restarts", "1"]


def _prove(target: Path, options: list[str]) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.proof", *options, "--json", str(target)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert target.exists(), run.stdout + run.stderr
    numbers: dict[str, int] = json.loads(target.read_text())
    assert {name: numbers[name] for name in MUST_BE_ZERO} == dict.fromkeys(MUST_BE_ZERO, 0), run.stdout
    return numbers


@pytest.mark.once
@pytest.mark.timeout(300)
@pytest.mark.parametrize("platform", ["Telegram", "WhatsApp"])
def test_nothing_is_lost_or_doubled_while_processes_and_the_database_are_killed(tmp_path: Path, platform: str) -> None:
    numbers = _prove(tmp_path / "numbers.json", [*SHORT, "--platform", platform])
    assert (numbers["kills"], numbers["database restarts"]) == (6, 1)
    assert numbers["deliveries"] >= 2 * 8 * 3 * 8  # a message in and one out, for each person of each bot, eight times
