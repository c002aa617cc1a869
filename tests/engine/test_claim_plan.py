"""Prove that taking the next delivery costs the same however many wait."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from unicom import outbox, pacing
from unicom.models import Channel, Chat, Delivery, Message

pytestmark = pytest.mark.timeout(300)


def _queue(channel: Channel, chats: int, each: int) -> None:
    Chat.objects.bulk_create(
        Chat(id=f"chat{n}", channel=channel, platform="Memory", external_id=str(n)) for n in range(chats)
    )
    messages = Message.objects.bulk_create(
        Message(channel=channel, platform="Memory", chat_id=f"chat{n}", is_outgoing=True, status="queued", text="x")
        for n in range(chats)
    )
    Delivery.objects.bulk_create(
        (
            Delivery(message=message, channel=channel, chat_id=message.chat_id, at_front=turn == 0)
            for turn in range(each)
            for message in messages
        ),
        batch_size=2000,
    )


def _claim_query(channel: Channel) -> Any:
    due = outbox.QUEUE.due().order_by("priority", "next_attempt_at", "id").filter(channel_id=channel.pk)
    return outbox.QUEUE.free(due).values_list("pk")[:10]


def _plan(query: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    sql, params = query.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in _nodes(part))]


def _assert_few_rows_are_read(query: Any) -> None:
    """Assert on the database's own plan that no more is read than is taken."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            sql, params = query.query.sql_with_params()
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            plan = [str(row[-1]) for row in cursor.fetchall()]
        assert any("USING INDEX unicom_delivery_claim" in step for step in plan), plan
        assert not any(step.startswith("SCAN") for step in plan), plan
        return
    nodes = _nodes(_plan(query))
    touched = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if "Relation Name" in node)
    assert touched <= 200, json.dumps(nodes[0], indent=1)[:3000]
    assert not any(node["Node Type"] == "Seq Scan" for node in nodes)
    assert "unicom_delivery_claim" in {node.get("Index Name") for node in nodes}


@pytest.mark.parametrize(("chats", "each"), [(1, 5000), (4000, 5)])
def test_the_claim_reads_as_many_rows_as_it_takes(memory_channel: Channel, chats: int, each: int) -> None:
    _queue(memory_channel, chats, each)
    query = _claim_query(memory_channel)
    if chats == 1 and connection.vendor == "postgresql":
        # A single chat has a single row at the front: any plan that reads few rows will do.
        nodes = _nodes(_plan(query))
        touched = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if "Relation Name" in node)
        assert touched <= 200, json.dumps(nodes[0], indent=1)[:3000]
        return
    _assert_few_rows_are_read(query)


def _multiply(row: Any, count: int, **columns: str) -> None:
    """Copy a row so often in the database; ``columns`` are SQL for what differs, ``n`` is the number of the copy."""
    table = connection.ops.quote_name(row._meta.db_table)
    names = [field.column for field in row._meta.concrete_fields]
    if connection.vendor == "sqlite":
        columns.pop("id" if isinstance(row, Delivery) else "", None)  # it numbers by itself what has no number
        names = [name for name in names if name != "id" or not isinstance(row, Delivery)]
    values = ", ".join(columns.get(name, f'one."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) "  # noqa: S608
            f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {table} one, numbers WHERE one.id = %s",
            [row.pk],
        )


def _campaign(channel: Channel, count: int) -> None:
    """Queue a message to each of so many chats, as bulk."""
    message = channel.send_message({"chat_id": "0", "text": "offer", "priority": "bulk"})
    row = Delivery.objects.get()
    unique = "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"
    _multiply(message.chat, count, id="'copy' || n", external_id="'e' || n")
    _multiply(message, count, id="'m' || n", chat_id="'copy' || n", tracking_id=unique)
    _multiply(
        row,
        count,
        id="nextval(pg_get_serial_sequence('unicom_delivery', 'id'))",
        message_id="'m' || n",
        chat_id="'copy' || n",
    )


@pytest.mark.parametrize(
    "count",
    [1_000, 100_000, pytest.param(1_000_000, marks=[pytest.mark.proof, pytest.mark.timeout(900)])],
)
def test_a_campaign_of_any_size_is_neither_searched_through_nor_in_the_way_of_a_reply(
    memory_channel: Channel, count: int
) -> None:
    _campaign(memory_channel, count)
    waiting = memory_channel.send_message({"chat_id": "person", "text": "answer", "priority": "reply"})
    _assert_few_rows_are_read(_claim_query(memory_channel))
    # What a worker does next, whatever else is queued.
    with CaptureQueriesContext(connection) as queries:
        claimed = outbox.claim(10)
    assert waiting.pk in {row.message_id for row in claimed}
    assert len(queries) <= 14


def test_the_sweep_of_a_campaign_looks_into_no_chat(memory_channel: Channel) -> None:
    """It runs in the thread that claims: what it costs, a reply waits."""
    _campaign(memory_channel, 20_000)
    lost = memory_channel.send_message({"chat_id": "person", "text": "left behind"})
    Delivery.objects.filter(message=lost).update(at_front=False)
    with CaptureQueriesContext(connection) as queries:
        assert outbox.QUEUE.promote_orphans() == 1
        assert outbox.QUEUE.promote_orphans() == 0
    assert len(queries) == 2
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {queries[-1]['sql']}")
            found = cursor.fetchone()[0]
        nodes = _nodes((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])
        touched = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if "Relation Name" in node)
        assert touched <= 10, json.dumps(nodes[0], indent=1)[:3000]


def test_an_empty_queue_costs_one_look(memory_channel: Channel, django_assert_num_queries: Any) -> None:
    pacing.database_time()  # PostgreSQL is asked for its clock once a second
    with django_assert_num_queries(1):
        assert outbox.claim(10) == []
