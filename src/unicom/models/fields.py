"""Define the column types that are ours: encrypted JSON, and what a time zone may be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from unicom import crypto

if TYPE_CHECKING:
    TextField = models.TextField[Any, Any]
else:
    TextField = models.TextField


def is_time_zone(value: str) -> None:
    """Raise ValidationError for what is no time zone."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValidationError(f"{value!r} is not a time zone; write it as in Europe/Amsterdam.") from None


class EncryptedJSONField(TextField):
    """Keep any JSON value encrypted; it cannot be searched, and a wrong key raises EncryptionKeyError."""

    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any
        _pyi_lookup_exact_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        """Decrypt."""
        return None if value is None else json.loads(crypto.decrypt(value))

    def get_prep_value(self, value: Any) -> str | None:
        """Encrypt."""
        if value is None:
            return None
        return crypto.encrypt(json.dumps(value, cls=DjangoJSONEncoder))

    def get_lookup(self, lookup_name: str) -> Any:
        """Refuse every lookup but ``isnull``: two encryptions of one value differ."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def value_to_string(self, obj: models.Model) -> str:
        """Keep the secret encrypted in ``dumpdata`` too."""
        return str(self.get_prep_value(self.value_from_object(obj)))

    def to_python(self, value: Any) -> Any:
        """Read what ``dumpdata`` wrote."""
        if isinstance(value, str) and value.startswith(f"{crypto.MARK}:"):
            return json.loads(crypto.decrypt(value))
        return value

    def formfield(self, *args: Any, **kwargs: Any) -> Any:
        """Edit it as JSON."""
        from django import forms

        return super().formfield(*args, **{"form_class": forms.JSONField, "widget": forms.Textarea, **kwargs})
