"""Test what an operator does in the admin, and what it must not show or allow."""

from __future__ import annotations
