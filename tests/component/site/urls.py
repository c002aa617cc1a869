"""Name the site's pages, and what tests may have it do."""

from __future__ import annotations

from django.urls import include, path

from tests.component.site import views

urlpatterns = [
    path("unicom/", include("unicom.urls")),
    path("", views.page),
    path("page.css", views.style),
    path("empty/", views.empty),
    path("built/empty.js", views.empty_script),
    path("favicon.ico", views.style),
    path("raw/", views.raw),
    path("log-in/", views.log_in),
    path("control/<str:action>/", views.control),
]
