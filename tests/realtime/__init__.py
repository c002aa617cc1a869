"""Test the web chat's sockets: alone, on a real server, with and without Redis."""

from __future__ import annotations
