"""Be a listener for a benchmark: ``python -m benchmarks.mail.listening`` listens, and answers each line with its state.

It uses the database named by BENCHMARK_DATABASE and ends with its standard input.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

_lock = threading.Lock()
_statements = 0


def main() -> None:
    """Listen, and say how it goes when asked."""
    import django
    from django.db import connections
    from django.db.backends.signals import connection_created

    django.setup()
    connections["default"].settings_dict["NAME"] = os.environ["BENCHMARK_DATABASE"]
    connection_created.connect(_count)
    from unicom.platforms.email.listener import Listener

    listener = Listener()
    running = threading.Thread(target=listener.run)
    running.start()
    for _ in sys.stdin:
        idle = sum(mailbox.is_idle and not mailbox.is_busy for mailbox in list(listener.mailboxes.values()))
        sys.stdout.write(f"{json.dumps({'idle': idle, 'statements': _statements, **_process()})}\n")
        sys.stdout.flush()
    listener.stop()
    running.join()


def _count(connection: Any, **_: Any) -> None:
    if _counted not in connection.execute_wrappers:
        connection.execute_wrappers.append(_counted)


def _counted(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    global _statements
    with _lock:
        _statements += 1
    return execute(sql, params, many, context)


def _process() -> dict[str, Any]:
    """Return what this process has used and uses, by the kernel's account."""
    with open("/proc/self/status", encoding="ascii") as status:
        lines = dict(line.split(":", 1) for line in status)
    times = os.times()
    return {
        "kilobytes": int(lines["VmRSS"].split()[0]),
        "threads": int(lines["Threads"]),
        "cpu": times.user + times.system,
    }


if __name__ == "__main__":
    main()
