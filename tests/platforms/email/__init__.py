"""Hold the e-mail platform to its facts, against real servers."""

from __future__ import annotations
