"""Hold the shape of the package: what may know what, and how things are written."""

from __future__ import annotations
