"""Compare what people sent and were to get with what is stored and what the fake saw."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from tests.proof.driver import Play
from unicom.models import Channel, Delivery, Job, Member, Message, Update


def judge(play: Play, *, say: Callable[[str], Any]) -> dict[str, int]:
    """Return the table's numbers; every one of lost, doubled, out of order and limits broken must be 0."""
    bots = {int(channel.external_id): channel.pk for channel in Channel.objects.all()}
    chats = _chats()
    arrived = _arrived(play)
    lost = doubled = unexplained = 0
    complaints: list[str] = []
    excuses = play.stage.excuses()
    stored: dict[str, Counter[str]] = defaultdict(Counter)
    for chat_id, text in Message.objects.filter(is_outgoing=False).values_list("chat_id", "text"):
        stored[chat_id][text] += 1
    effects = Counter(Member.objects.values_list("name", flat=True))
    for (bot, person), texts in play.wrote.items():
        chat_id = chats[bots[bot], str(person)]
        for text in texts:
            for what, count in (("stored", stored[chat_id][text]), ("effect", effects[f"{chat_id} {text}"])):
                lost += count < 1
                doubled += count > 1
                if count != 1:
                    complaints.append(f"{text!r} of {person} to bot {bot}: {what} {count} times")
    for delivery in Delivery.objects.select_related("message", "chat").order_by("chat_id", "id").iterator():
        key = (_bot_of(bots, delivery.channel_id), int(delivery.chat.external_id or 0))
        count = arrived[key].count(delivery.message.text)
        doubled += count > 1
        if delivery.state in ("sent", "delivered", "seen"):
            lost += count < 1
        elif delivery.state == "unknown":
            if not (delivery.error_code == "worker_died" and play.kills) and not excuses[key]:
                unexplained += 1
                complaints.append(f"{delivery} is unknown, and nothing was done to it: {delivery.error}")
        else:
            lost += 1
            complaints.append(f"{delivery} {delivery.error}")
        if count > 1:
            complaints.append(f"{delivery.message.text!r} arrived {count} times in {key}")
    out_of_order, noted = _disorder(play, bots, arrived)
    complaints += noted
    broken = play.stage.fake.log.broken_limits()
    complaints += [str(item) for item in broken[:10]]
    dead, parked = Update.objects.filter(state="dead"), Job.objects.filter(state="parked")
    for what, errors in (("dead letter", dead.values_list("error")), ("parked job", parked.values_list("error"))):
        complaints += [f"{what}: {error}" for (error,) in errors[:5]]
    for line in complaints[:30]:
        say(f"  ! {line}")
    webhooks = play.stage.fake.log.deliveries()
    return {
        "messages": Message.objects.count(),
        "deliveries": Delivery.objects.count(),
        "webhooks": len(webhooks),
        "duplicates injected": sum(2 * (len(texts) + play.stage.first_words) for texts in play.wrote.values()),
        "faults injected": len(play.stage.fake.log.faults()),
        "kills": play.kills,
        "database restarts": play.restarts,
        "lost": lost,
        "doubled": doubled,
        "out of order": out_of_order,
        "limits broken": len(broken),
        "unknown": Delivery.objects.filter(state="unknown").count(),
        "unknown without a cause": unexplained,
        "dead letters": Update.objects.filter(state="dead").count(),
        "violations of the API": len(play.stage.fake.violations),
        "seconds": round(play.seconds),
    }


def _chats() -> dict[tuple[int, str], str]:
    from unicom.models import Chat

    rows = Chat.objects.values_list("pk", "channel_id", "external_id")
    return {(channel, external or ""): pk for pk, channel, external in rows}


def _bot_of(bots: dict[int, int], channel_id: int) -> int:
    return next(bot for bot, channel in bots.items() if channel == channel_id)


def _arrived(play: Play) -> dict[tuple[int, int], list[str]]:
    """Return the texts that arrived in each chat, in that order."""
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    for key in play.wrote:
        found[key] = play.stage.arrived(key)
    return found


def _disorder(play: Play, bots: dict[int, int], arrived: dict[tuple[int, int], list[str]]) -> tuple[int, list[str]]:
    """Count the chats in which something overtook what had been queued before it.

    Offers are queued one after the other, and so are replies; of an offer and a reply it is known only where the one
    was committed before the other was made: of two transactions at once, either may be the first.
    """
    queued: dict[tuple[int, int], dict[str, datetime]] = defaultdict(dict)
    channels = {channel: bot for bot, channel in bots.items()}
    rows = Delivery.objects.order_by("id").values_list(
        "channel_id", "chat__external_id", "message__text", "message__created_at"
    )
    for channel_id, external_id, text, made_at in rows.iterator():
        queued[channels[channel_id], int(external_id or 0)][text] = made_at
    noted = []
    for key, texts in arrived.items():
        made, committed = queued[key], play.campaign.get(key, {})
        if overtaken := disorder([text for text in texts if text in made], list(made), made, committed):
            noted.append(f"out of order in {key}, {overtaken}: {texts}")
    return len(noted), noted


def disorder(
    arrived: Sequence[str], queued: Sequence[str], made: Mapping[str, datetime], committed: Mapping[str, datetime]
) -> str:
    """Return which text overtook which, empty where none did; ``committed`` has the times of one of the two sources."""
    places = {text: place for place, text in enumerate(queued)}
    for source in (
        [text for text in arrived if text in committed],
        [text for text in arrived if text not in committed],
    ):
        for earlier, later in pairwise(source):
            if places[earlier] > places[later]:
                return f"{earlier!r} overtook {later!r}"
    for at, text in enumerate(arrived):
        for later in arrived[at + 1 :]:
            if text not in committed and later in committed and committed[later] < made[text]:
                return f"{text!r} overtook {later!r}"
    return ""
