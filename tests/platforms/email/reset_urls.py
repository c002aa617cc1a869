"""Route what a password reset needs."""

from __future__ import annotations

from django.contrib.auth import urls
from django.urls import include, path

from tests.urls import urlpatterns as site

urlpatterns = [*site, path("accounts/", include(urls))]
