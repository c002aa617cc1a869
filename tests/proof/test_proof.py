"""Run the short form of the proof: a few bots, a few hundred messages, processes and the database killed meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof.__main__ import MUST_BE_ZERO
from tests.proof.cluster import ROOT

SHORT = ["--bots", "8", "--people", "3", "--kills", "6", "--restarts", "1"]
ROUNDS = {"Telegram": 8, "WhatsApp": 4}
"""WhatsApp tells of each message three times how far it has come; both together are to take less than two minutes."""


def _prove(target: Path, options: list[str]) -> dict[str, int]:
    command = [sys.executable, "-m", "tests.proof", *options, "--json", str(target)]
    # Counting lines would make all of its processes three times as slow.
    uncounted = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    run = subprocess.run(command, cwd=ROOT, env=uncounted, capture_output=True, text=True, check=False)
    assert target.exists(), run.stdout + run.stderr
    numbers: dict[str, int] = json.loads(target.read_text())
    assert {name: numbers[name] for name in MUST_BE_ZERO} == dict.fromkeys(MUST_BE_ZERO, 0), run.stdout
    return numbers


@pytest.mark.once
@pytest.mark.timeout(300)
@pytest.mark.parametrize("platform", ROUNDS)
def test_nothing_is_lost_or_doubled_while_processes_and_the_database_are_killed(tmp_path: Path, platform: str) -> None:
    deliveries = 2 * 8 * 3 * ROUNDS[platform]  # a message in and one out, for each person of each bot, in each round
    options = [*SHORT, "--platform", platform, "--deliveries", str(deliveries)]
    numbers = _prove(tmp_path / "numbers.json", options)
    assert (numbers["kills"], numbers["database restarts"]) == (6, 1)
    assert numbers["deliveries"] >= deliveries
