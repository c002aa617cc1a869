"""Name the paths; to be included where the project likes."""

from __future__ import annotations

from django.urls import path

urlpatterns: list[object] = []
__all__ = ["path", "urlpatterns"]
