"""Measure ratios within one run: what the package does beside the bare work it cannot do without."""

from __future__ import annotations
