"""Give the tests a channel between parts of one project."""

from __future__ import annotations

from tests.pipeline.conftest import (  # noqa: F401
    connect,
    drain,
    internal,
    later,
    memory_platform,
    stored_files,
    wire,
)
