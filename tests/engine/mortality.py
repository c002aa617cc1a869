"""Run something in a child process that is killed right before or after its n-th commit."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from typing import Any, Literal

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

When = Literal["before", "after"]
_READS = ("SELECT", "NOTIFY", "LISTEN", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "PRAGMA", "SHOW", "SET")


class _Fate:
    """Count commits, of transactions and of single statements, and end the process at the one that was drawn."""

    def __init__(self, when: When, number: int) -> None:
        self.when, self.number, self.count = when, number, 0

    def around(self, commit: Callable[[], Any]) -> Any:
        self.count += 1
        mine = self.count == self.number
        if mine and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = commit()
        if mine and self.when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def dies(act: Callable[[], None], *, when: When, number: int) -> bool:
    """Run ``act`` in a child that dies at its commit ``number``; False if it came to its end. Raises if it failed."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        _live(act, _Fate(when, number))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed; its traceback is above"
    return False


def _live(act: Callable[[], None], fate: _Fate) -> None:
    """Do it, as the child."""
    try:
        commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]

        def mortal_commit(wrapper: BaseDatabaseWrapper) -> Any:
            return fate.around(lambda: commit(wrapper))

        BaseDatabaseWrapper._commit = mortal_commit  # type: ignore[attr-defined]

        def mortal_statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            wrapper = context["connection"]
            if wrapper.in_atomic_block or sql.lstrip().upper().startswith(_READS):
                return execute(sql, params, many, context)
            return fate.around(lambda: execute(sql, params, many, context))

        with connections["default"].execute_wrapper(mortal_statement):
            act()
        connections.close_all()
        os._exit(0)
    except BaseException:
        # The parent's test runner must not go on in here.
        traceback.print_exc()
        os._exit(1)
