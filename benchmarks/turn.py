"""Compare a model's turn with a bare call of the SDK to the same fake endpoint.

Both ask over real HTTP on loopback, where the model answers at once. The turn reads the conversation, asks under a
lease, counts, writes the answer, completes the request and hands the answer over; the bare call only asks. What is
between them is what a person waits for besides the model.
"""

from __future__ import annotations

import time
from statistics import median

from benchmarks.database import fresh_database
from benchmarks.results import Result, at_most

ROUNDS = 5
TURNS = 20
HISTORY = 50
GOAL_MS = 150
STATEMENTS = 66


def measure() -> list[Result]:
    """Measure on the database of the settings."""
    with fresh_database() as name:
        import openai
        from django.db import connection
        from django.test import override_settings
        from django.test.utils import CaptureQueriesContext

        from unicom.models import Channel, Message
        from unicom.testing import FakeOpenAI

        with FakeOpenAI(otherwise="We have two.") as server:
            here = override_settings(OPENAI_BASE_URL=server.url, OPENAI_API_KEY="any", UNICOM_EXECUTOR="inline")
            with here:
                channel = Channel.objects.create(name="Inside", platform="Internal")
                number = iter(range(1_000_000))

                def ask() -> Message:
                    text = {"id": str(next(number)), "chat": "room", "sender": "ann", "text": "Teapots?"}
                    message = channel.receive_message(text)
                    assert message is not None
                    return message

                for _ in range(HISTORY):
                    ask()
                client = openai.OpenAI(api_key="any", base_url=server.url, max_retries=0)
                messages = [{"role": "user", "content": "Teapots?"}] * HISTORY

                def bare() -> float:
                    began = time.perf_counter()
                    client.chat.completions.create(model="gpt-4", messages=messages)  # type: ignore[arg-type]
                    return time.perf_counter() - began

                def turn() -> float:
                    message = ask()
                    began = time.perf_counter()
                    answer = message.reply_using_llm(model="gpt-4")
                    assert answer is not None
                    return time.perf_counter() - began

                bare()
                turn()
                message = ask()
                with CaptureQueriesContext(connection) as seen:
                    message.reply_using_llm(model="gpt-4")
                more = [
                    median(turn() for _ in range(TURNS)) - median(bare() for _ in range(TURNS)) for _ in range(ROUNDS)
                ]
                client.close()
        return [
            at_most(
                f"a turn over a bare SDK call ({name})",
                round(median(more) * 1000, 1),
                GOAL_MS,
                " ms",
                note=f"median of {ROUNDS}",
            ),
            at_most(f"a turn, SQL statements ({name})", len(seen), STATEMENTS),
        ]
