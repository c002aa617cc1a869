"""One API, one inbox and one set of promises for Telegram, WhatsApp, e-mail, web chat and internal messages."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unicom.llm.tools import tool

try:
    __version__ = version("django-unicom")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "tool"]


def __getattr__(name: str) -> Any:
    # Importing the package must load nothing, not even Django.
    if name == "tool":
        return import_module("unicom.llm.tools").tool
    raise AttributeError(f"module 'unicom' has no attribute {name!r}")
