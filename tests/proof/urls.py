"""Serve the webhooks."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("unicom/", include("unicom.urls"))]
