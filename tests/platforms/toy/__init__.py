"""Be an outsider: a platform that knows only what is public, and its tests."""

from __future__ import annotations
