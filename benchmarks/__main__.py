"""Run the benchmarks and print one table: ``make bench``, or ``python -m benchmarks [name …] [--database sqlite]``.

Each benchmark runs in a process of its own, once a database. PostgreSQL is used where ``UNICOM_TEST_POSTGRES_URL``
names a server; ``make bench`` starts one. The numbers are ratios of two things measured alternately in one process:
absolute ones say more about the machine than about the code.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.results import Result, table

ROOT = Path(__file__).resolve().parent.parent
# Name → whether it needs a database. A further benchmark is a module with `measure()`, and a line here.
BENCHMARKS = {
    "inbound": True,
    "accept": True,
    "pages": True,
    "sockets": True,
    "outbox": True,
    "processes": True,
    "mail": True,
    "turn": True,
    "drafts": True,
    "install": False,
    "component": False,
}


def main() -> int:
    """Run what was asked for; 1 where a goal was missed or a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, as ratios within one run.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(BENCHMARKS)}; without any, all")
    parser.add_argument("--database", choices=["postgres", "sqlite"], help="only on this one")
    parser.add_argument("--only-print", action="store_true", help="a missed goal is shown, and is no error")
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"{name!r} is not one of {', '.join(BENCHMARKS)}")
    databases = [options.database] if options.database else _databases()
    results: list[Result] = []
    failed = False
    for name in options.names or BENCHMARKS:
        for database in databases if BENCHMARKS[name] else [""]:
            print(f"==> {name}{f' on {database}' if database else ''}", flush=True)
            found = _run(name, database)
            failed |= found is None
            results += found or []
    print(f"\n{table(results)}")
    missed = [result for result in results if result.passed is False]
    return 1 if failed or (missed and not options.only_print) else 0


def _databases() -> list[str]:
    if os.environ.get("UNICOM_TEST_POSTGRES_URL") or os.environ.get("POSTGRES_HOST"):
        return ["postgres", "sqlite"]
    print("No PostgreSQL is named by UNICOM_TEST_POSTGRES_URL, so it is left out; `make bench` starts one.")
    return ["sqlite"]


def _run(name: str, database: str) -> list[Result] | None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    if database:
        environment["UNICOM_TEST_DATABASE"] = database
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.results", name], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        print(f"{name} failed; see above.")
        return None
    return [Result(**line) for line in json.loads(done.stdout.splitlines()[-1])]


if __name__ == "__main__":
    sys.exit(main())
