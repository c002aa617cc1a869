"""Drive the proof: people write, a campaign goes out, everything is repeated, delayed, broken and killed meanwhile."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tests.proof.cluster import ROOT, Database, Program, database, programs
from tests.proof.stages import STAGES, Cast, Stage

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Say how large a proof shall be."""

    platform: str = "Telegram"
    bots: int = 200
    people: int = 5
    deliveries: int = 20_000
    kills: int = 50
    restarts: int = 3
    seed: int = 1
    time_scale: float = 0.05
    patience: float = 200.0
    """For how many seconds nothing may come any further."""

    @property
    def rounds(self) -> int:
        """Return how often each person writes and is written to; each time makes two deliveries."""
        return max(1, round(self.deliveries / (2 * self.bots * self.people)))


@dataclass
class Play:
    """Be what happened: who wrote what, and what was sent to whom, in which order."""

    stage: Stage
    plan: Plan
    wrote: dict[tuple[int, int], list[str]]
    campaign: dict[tuple[int, int], dict[str, datetime]]
    """What was queued for whom, and when that was surely committed."""
    kills: int = 0
    restarts: int = 0
    seconds: float = 0.0


def insistently(act: Callable[[], Result]) -> Result:
    """Do something with the database, again while it is down."""
    from django.db import Error, connections

    deadline = time.monotonic() + 60
    while True:
        try:
            return act()
        except Error:
            connections.close_all()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


SWITCH_S = 0.0005
"""How long a thread may hold the interpreter: the fake's are many, and each answer of the database waits for a turn."""


def prove(plan: Plan, *, say: Callable[[str], Any]) -> dict[str, int]:
    """Run the whole proof; returns the numbers of its table."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        return _prove(plan, say)
    finally:
        sys.setswitchinterval(usual)


def _prove(plan: Plan, say: Callable[[str], Any]) -> dict[str, int]:
    with tempfile.TemporaryDirectory(prefix="unicom-proof-") as directory:
        home = Path(directory)
        home.chmod(0o755)
        stage = STAGES[plan.platform](time_scale=plan.time_scale, seed=plan.seed)
        with database(home) as server, stage.running as fake, (home / "site.log").open("wb") as log:
            os.environ.update(
                PROOF_DATABASE=server.url,
                PROOF_PLATFORM=fake.url,
                DJANGO_SETTINGS_MODULE="tests.proof.settings",
                PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "src")]),
            )
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            site, addresses = programs(log, webs=2, workers=2, concurrency=16)
            try:
                play = _play(plan, stage, server, site, addresses, say)
            finally:
                for program in site:
                    program.end()
            from tests.proof.verdict import judge

            try:
                return judge(play, say=say)
            finally:
                log.flush()
                if lines := int(os.environ.get("PROOF_TAIL", "0")):
                    tail = (home / "site.log").read_text(errors="replace").splitlines()[-lines:]
                    sys.stderr.write("\n".join(tail) + "\n")


def _play(
    plan: Plan,
    stage: Stage,
    server: Database,
    site: list[Program],
    addresses: list[str],
    say: Callable[[str], Any],
) -> Play:
    chance = random.Random(plan.seed)
    say(f"{plan.bots} channels, {plan.people} people each; {plan.rounds} rounds of a message in and one out")
    casts = [stage.cast(number, plan.people, addresses[number % len(addresses)]) for number in range(plan.bots)]
    for program in site:
        program.start()
    play = Play(stage=stage, plan=plan, wrote={}, campaign={})
    stage.chaos(plan.seed)
    began = time.monotonic()
    turns = [(round_, cast) for round_ in range(plan.rounds) for cast in casts]
    blows = sorted(chance.sample(range(len(turns)), min(plan.kills, len(turns))))
    crashes = set(chance.sample(range(len(turns)), min(plan.restarts, len(turns))))
    for turn, (round_, cast) in enumerate(turns):
        _one_turn(play, round_, cast)
        while blows and blows[0] <= turn:
            blows.pop(0)
            _kill(play, chance.choice(site))
        if turn in crashes:
            server.crash()
            play.restarts += 1
    while play.kills < plan.kills:
        time.sleep(chance.uniform(0.05, 0.3))
        _kill(play, chance.choice(site))
    say(f"everything was asked for after {time.monotonic() - began:.0f} s; waiting for the rest to arrive")
    _wait(play, site, say)
    play.seconds = time.monotonic() - began
    return play


def _kill(play: Play, program: Program) -> None:
    program.kill()
    play.kills += 1


def _one_turn(play: Play, round_: int, cast: Cast) -> None:
    from django.db import transaction

    stage = play.stage
    for person in cast.people:
        text = f"in {round_}"
        stage.write(cast, person, text)
        play.wrote.setdefault(stage.key(cast, person), []).append(text)

    def campaign() -> None:
        with transaction.atomic():
            for person in cast.people:
                cast.channel.send_message(
                    {
                        **stage.offer(person, round_),
                        "priority": "bulk",
                        # The driver itself may be cut off after its commit: asking again must not double it.
                        "idempotency_key": f"{stage.key(cast, person)}:{round_}",
                    }
                )

    insistently(campaign)
    committed = datetime.now(UTC)
    for person in cast.people:
        play.campaign.setdefault(stage.key(cast, person), {})[f"offer {round_}"] = committed


def _wait(play: Play, site: list[Program], say: Callable[[str], Any]) -> None:
    from unicom.models import Delivery, Job, Message

    expected = sum(len(texts) + play.stage.first_words for texts in play.wrote.values())
    moved = told = time.monotonic()
    most, least = -1, 0
    while time.monotonic() - moved < play.plan.patience:
        for program in site:
            program.start()
        came = insistently(lambda: Message.objects.filter(is_outgoing=False).count())
        open_ = insistently(lambda: Delivery.objects.filter(state__in=("queued", "sending")).count())
        jobs = insistently(lambda: Job.objects.filter(state__in=("queued", "running")).count())
        untold = play.stage.untold
        if came >= expected and not (open_ or jobs or untold):
            return
        if came > most or open_ + untold < least:
            moved, most, least = time.monotonic(), came, open_ + untold
        if time.monotonic() - told > 15:
            told = time.monotonic()
            say(f"{came} of {expected} came in, {open_} deliveries and {jobs} jobs are open")
        time.sleep(0.3)
