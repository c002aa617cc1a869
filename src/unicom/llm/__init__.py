"""Answer by a language model: the transcript it reads, the tools it calls, the turns it takes."""

from __future__ import annotations
