"""Make the form of a channel from its platform's Config, with the raw JSON beside it."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from unicom.admin import secrets
from unicom.admin.config_fields import EMPTY, SecretField, default_of, field_for
from unicom.admin.typed import ModelForm
from unicom.conf import settings
from unicom.errors import ConfigurationError, InvalidConfig, UnknownPlatform
from unicom.models import Channel
from unicom.platforms import adapter_class
from unicom.platforms.base import AdapterConfig

PREFIX = "config_"
RAW = "raw_config"


def config_class(platform: str) -> type[AdapterConfig] | None:
    """Return a platform's Config, or None where the platform is not at hand."""
    try:
        return adapter_class(platform).Config
    except (UnknownPlatform, ConfigurationError, ImportError):
        return None


def raw_widget() -> forms.Widget:
    """Return the editor of the raw JSON: django_ace where it is installed, else a plain text area."""
    if "django_ace" in settings.installed_apps:
        from django_ace import AceWidget

        widget: forms.Widget = AceWidget(mode="json", width="100%", height="320px", showprintmargin=False, tabsize=2)
        return widget
    return forms.Textarea(attrs={"rows": 14, "class": "vLargeTextField unicom-code", "spellcheck": "false"})


class RawJSONField(forms.CharField):
    """Take the whole config as JSON text."""

    def to_python(self, value: Any) -> Any:
        """Read the JSON; a bad one is named with its line and column."""
        text = super().to_python(value)
        if not text:
            return {}
        try:
            found = json.loads(text)
        except ValueError as error:
            where = getattr(error, "lineno", 1), getattr(error, "colno", 1)
            message = getattr(error, "msg", _("it cannot be read"))
            raise ValidationError(
                _("This is not JSON: %(message)s in line %(line)d, column %(column)d.")
                % {"message": message, "line": where[0], "column": where[1]}
            ) from None
        except RecursionError:
            raise ValidationError(_("This is not JSON: it is nested too deeply.")) from None
        if not isinstance(found, dict):
            raise ValidationError(_("A JSON object is needed: {…}."))
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what the JSON says, not how it is written."""
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True


class ChannelForm(ModelForm):
    """Edit a channel's name, teams and config; either the fields or the raw JSON, whichever was changed."""

    platform_name: ClassVar[str] = ""
    config_model: ClassVar[type[AdapterConfig] | None] = None
    base_config: ClassVar[Any] = {}
    """What is stored, under today's names."""

    class Meta:
        model = Channel
        fields: ClassVar = ["name", "teams"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.uses_raw = False
        if self.instance.pk is None and self.platform_name:
            self.instance.platform = self.platform_name

    def _clean_fields(self) -> None:
        if RAW in self.fields:
            typed = self.data.get(self.add_prefix(RAW))
            raw = self.fields[RAW]
            self.uses_raw = typed is not None and raw.has_changed(self.initial.get(RAW, raw.initial), typed)
        if self.uses_raw:
            for name in self._config_names():
                self.fields[name].required = False
        super()._clean_fields()  # type: ignore[misc]

    def _config_names(self) -> list[str]:
        return [name for name in self.fields if name.startswith(PREFIX)]

    def clean(self) -> dict[str, Any]:
        """Put the config together and have the platform check it."""
        cleaned = super().clean() or self.cleaned_data
        if self.config_model is None:
            return cleaned
        if self.uses_raw:
            config = self._from_raw()
        elif not any(name in self.errors for name in self._config_names()):
            config = self._from_fields()
        else:
            config = None
        if config is not None:
            self._check(config)
        return cleaned

    def full_clean(self) -> None:
        """Check everything; after an error no typed secret stays on the page."""
        super().full_clean()
        if self.is_bound and self.config_model is not None and self.errors:
            self._after_errors()

    def _from_raw(self) -> Any:
        if any(name in self.changed_data for name in self._config_names()):
            self.add_error(RAW, _("Both the fields and the raw JSON were changed. Change one or the other."))
            return None
        if RAW not in self.cleaned_data:
            return None
        config, missing = secrets.unmasked(self.cleaned_data[RAW], self.base_config)
        for key in missing:
            self.add_error(RAW, _("%(key)s: *** stands for a stored value, and none is stored.") % {"key": key})
        return None if missing else config

    def _from_fields(self) -> Any:
        stored = self.base_config if isinstance(self.base_config, dict) else {}
        config = dict(stored)
        model = self.config_model
        assert model is not None  # noqa: S101  clean() made sure
        for name in self._config_names():
            key, value = name.removeprefix(PREFIX), self.cleaned_data.get(name)
            field = self.fields[name]
            if isinstance(field, SecretField):
                if value:
                    config[key] = value
                continue
            if isinstance(field, forms.JSONField) and value not in EMPTY:
                value, missing = secrets.unmasked(value, stored.get(key), key)
                if missing:
                    self.add_error(
                        name, _("*** stands for a stored value, and none is stored: %s.") % ", ".join(missing)
                    )
                    continue
            if value in EMPTY and not isinstance(value, bool):
                config.pop(key, None)
            elif key in config or value != default_of(model.model_fields[key]):
                config[key] = value
        return config

    def _check(self, config: Any) -> None:
        assert self.config_model is not None  # noqa: S101  clean() made sure
        try:
            self.config_model.read(config)
        except InvalidConfig as error:
            for path, sentence in error.problems.items():
                key, _dot, below = path.partition(".")
                name = f"{PREFIX}{key}"
                if self.uses_raw or name not in self.fields:
                    self.add_error(RAW if RAW in self.fields else None, f"{path}: {sentence}")
                else:
                    self.add_error(name, f"{below}: {sentence}" if below else sentence)
        else:
            self.instance.config = config

    def _after_errors(self) -> None:
        """Leave no typed secret on the page that shows the errors, and say what has to be typed again."""
        again: dict[str, str] = {}
        for name in self._config_names():
            field, typed = self.fields[name], self.data.get(self.add_prefix(name))
            if isinstance(field, SecretField) and typed and name not in self.errors:
                self.add_error(name, _("Not saved yet, and not shown again: please enter it once more."))
            elif isinstance(field, forms.JSONField) and typed:
                again[self.add_prefix(name)] = self._without_secrets(str(typed), name.removeprefix(PREFIX))
        typed = self.data.get(self.add_prefix(RAW))
        if typed:
            again[self.add_prefix(RAW)] = self._without_secrets(str(typed), "")
        self.data = {**self.data.dict(), **again} if isinstance(self.data, QueryDict) else {**self.data, **again}

    def _without_secrets(self, text: str, key: str) -> str:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return secrets.emptied_text(self.config_model, text)
        shown = secrets.emptied(self.config_model, {key: value} if key else value)
        shown = shown[key] if key else shown
        return text if shown == value else as_text(shown)


def as_text(value: Any) -> str:
    """Return a config as the editor shows it."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)


def channel_form(platform: str, channel: Channel | None) -> type[ChannelForm]:
    """Return the form class for a platform, filled with what is stored, without its secrets."""
    model = config_class(platform)
    stored: Any = channel.config if channel is not None else {}
    attributes: dict[str, Any] = {"platform_name": platform, "config_model": model, "__module__": __name__}
    if model is not None:
        stored = secrets.normal(model, stored)
        shown = secrets.masked(model, stored)
        for key, info in model.model_fields.items():
            saved = isinstance(stored, dict) and stored.get(key) not in EMPTY
            field = field_for(key, info, saved=saved)
            if not isinstance(field, SecretField):
                initial = shown[key] if isinstance(shown, dict) and key in shown else default_of(info)
                is_choice = isinstance(field, forms.TypedChoiceField) and initial is not None
                field.initial = str(initial) if is_choice else initial
            attributes[f"{PREFIX}{key}"] = field
        attributes[RAW] = RawJSONField(
            label=gettext_lazy("Config"),
            required=False,
            widget=raw_widget(),
            initial=as_text(shown),
            help_text=gettext_lazy("Secrets are shown as ***; *** written back keeps what is stored."),
        )
        attributes["base_config"] = stored
    return type("ChannelForm", (ChannelForm,), attributes)
