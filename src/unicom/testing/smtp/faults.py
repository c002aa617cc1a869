"""Script how the sink fails: where, with what answer or by what silence, for whom and how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

Stage = Literal["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "accept"]
STAGES: tuple[Stage, ...] = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "accept")
DROP, DROP_AFTER = "drop", "drop after"


@dataclass(kw_only=True)
class Fault:
    """Be one failure: an answer such as ``451 4.3.0 Try later``, ``drop`` to hang up, or ``drop after`` to take the
    mail and hang up without a word.
    """

    stage: Stage
    answer: str
    recipient: str = ""
    times: int | None = 1
    """How often; None for ever."""

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise ValueError(f"stage: {self.stage!r} is not one of {', '.join(STAGES)}")
        is_answer = self.answer[:3].isdigit() and len(self.answer) > 4
        if not is_answer and self.answer not in (DROP, DROP_AFTER):
            raise ValueError(
                f"answer: {self.answer!r} is neither a reply such as '451 4.3.0 Later', 'drop' nor 'drop after'"
            )
        if self.answer == DROP_AFTER and self.stage != "accept":
            raise ValueError("answer: 'drop after' is for the stage 'accept'")


class Script:
    """Hold the faults still to come, in the order they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Have it happen."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Fail no more."""
        with self._lock:
            self._faults.clear()

    def take(self, stage: str, recipient: str = "") -> str:
        """Return what to answer at a stage; nothing where all goes well."""
        with self._lock:
            for fault in self._faults:
                if fault.stage != stage or (fault.recipient and fault.recipient.lower() != recipient.lower()):
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault.answer
        return ""
