"""Hold what templates, drafts and schedules promise."""

from __future__ import annotations
