"""Answer people with bots that staff set up in the admin: a model, an instruction and tools from the project's code."""

from __future__ import annotations
