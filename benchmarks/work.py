"""Be a worker process for a benchmark: ``python -m benchmarks.work`` says it is ready, waits for a line, and works.

It uses the database named by BENCHMARK_DATABASE, delivers what is due, and ends.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Deliver what is due."""
    import django
    from django.conf import settings
    from django.db import connections

    django.setup()
    settings.UNICOM_EXECUTOR = "worker"
    settings.UNICOM_TELEGRAM_API_URL = os.environ["BENCHMARK_TELEGRAM"]
    connections["default"].settings_dict["NAME"] = os.environ["BENCHMARK_DATABASE"]
    from unicom.worker import Worker

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    Worker(concurrency=int(os.environ["BENCHMARK_THREADS"]), only=("deliveries",)).run(once=True)


if __name__ == "__main__":
    main()
