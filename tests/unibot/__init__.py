"""Test the bots that staff set up in the admin."""

from __future__ import annotations
