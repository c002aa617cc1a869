"""The proof's judge has to find what it looks for, and to accuse nobody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.proof.verdict import disorder

pytestmark = pytest.mark.once

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def _at(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


MADE = {"offer 0": _at(0), "re: a": _at(1), "offer 1": _at(2), "re: b": _at(3)}
QUEUED = list(MADE)


@pytest.mark.parametrize(
    ("arrived", "found"),
    [
        (["offer 0", "re: a", "offer 1", "re: b"], ""),
        (["offer 0", "offer 1", "re: b"], ""),
        (["re: a", "offer 0", "offer 1", "re: b"], "'re: a' overtook 'offer 0'"),
        (["offer 0", "re: b", "re: a", "offer 1"], "'re: b' overtook 're: a'"),
        (["offer 1", "offer 0", "re: a", "re: b"], "'offer 1' overtook 'offer 0'"),
    ],
)
def test_what_overtook_what_is_found(arrived: list[str], found: str) -> None:
    committed = {"offer 0": _at(0.5), "offer 1": _at(2.5)}
    assert disorder(arrived, QUEUED, MADE, committed).startswith(found)
    assert bool(disorder(arrived, QUEUED, MADE, committed)) == bool(found)


def test_of_two_transactions_at_once_either_may_be_first() -> None:
    committed = {"offer 0": _at(1.5), "offer 1": _at(2.5)}  # offer 0 was still open when the reply was made
    assert not disorder(["re: a", "offer 0", "offer 1", "re: b"], QUEUED, MADE, committed)
