"""List what a template can touch: filters, functions, and methods of plain values. Nothing else is there for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as clock

from jinja2 import nodes
from jinja2.filters import _GroupTuple
from jinja2.runtime import LoopContext
from jinja2.utils import Cycler

# What a template may call on a value; nothing else of it can be reached.
METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        {
            "capitalize", "count", "endswith", "find", "isalpha", "isdigit", "islower", "isnumeric", "isspace",
            "isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace",
            "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title",
            "upper",
        }
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    datetime: frozenset({"date", "isoformat", "isoweekday", "strftime", "time", "timestamp", "weekday"}),
    date: frozenset({"isoformat", "isoweekday", "strftime", "weekday"}),
    clock: frozenset({"isoformat", "strftime"}),
    timedelta: frozenset({"total_seconds"}),
    Cycler: frozenset({"next", "reset"}),
    LoopContext: frozenset({"changed", "cycle"}),
}  # fmt: skip
# What can be read of a value that is no dict.
FIELDS: dict[type, frozenset[str]] = {
    datetime: frozenset({"day", "hour", "microsecond", "minute", "month", "second", "year"}),
    date: frozenset({"day", "month", "year"}),
    clock: frozenset({"hour", "microsecond", "minute", "second"}),
    timedelta: frozenset({"days", "seconds"}),
    Cycler: frozenset({"current"}),
    _GroupTuple: frozenset({"grouper", "list"}),
    LoopContext: frozenset(
        {
            "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem",
            "revindex", "revindex0",
        }
    ),
}  # fmt: skip
FILTERS = frozenset(
    {
        "abs", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat",
        "first", "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length",
        "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe",
        "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate",
        "unique", "upper", "urlencode", "wordcount", "wordwrap",
    }
)  # fmt: skip
FUNCTIONS = frozenset({"cycler", "dict", "joiner", "namespace", "range"})
TAGS_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
}
# Things of the template itself: they may be called or handed on, and have no text.
