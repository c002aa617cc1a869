"""Test the web chat as its visitors' browsers see it."""

from __future__ import annotations
