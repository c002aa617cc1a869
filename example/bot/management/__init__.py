"""Hold the command that runs the demo."""

from __future__ import annotations
