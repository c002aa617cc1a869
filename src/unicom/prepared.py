"""Build a query once and run it many times: the ORM takes longer to write the claim's SQL than databases to run it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connections, models
from django.db.models import QuerySet

# Stand-ins that cannot be meant: where they come out in the parameters, the real values go in.
MOMENT = datetime(1971, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
NUMBER = 7_236_451_098_765
TEXT = "unicom: a text goes here"
SECOND_TEXT = "unicom: another text goes here"
THIRD_TEXT = "unicom: and one more text goes here"
NUMBERS = tuple(range(NUMBER + 1, NUMBER + 11))


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    params: tuple[Any, ...]
    converters: tuple[tuple[int, Any, Any], ...]
    """Of each column that needs them: its place, its converters, its expression."""


class Prepared:
    """Be a query with places for a moment, a number, three texts and up to ten numbers; safe in any thread.

    It is to be a ``values_list()``: its rows are tuples, each value as the ORM would give it. Columns in ``shared``
    belong to something that many rows may name: what is equal there is made once, and is one object.
    """

    def __init__(self, build: Callable[[], QuerySet[Any, Any]], *, shared: range = range(0)) -> None:
        self._build = build
        self._shared = shared
        self._known: dict[str, _Compiled] = {}
        self._lock = threading.Lock()

    def rows(
        self,
        using: str,
        *,
        moment: datetime | None = None,
        number: float = 0,
        text: str = "",
        second_text: str = "",
        third_text: str = "",
        numbers: Sequence[int] = (),
    ) -> list[Any]:
        """Run it and return its rows as tuples."""
        connection = connections[using]
        compiled = self._compiled(using, connection)
        given: dict[Any, Any] = {NUMBER: number, TEXT: text, SECOND_TEXT: second_text, THIRD_TEXT: third_text}
        if moment is not None:
            given[_adapted(connection, MOMENT)] = _adapted(connection, moment)
        if numbers:
            # One number twice in an IN is no harm: fewer than ten fill up with the last.
            given.update(zip(NUMBERS, [*numbers, *[numbers[-1]] * (len(NUMBERS) - len(numbers))], strict=True))
        params = [given.get(value, value) if _hashable(value) else value for value in compiled.params]
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, params)
            rows = cursor.fetchall()
        if not compiled.converters:
            return list(rows)
        made: dict[tuple[int, Any], Any] = {}
        return [self._converted(row, compiled, connection, made) for row in rows]

    def _converted(
        self, row: Sequence[Any], compiled: _Compiled, connection: Any, made: dict[tuple[int, Any], Any]
    ) -> tuple[Any, ...]:
        values = list(row)
        for at, converters, column in compiled.converters:
            key = (at, values[at])
            if at in self._shared and key in made:
                values[at] = made[key]
                continue
            for convert in converters:
                values[at] = convert(values[at], column, connection)
            if at in self._shared:
                made[key] = values[at]
        return tuple(values)

    def _compiled(self, using: str, connection: Any) -> _Compiled:
        key = f"{using}:{connection.vendor}:{connection.settings_dict['NAME']}"
        if key not in self._known:
            with self._lock:
                compiler = self._build().using(using).query.get_compiler(using)
                sql, params = compiler.as_sql()
                # What the database hands over for a column (JSON, times on SQLite) becomes what the model says.
                converters = compiler.get_converters([item[0] for item in compiler.select])
                self._known[key] = _Compiled(
                    sql, tuple(params), tuple((at, each, column) for at, (each, column) in converters.items())
                )
        return self._known[key]


def _hashable(value: Any) -> bool:
    return isinstance(value, str | int | float | datetime)


def _adapted(connection: Any, value: datetime) -> Any:
    """Return a moment as this database's parameters have it."""
    return models.DateTimeField().get_db_prep_value(value, connection)
