"""Answer people by a few rules, wherever they write."""

from __future__ import annotations
