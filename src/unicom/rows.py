"""Write rows in ways the ORM has no word for, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.db import connections, models, router
from django.db.models import F, QuerySet

from unicom.models import Chat, Message


def insert_if_absent(row: models.Model) -> bool:
    """Insert a row unless one with an equal key is there; tells which. Waits for a concurrent writer of that key."""
    sql, values, connection = _insertion(row)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row._state.adding = False
        return bool(cursor.rowcount == 1)


def insert_and_tell(row: models.Model, *questions: QuerySet[Any, Any]) -> list[bool] | None:
    """Insert a row as :func:`insert_if_absent` does, and tell which of the queries have rows; None if it was there."""
    sql, values, connection = _insertion(row)
    asked = [question.using(connection.alias).query.sql_with_params() for question in questions]
    answers = ", ".join(f"EXISTS({question})" for question, _ in asked)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING {answers}", [*values, *chain(*(parameters for _, parameters in asked))])
        told = cursor.fetchone()
        row._state.adding = False
    return None if told is None else [bool(answer) for answer in told]


def insert_or_change(row: models.Model, change: str, parameters: Sequence[Any]) -> bool:
    """Insert a row, or do ``change`` (a SET, a WHERE) to the one that has its key; False where neither was done."""
    primary: Any = type(row)._meta.pk
    key = connections[router.db_for_write(type(row))].ops.quote_name(primary.column)
    sql, values, connection = _insertion(row, on_conflict=f"({key}) DO UPDATE {change}")
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *parameters])
        return bool(cursor.rowcount == 1)


def _insertion(row: models.Model, *, on_conflict: str = "DO NOTHING") -> tuple[str, list[Any], Any]:
    model = type(row)
    connection = connections[router.db_for_write(model)]
    columns, values = [], []
    field: Any
    for field in model._meta.local_concrete_fields:
        value = field.pre_save(row, add=True)
        if value is None and field.primary_key:
            continue
        columns.append(connection.ops.quote_name(field.column))
        values.append(field.get_db_prep_save(value, connection))
    table = connection.ops.quote_name(model._meta.db_table)
    marks = ", ".join(["%s"] * len(values))
    # Names come from the model, values travel as parameters.
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT {on_conflict}"  # noqa: S608
    return sql, values, connection


def update_row(row: models.Model, values: dict[str, Any], **guard: Any) -> bool:
    """Write columns of one row where ``guard`` still holds; tells whether it did.

    The ORM's ``update()`` does the same and takes several times as long to say so, which counts in the outbox.
    """
    model = type(row)
    connection = connections[router.db_for_write(model)]
    name = connection.ops.quote_name
    columns: list[Any] = [model._meta.get_field(key) for key in values]
    guards: list[Any] = [model._meta.get_field(key) for key in guard]
    primary: Any = model._meta.pk
    parameters = [
        field.get_db_prep_save(value, connection)
        for field, value in zip([*columns, primary, *guards], [*values.values(), row.pk, *guard.values()], strict=True)
    ]
    changes = ", ".join(f"{name(field.column)} = %s" for field in columns)
    tests = " AND ".join(f"{name(field.column)} = %s" for field in [primary, *guards])
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {name(model._meta.db_table)} SET {changes} WHERE {tests}", parameters)  # noqa: S608
        return bool(cursor.rowcount == 1)


def update_rows(
    model: type[models.Model],
    rows: Sequence[Sequence[Any]],
    *,
    match: Sequence[str],
    change: Sequence[str] = (),
    constants: Mapping[str, Any] | None = None,
    count_up: str = "",
    raising: str = "",
    returning: Sequence[str] = ("pk",),
    **guard: Any,
) -> list[tuple[Any, ...]]:
    """Write several rows in one statement and return ``returning`` of those that were written, in any order.

    Each of ``rows`` holds the values of ``match``, which find it, then those of ``change``; ``constants`` are the same
    for all, ``count_up`` is a column that rises by one, ``raising`` one of the changed that may only rise, and
    ``guard`` has to hold.
    """
    connection = connections[router.db_for_write(model)]
    name = connection.ops.quote_name
    table = name(model._meta.db_table)
    given: list[Any] = [model._meta.get_field(key) for key in (*match, *change)]
    marks = [f"CAST(%s AS {field.cast_db_type(connection)})" for field in given]
    if connection.vendor == "sqlite":
        marks = ["%s"] * len(given)  # it has no need to be told, and would make a number of a time
    fixed: list[Any] = [model._meta.get_field(key) for key in constants or ()]
    guards: list[Any] = [model._meta.get_field(key) for key in guard]
    found_by, changed = given[: len(match)], given[len(match) :]
    changes = [f"{name(field.column)} = given.column{at}" for at, field in enumerate(changed, len(match) + 1)]
    changes += [f"{name(field.column)} = %s" for field in fixed]
    if count_up:
        changes.append(f"{name(count_up)} = {table}.{name(count_up)} + 1")
    tests = [f"{table}.{name(field.column)} = given.column{at}" for at, field in enumerate(found_by, 1)]
    tests += [f"{table}.{name(field.column)} = %s" for field in guards]
    tests += [
        f"{table}.{name(field.column)} < given.column{at}"
        for at, field in enumerate(changed, len(match) + 1)
        if field.name == raising
    ]
    columns: list[Any] = [model._meta.pk if key == "pk" else model._meta.get_field(key) for key in returning]
    answer = ", ".join(f"{table}.{name(field.column)}" for field in columns)
    parameters = [
        field.get_db_prep_save(value, connection)
        for field, value in chain(
            zip(fixed, (constants or {}).values(), strict=True),
            *(zip(given, row, strict=True) for row in rows),
            zip(guards, guard.values(), strict=True),
        )
    ]
    one = f"({', '.join(marks)})"
    with connection.cursor() as cursor:
        cursor.execute(  # names come from the model, values travel as parameters
            f"UPDATE {table} SET {', '.join(changes)} FROM (VALUES {', '.join([one] * len(rows))}) AS given "  # noqa: S608
            f"WHERE {' AND '.join(tests)} RETURNING {answer}",
            parameters,
        )
        return list(cursor.fetchall())


def next_seq(
    *, channel_id: int, chat_id: str = "", external_id: str | None = None, message_id: str | None, at: datetime
) -> tuple[str, int] | None:
    """Take the next number of a chat under its row lock; returns the chat's id and the number, None without the chat.

    With ``message_id`` the chat's newest message becomes that one.
    """
    connection = connections[router.db_for_write(Chat)]
    name = connection.ops.quote_name
    newest: str = ""
    newest_values: list[Any] = []
    if message_id is not None:
        newest = f", {name('last_message_id')} = %s, {name('last_message_at')} = %s"
        newest_values = [message_id, Chat._meta.get_field("last_message_at").get_db_prep_save(at, connection)]
    if chat_id:
        where, where_values = f"{name('id')} = %s AND {name('channel_id')} = %s", [chat_id, channel_id]
    else:
        where, where_values = f"{name('channel_id')} = %s AND {name('external_id')} = %s", [channel_id, external_id]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {name(Chat._meta.db_table)} SET {name('last_seq')} = {name('last_seq')} + 1{newest} "  # noqa: S608
            f"WHERE {where} RETURNING {name('id')}, {name('last_seq')}",
            [*newest_values, *where_values],  # type: ignore[list-item]
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def give_back_seq(chat_id: str) -> None:
    """Undo :func:`next_seq` in the transaction that called it, where no new message came of it after all."""
    newest = Message.objects.filter(chat_id=chat_id, seq__isnull=False).order_by("-seq").values_list("pk", flat=True)
    Chat.objects.filter(pk=chat_id).update(last_seq=F("last_seq") - 1, last_message=newest.first())
