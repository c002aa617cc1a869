"""Hold the documentation to the code."""

from __future__ import annotations
