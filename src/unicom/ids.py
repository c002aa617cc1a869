"""Make our own keys: time-ordered ids for messages, unguessable ones for what strangers may name."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0
MAX_EXTERNAL = 200


def uuid7() -> str:
    """Return a UUIDv7 (RFC 9562 §5.7) as text, increasing within this process."""
    global _last
    with _lock:
        # 60 bits: milliseconds and a 12-bit fraction (RFC 9562 §6.2, method 3), bumped when the clock stands still.
        now = time.time_ns()
        ticks = ((now // 1_000_000) << 12) | (now % 1_000_000 * 4096 // 1_000_000)
        _last = ticks = max(ticks, _last + 1)
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def unguessable() -> str:
    """Return 32 hexadecimal characters from the system's random source."""
    return secrets.token_hex(16)


def digest(text: str, length: int = 32) -> str:
    """Return the first characters of the SHA-256 of ``text``, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def bounded(external_id: str) -> str:
    """Return ``external_id``, or where it is too long for a key its beginning with a digest of the whole."""
    if len(external_id) <= MAX_EXTERNAL:
        return external_id
    return f"{external_id[: MAX_EXTERNAL - 33]}~{digest(external_id)}"


def chat_key(platform: str, channel_id: int, external_id: str) -> str:
    """Return our key of the chat that a platform knows under ``external_id`` on a channel."""
    return f"{platform.lower()}_{channel_id}_{bounded(external_id)}"
