"""Make a form field of each key of a platform's Config, and read its value back."""

from __future__ import annotations

import enum
import json
import types
import typing
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from unicom.admin.secrets import is_secret, leaves, plain

EMPTY: tuple[Any, ...] = (None, "", [], {})
_WIDE = {"class": "vLargeTextField unicom-lines", "rows": 3}


class SecretField(forms.CharField):
    """Take a secret; what is stored is never shown, and nothing typed keeps it."""

    def __init__(self, *, several: bool = False, **kwargs: Any) -> None:
        self.several = several
        widget = forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField", "spellcheck": "false"}
        )
        super().__init__(widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        """Return the secret, or a list where several were typed."""
        text = super().clean(value)
        words = text.split() if self.several else [text]
        return words if len(words) > 1 else "".join(words)


class LinesField(forms.CharField):
    """Take a list of texts, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs=_WIDE), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show a list one item a line."""
        return "\n".join(str(item) for item in value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        """Read one item a line."""
        if isinstance(value, list | tuple):
            return [str(item) for item in value]
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the lists."""
        return self.to_python(initial) != self.to_python(data)


class JSONField(forms.JSONField):
    """Take JSON; nothing is shown as nothing, not as null."""

    def prepare_value(self, value: Any) -> Any:
        """Show it indented."""
        if value is None:
            return ""
        text = super().prepare_value(value)
        return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else text


def field_for(name: str, info: FieldInfo, *, saved: bool) -> forms.Field:
    """Return the form field for a key; ``saved`` tells whether a secret is stored under it."""
    required = info.is_required()
    common: dict[str, Any] = {"label": info.title or name, "help_text": info.description or ""}
    if is_secret(info.annotation):
        several = any(typing.get_origin(part) in (list, tuple) for part in _union(info.annotation))
        notes = [info.description or ""]
        if several:
            notes.append(str(_("Separate several by a space.")))
        if saved:
            notes.append(str(_("Saved; leave empty to keep.")))
        common["help_text"] = " ".join(note for note in notes if note)
        return SecretField(several=several, required=required and not saved, **common)
    common["required"] = required
    return _plain_field(info, common)


def _plain_field(info: FieldInfo, common: dict[str, Any]) -> forms.Field:
    parts = [part for part in _union(info.annotation) if part is not type(None)]
    optional = info.is_required() or len(parts) < len(_union(info.annotation))
    only = parts[0] if len(parts) == 1 else None
    if only is bool:
        if type(None) in _union(info.annotation):
            choices = [("", "---------"), ("True", _("Yes")), ("False", _("No"))]
            return forms.TypedChoiceField(
                choices=choices, coerce=lambda value: value == "True", empty_value=None, **common
            )
        return forms.BooleanField(**{**common, "required": False})
    if typing.get_origin(only) is typing.Literal:
        return _choice(list(typing.get_args(only)), common, optional=optional)
    if isinstance(only, type) and issubclass(only, enum.Enum):
        return _choice([item.value for item in only], common, optional=optional)
    if only is int:
        return forms.IntegerField(**common)
    if only is float:
        return forms.FloatField(**common)
    if typing.get_origin(only) in (list, tuple, set, frozenset) and set(leaves(only)) == {str}:
        common["help_text"] = " ".join(filter(None, [common["help_text"], str(_("One a line."))]))
        return LinesField(**common)
    if isinstance(only, type) and (issubclass(only, str) or only.__module__.startswith("pydantic")):
        return forms.CharField(widget=forms.TextInput(attrs={"class": "vTextField"}), **common)
    common["help_text"] = " ".join(filter(None, [common["help_text"], str(_("As JSON."))]))
    return JSONField(widget=forms.Textarea(attrs={**_WIDE, "spellcheck": "false"}), **common)


def _choice(values: list[Any], common: dict[str, Any], *, optional: bool) -> forms.Field:
    by_text = {str(value): value for value in values}
    choices = [("", "---------")] if optional else []
    choices += [(text, text) for text in by_text]
    return forms.TypedChoiceField(choices=choices, coerce=by_text.__getitem__, empty_value=None, **common)


def _union(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _union(typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        return [part for item in typing.get_args(annotation) for part in _union(item)]
    return [annotation]


def default_of(info: FieldInfo) -> Any:
    """Return what a key is where it is not given, as JSON."""
    if info.is_required():
        return None
    value = (
        info.get_default(call_default_factory=True) if info.default_factory is None or _plain_factory(info) else None
    )
    if value is PydanticUndefined or isinstance(value, SecretStr):
        return None
    return plain(value)


def _plain_factory(info: FieldInfo) -> bool:
    return not getattr(info, "default_factory_takes_validated_data", False)
