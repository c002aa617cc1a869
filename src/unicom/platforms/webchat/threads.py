"""Run a socket's questions to the database in threads of their own.

So they wait neither for the site's views, nor for a new connection each.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections

Result = TypeVar("Result")
THREADS = 4

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="unicom-socket")
_lock = threading.Lock()
_waiting = 0


async def in_thread(question: Callable[[], Result]) -> Result:
    """Return what ``question`` returns, asked in a thread whose connection lasts while more are waiting."""
    global _waiting
    with _lock:
        _waiting += 1
    return await asyncio.get_running_loop().run_in_executor(_pool, _ask, question)


def _ask(question: Callable[[], Result]) -> Result:
    global _waiting
    with _lock:
        _waiting -= 1
    try:
        return question()
    finally:
        # Under load the next one is here already, and opening a connection takes longer than most questions.
        if _waiting == 0:
            close_old_connections()
