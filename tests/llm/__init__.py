"""Test replies by language models, their transcripts and their tools."""

from __future__ import annotations
