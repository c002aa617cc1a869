"""Read what a browser sent: bodies and queries, each problem under the name of its key."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.dateparse import parse_datetime

from unicom.cleaning import clean
from unicom.errors import InvalidMessage

Problems = dict[str, str]


def json_body(request: HttpRequest) -> dict[str, Any]:
    """Return a JSON body, which has to be an object; raises InvalidMessage."""
    try:
        data = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        raise InvalidMessage({"body": "the request is not JSON"}) from None
    if not isinstance(data, dict):
        raise InvalidMessage({"body": f"an object is needed, not {type(data).__name__}"})
    return clean(data)  # type: ignore[no-any-return]


def form_or_json(request: HttpRequest) -> dict[str, Any]:
    """Return the fields of a form, or a JSON body."""
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        form = request.POST if request.method == "POST" else QueryDict(request.body)
        return {key: clean(form[key]) for key in form}
    return json_body(request)


def text_of(data: dict[str, Any], key: str, problems: Problems, *, longest: int = 300, required: bool = False) -> str:
    """Return a text, or a number as one; empty where it is absent."""
    value = data.get(key)
    if value is None or (required and value == ""):
        if required:
            problems[key] = "required"
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > longest:
        problems[key] = f"a text of at most {longest:,} characters is needed"
        return ""
    return str(value)


def object_of(value: Any, key: str, problems: Problems) -> dict[str, Any]:
    """Return an object, which a form carries as JSON."""
    if value in (None, ""):
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            problems[key] = "an object is needed; this is not JSON"
            return {}
    if not isinstance(value, dict):
        problems[key] = f"an object is needed, not {type(value).__name__}"
        return {}
    return value


def number_of(request: HttpRequest, key: str, problems: Problems, *, default: int, most: int, least: int = 1) -> int:
    """Return a whole number of the query, ``most`` where it is larger."""
    value = request.GET.get(key)
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10) or int(value) < least:
        problems[key] = f"a number from {least} is needed, not {value[:50]!r}"
        return default
    return min(int(value), most)


def read_time(text: object) -> datetime | None:
    """Return a time in ISO 8601 that names its zone, None for anything else."""
    try:
        found = parse_datetime(text) if isinstance(text, str) and len(text) <= 40 else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def time_of(request: HttpRequest, key: str, problems: Problems) -> datetime | None:
    """Return a time of the query, which has to name its zone."""
    value = request.GET.get(key)
    if not value:
        return None
    found = read_time(value.replace(" ", "+"))  # a "+" that nobody escaped comes as a space
    if found is None:
        problems[key] = f"a time in ISO 8601 with its zone is needed, not {value[:50]!r}"
        return None
    return found
