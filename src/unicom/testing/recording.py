"""Wait for what a fake's log is going to say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self


class Recorder:
    """Be the part of a log that tells whoever waits that it has grown."""

    def __init__(self) -> None:
        self._changed = threading.Condition()

    def wait_for_change(self, timeout: float) -> None:
        """Wait until anything is logged, at most ``timeout`` seconds."""
        with self._changed:
            self._changed.wait(timeout)

    def wait_for(self, condition: Callable[[Self], object], timeout: float = 5.0) -> bool:
        """Wait until ``condition`` holds; looked at whenever something is logged. False on time-out."""
        end = time.monotonic() + timeout
        while not condition(self):
            left = end - time.monotonic()
            if left <= 0:
                return False
            # Shorter than the time left: a call may be logged between the question and the wait.
            self.wait_for_change(min(left, 0.05))
        return True
