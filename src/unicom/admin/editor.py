"""Edit HTML in the admin: a rich editor from our own static files, a plain text area without scripts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.staticfiles import finders
from django.templatetags.static import PrefixNode

from unicom.conf import settings

FOLDER = "unicom/vendor/hugerte"
SCRIPT = f"{FOLDER}/hugerte.min.js"


class HtmlEditor(forms.Textarea):
    """Be a text area that ``compose.js`` makes an editor of, where one is at hand."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        base = f"{PrefixNode.handle_simple('STATIC_URL')}{FOLDER}"
        given = {"rows": 16, "class": "vLargeTextField unicom-code", "data-unicom-editor": base, **(attrs or {})}
        super().__init__(given)

    @property
    def media(self) -> forms.Media:
        """Name the editor's script: ours where it is built in, or the cloud's where the project has a key for it."""
        scripts = ["unicom/admin/compose.js"]
        if key := settings.UNICOM_TINYMCE_API_KEY:
            scripts.insert(0, f"https://cdn.tiny.cloud/1/{key}/tinymce/6/tinymce.min.js")
        elif is_built():
            scripts.insert(0, SCRIPT)
        return forms.Media(js=scripts)


def is_built() -> bool:
    """Tell whether the editor is among the static files; a checkout without Node.js has none."""
    return finders.find(SCRIPT) is not None
