"""A call's parameters, read one by one with the leniency and the refusals of the real server."""

from __future__ import annotations

import json
from typing import Any

from unicom.testing.multipart import Upload
from unicom.testing.telegram.errors import Json, bad_request
from unicom.testing.telegram.forms import Form


class Params:
    """Typed access to the parameters of one call."""

    def __init__(self, form: Form) -> None:
        self.files = form.files
        self._values = form.params

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) not in (None, "")

    def raw(self, name: str) -> Any:
        """Return the value as it came."""
        return self._values.get(name)

    def text(self, name: str, default: str = "") -> str:
        """Return a string; numbers and booleans of a JSON body are written out, as the real server does."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as error:  # a lone surrogate, from a JSON escape
                raise bad_request("strings must be encoded in UTF-8") from error
            return value
        return json.dumps(value)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a number; what is not one counts as ``default``."""
        value = self._values.get(name)
        if isinstance(value, bool):
            return int(value)
        try:
            return int(value) if value is not None else default
        except (TypeError, ValueError):
            return default

    def number(self, name: str) -> float | None:
        """Return a number with a fraction, or None where there is none."""
        try:
            return float(self._values[name])
        except (KeyError, TypeError, ValueError):
            return None

    def boolean(self, name: str) -> bool:
        """Return whether the value says yes."""
        value = self._values.get(name)
        if isinstance(value, str):
            return value.strip().lower() in ("true", "yes", "1")
        return bool(value)

    def json(self, name: str, *, what: str) -> Any:
        """Return a value that is JSON: the object itself, or text that holds it."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {what} JSON object") from error

    def object(self, name: str, *, what: str) -> Json | None:
        """Return a JSON object, None where it is missing."""
        value = self.json(name, what=what)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise bad_request(f"object expected as {what}")
        return value

    def array(self, name: str, *, what: str) -> list[Any] | None:
        """Return a JSON array, None where it is missing."""
        value = self.json(name, what=what)
        if value is None:
            return None
        if not isinstance(value, list):
            raise bad_request(f"can't parse {what}: expected an Array")
        return value

    def upload(self, name: str) -> Upload | None:
        """Return the uploaded file that ``name`` holds or points to with ``attach://``."""
        return self.attached(self.text(name)) or self.files.get(name)

    def attached(self, value: str) -> Upload | None:
        """Return the uploaded file that ``attach://…`` names."""
        if not value.startswith("attach://"):
            return None
        upload = self.files.get(value.removeprefix("attach://"))
        if upload is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return upload
