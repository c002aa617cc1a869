"""Test the package from outside, on PostgreSQL and on SQLite."""

from __future__ import annotations
