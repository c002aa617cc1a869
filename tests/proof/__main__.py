"""Run the proof and print its table; ``python -m tests.proof --help``."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.proof.driver import Plan, prove
from tests.proof.stages import STAGES

MUST_BE_ZERO = ("lost", "doubled", "out of order", "limits broken", "unknown without a cause", "dead letters")
FULL_ROUNDS, RECORD = 50, "proof-rounds-{platform}.json"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _table(numbers: dict[str, int]) -> str:
    return "\n".join(f"{name:<28}{value:>10,}" for name, value in numbers.items())


def _full(plan: Plan) -> dict[str, int]:
    """Run many rounds, each a proof of its own; one that was cut off is taken up where it was."""
    record = Path(RECORD.format(platform=plan.platform.lower()))
    rounds: list[dict[str, int]] = json.loads(record.read_text()) if record.exists() else []
    while len(rounds) < FULL_ROUNDS:
        number = len(rounds) + 1
        _say(f"round {number} of {FULL_ROUNDS}")
        part = record.with_suffix(".part")
        part.unlink(missing_ok=True)
        options = ["--platform", plan.platform, "--kills", "10", "--seed", str(number), "--json", str(part)]
        subprocess.run([sys.executable, "-m", "tests.proof", *options], check=False)
        if not part.exists():
            sys.exit(f"round {number} did not come to its end; asked again, it is the first to be done")
        rounds.append(json.loads(part.read_text()))
        record.write_text(json.dumps(rounds))
    return {name: sum(each[name] for each in rounds) for name in rounds[0]}


def main() -> int:
    """Run; 0 if every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    default = Plan()
    for name in ("bots", "people", "deliveries", "kills", "restarts", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(default, name))
    parser.add_argument("--platform", choices=sorted(STAGES), default=default.platform)
    parser.add_argument("--full", action="store_true", help="1,000,000 deliveries in 50 rounds, resumable")
    parser.add_argument("--json", help="also write the numbers here")
    given = vars(parser.parse_args())
    # Asked to stop, it leaves nothing running either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    full, target = given.pop("full"), given.pop("json")
    plan = Plan(**given)
    numbers = _full(plan) if full else prove(plan, say=_say)
    _say(_table(numbers))
    if target:
        Path(target).write_text(json.dumps(numbers))
    broken = [name for name in MUST_BE_ZERO if numbers[name]]
    _say("every promise was kept" if not broken else f"BROKEN: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
