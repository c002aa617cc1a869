"""Put the package under ``unicom/`` and send whoever comes to the chat page."""

from __future__ import annotations

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(url=reverse_lazy("webchat_demo"))),
    path("favicon.ico", RedirectView.as_view(url=static("unicom/webchat/icon.svg"))),
    path("admin/", admin.site.urls),
    path("unicom/", include("unicom.urls")),
]
