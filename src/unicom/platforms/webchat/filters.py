"""Read the filters of a chat list: the documented ones, from one allow-list, for views and sockets alike."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from django.db.models import Case, CharField, FloatField, Func, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast

from unicom.cleaning import clean
from unicom.errors import UnsupportedFeature
from unicom.models import Chat

# One key, which holds no "__" itself: whatever else stood there could be a lookup of the database.
_METADATA = re.compile(r"^metadata__((?:(?!__)[A-Za-z0-9_-]){1,200}?)(?:__(gte|lte|icontains))?$")


def apply_filters(chats: QuerySet[Chat], filters: Mapping[str, str]) -> QuerySet[Chat]:
    """Narrow a list of chats; raises UnsupportedFeature naming every key that is not documented."""
    problems: dict[str, str] = {}
    for number, (key, value) in enumerate(sorted(filters.items())):
        if "\x00" in value:
            problems[key] = "contains a NUL character"
        elif key == "is_archived":
            wanted = {"true": True, "1": True, "false": False, "0": False}.get(value.lower())
            if wanted is None:
                problems[key] = f"{value!r} is not true or false"
            else:
                chats = chats.filter(is_archived=wanted)
        elif key in ("name", "name__icontains"):
            chats = chats.filter(**{key: value})
        elif match := _METADATA.match(key):
            narrowed = _by_metadata(chats, match[1], match[2] or "", value, f"_filter_{number}")
            if narrowed is None:
                problems[key] = f"{value!r} is not a number"
            else:
                chats = narrowed
        else:
            problems[key] = "not a filter; there are is_archived, name, name__icontains and metadata__<key>"
    if problems:
        raise UnsupportedFeature(problems)
    return chats


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _number(value: Any) -> float | None:
    try:
        number = None if isinstance(value, bool | str) else float(value)
    except (TypeError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None


def _by_metadata(chats: QuerySet[Chat], key: str, lookup: str, value: str, alias: str) -> QuerySet[Chat] | None:
    exact, text = KeyTransform(key, "metadata"), KeyTextTransform(key, "metadata")
    if not lookup:
        chats = chats.alias(**{alias: exact})
        wanted = clean(_read(value))
        if isinstance(wanted, float) and not math.isfinite(wanted):
            wanted = value
        return chats.filter(Q(**{alias: wanted}) | Q(**{alias: value}))
    kinds = ("number", "integer", "real") if lookup != "icontains" else ("string", "text")
    chats = chats.alias(**{f"{alias}_type": _JsonTypeOf(exact)})
    is_kind = Q(**{f"{alias}_type__in": kinds})
    if lookup == "icontains":
        return chats.alias(**{alias: text}).filter(is_kind, **{f"{alias}__icontains": value})
    number = _number(_read(value))
    if number is None:
        return None
    # The cast is reached for numbers alone: PostgreSQL would refuse to cast anything else.
    as_number = Case(When(is_kind, then=Cast(text, FloatField())), default=Value(None), output_field=FloatField())
    return chats.alias(**{alias: as_number}).filter(**{f"{alias}__{lookup}": number})


class _JsonTypeOf(Func):
    """Name the JSON type of what a KeyTransform leads to."""

    output_field = CharField()
    arity = 1

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Ask PostgreSQL."""
        return super().as_sql(compiler, connection, function="jsonb_typeof", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Ask SQLite, whose function takes the column and the path apart."""
        transform = self.get_source_expressions()[0]
        column, params, steps = transform.preprocess_lhs(compiler, connection)
        path = "$" + "".join(f".{json.dumps(step)}" for step in steps)
        return f"JSON_TYPE({column}, %s)", [*params, path]
