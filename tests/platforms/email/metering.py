"""Count what a connection to a mailbox costs: commands, and bytes in either direction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imapclient import IMAPClient


@dataclass
class Meter:
    """Be what was counted so far."""

    commands: list[str] = field(default_factory=list)
    """The words of each command, such as ``UID FETCH``."""
    sent: int = 0
    received: int = 0


def metered(client: IMAPClient) -> Meter:
    """Have a connection counted from now on."""
    meter = Meter()
    wire: Any = client._imap
    send, read, readline = wire.send, wire.read, wire.readline

    def counted_send(data: bytes) -> Any:
        meter.sent += len(data)
        words = data.split()
        # A tag, then the command; the rest of a command that has a literal in it bears no tag.
        if words and words[0].startswith(wire.tagpre):
            meter.commands.append(b" ".join(words[1 : 3 if words[1] == b"UID" else 2]).decode())
        return send(data)

    def counted(take: Any) -> Any:
        def taken(*size: int) -> bytes:
            data: bytes = take(*size)
            meter.received += len(data)
            return data

        return taken

    wire.send, wire.read, wire.readline = counted_send, counted(read), counted(readline)
    return meter
