"""Test the example project: its bot, its sample data and the whole of it in a browser."""

from __future__ import annotations
