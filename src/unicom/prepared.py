"""Build a query once and run it many times: the ORM takes longer to write the claim's SQL than databases to run it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import connections, models
from django.db.models import QuerySet

# Stand-ins that cannot be meant: where they come out in the parameters, the real values go in.
MOMENT = datetime(1971, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
NUMBER = 7_236_451_098_765


class Prepared:
    """Be a query with places for a moment and a number; safe in any thread."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build
        self._known: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self._lock = threading.Lock()

    def rows(self, using: str, *, moment: datetime | None = None, number: float = 0) -> list[Any]:
        """Run it and return its rows as tuples."""
        connection = connections[using]
        sql, marked = self._compiled(using, connection)
        given = {
            _adapted(connection, MOMENT): None if moment is None else _adapted(connection, moment),
            NUMBER: number,
        }
        params = [given.get(value, value) if _hashable(value) else value for value in marked]
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return list(cursor.fetchall())

    def _compiled(self, using: str, connection: Any) -> tuple[str, tuple[Any, ...]]:
        key = f"{using}:{connection.vendor}:{connection.settings_dict['NAME']}"
        if key not in self._known:
            with self._lock:
                sql, params = self._build().using(using).query.get_compiler(using).as_sql()
                self._known[key] = sql, tuple(params)
        return self._known[key]


def _hashable(value: Any) -> bool:
    return isinstance(value, str | int | float | datetime)


def _adapted(connection: Any, value: datetime) -> Any:
    """Return a moment as this database's parameters have it."""
    return models.DateTimeField().get_db_prep_value(value, connection)
