"""Test the Internal platform, the adapter to copy."""

from __future__ import annotations
