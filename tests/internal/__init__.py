"""Test messages between parts of one project."""

from __future__ import annotations
