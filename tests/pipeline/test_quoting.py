"""Fold quoted history, and never what somebody wrote."""

from __future__ import annotations

import pytest

from unicom.quoting import split_quoted

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("own", "history"),
    [
        ("Yes, please.", "On Mon, 1 Jan 2026 at 10:00, Bob <b@x> wrote:\n> Do you want it?\n>\n> Bob"),
        ("Ja.", "Am 01.01.2026 um 10:00 schrieb Bob:\n> Willst du?"),
        ("Fine.", "> Do you want it?"),
        ("Fine.", "-----Original Message-----\nFrom: Bob\nDo you want it?"),
        ("Fine.", "From: Bob\nSent: Monday\nTo: Ann\nSubject: It\n\nDo you want it?"),
    ],
)
def test_history_beneath_an_answer_is_told_from_it(own: str, history: str) -> None:
    assert split_quoted(f"{own}\n\n{history}") == (own, history)


@pytest.mark.parametrize(
    "text",
    ["Just words.", "> Do you want it?\nYes.\n> And this?\nNo.", "On Monday Bob wrote:\n> Do you?\n\nYes, I do.",
     "> only history", "From: here\nto eternity", "", "On the way he wrote:\na letter"],
)  # fmt: skip
def test_failure19_what_somebody_wrote_is_never_folded(text: str) -> None:
    assert split_quoted(text) == (text, "")
