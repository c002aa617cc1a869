"""Run templates that nobody has to trust. Loaded at the first text that has anything to render."""

from __future__ import annotations
