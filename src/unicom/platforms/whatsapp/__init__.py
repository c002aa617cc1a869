"""Talk to WhatsApp's Cloud API."""

from __future__ import annotations
