"""Show what a template becomes, as it is typed: rendered, with what is missing marked, in a frame that runs nothing."""

from __future__ import annotations

import json
import re
from typing import Any

import nh3
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import path
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from unicom import access, templating
from unicom.admin.base import UnicomAdmin
from unicom.admin.display import unfit
from unicom.models import Channel

MOST = 10_000_000
_DATA = re.compile(r"data:image/[\w.+-]+;base64,[\w+/=\s]+")


class PreviewAdmin(UnicomAdmin):
    """Add a preview to the form: a button that posts what is typed into a frame."""

    preview_fields: dict[str, str] = {}
    """The form's fields, by what they are in a message: subject, text, html."""
    knows_variables = True
    """Whether the form says what the variables stand for; else names are listed, and none is an error."""

    def get_urls(self) -> list[Any]:
        """Add the preview's address."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_preview"
        view = self.admin_site.admin_view(xframe_options_sameorigin(self.preview_view))
        return [path("preview/", view, name=name), *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Return the frame's page; nothing is stored."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        given = {name: request.POST.get(key, "")[:MOST] for name, key in self.preview_fields.items()}
        response = render(request, "admin/unicom/preview.html", self._shown(request, given))
        response["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"
        )
        response["Cache-Control"] = "private, no-store"
        return response

    def _shown(self, request: HttpRequest, given: dict[str, str]) -> dict[str, Any]:
        problems: list[str] = []
        data: dict[str, Any] = {**given, "chat_id": request.POST.get("chat_id", "")}
        renders = not self.knows_variables or "render_template" in request.POST
        context: dict[str, Any] = {}
        if renders:
            found: dict[str, str] = {}
            data["render_variables"] = _variables(request.POST.get("render_variables", ""), found)
            context = templating.context_of(_channel(request), data, found, user=request.user)
            problems += [f"{key}: {sentence}" for key, sentence in found.items()]
        undefined: list[str] = []
        for name, source in given.items():
            if not renders:
                continue
            preview = templating.preview(source, context, html=name == "html")
            given[name] = preview.text
            undefined += preview.undefined
            if preview.problem:
                problems.append(f"{name}: {preview.problem}")
        html = given.get("html", "")
        return {
            "subject": given.get("subject", ""),
            "text": given.get("text", ""),
            "html": _clean(html, problems),
            "undefined": list(dict.fromkeys(undefined)),
            "knows_variables": self.knows_variables,
            "problems": problems,
            "is_empty": not any(value.strip() for value in given.values()),
        }


def _channel(request: HttpRequest) -> Channel:
    pk = request.POST.get("channel", "")
    known = pk.isascii() and pk.isdigit() and len(pk) < 19
    rows = access.access_channels(request.user).defer("config")
    found = rows.filter(pk=pk).first() if known else None
    return found or Channel(name=_("Channel"), platform="")


def _variables(text: str, problems: dict[str, str]) -> Any:
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except ValueError:
        problems["render_variables"] = _("this is not JSON")
        return {}


def _clean(html: str, problems: list[str]) -> SafeString | str:
    """Return HTML with nothing in it that runs; what cannot be cleaned in good time is not shown."""
    if reason := unfit(_DATA.sub("data:", html)):
        problems.append(reason)
        return ""
    return mark_safe(nh3.clean(html, url_schemes={"http", "https", "mailto", "tel", "data"}))  # noqa: S308  cleaned
