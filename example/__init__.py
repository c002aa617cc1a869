"""Show the package at work: a site with a chat page, a bot behind it and the admin."""

from __future__ import annotations
