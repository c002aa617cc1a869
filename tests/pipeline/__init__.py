"""Test what every platform goes through: in, reacting, out."""

from __future__ import annotations
