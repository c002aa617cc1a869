"""Take in the package's own fixtures."""

from __future__ import annotations

from unicom.testing.pytest_plugin import memory_channel, unicom_sent

__all__ = ["memory_channel", "unicom_sent"]
