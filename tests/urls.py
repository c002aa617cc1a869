"""Put the package where a project would."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("unicom/", include("unicom.urls")),
]
