"""One API, one inbox and one set of promises for Telegram, WhatsApp, e-mail, web chat and internal messages."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("django-unicom")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
