"""Be the platforms the proof is played on: who is there, how they write, what they got, what went wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from unicom.testing.telegram import Disorder, FakeTelegram, WebhookPolicy
from unicom.testing.whatsapp import FakeWhatsApp

Key = tuple[int, int]
"""Which channel, by the platform's id, and whom."""
POLICY = WebhookPolicy(attempts=10_000, first_delay=2.0, longest_delay=20.0, timeout=20.0)


@dataclass
class Cast:
    """Be one channel and the people who write to it."""

    number: int
    channel: Any
    endpoint: Any
    people: list[Any]


class Stage(ABC):
    """Be one platform with its fake."""

    platform: str
    first_words: int
    """How many messages each person has written before the first round."""
    fake: Any

    @property
    def running(self) -> AbstractContextManager[Any]:
        """Return the fake, to be entered."""
        found: AbstractContextManager[Any] = self.fake
        return found

    @property
    def untold(self) -> int:
        """Return how many webhooks have not been taken yet."""
        return 0

    @abstractmethod
    def cast(self, number: int, people: int, address: str) -> Cast:
        """Make a channel and its people."""

    @abstractmethod
    def chaos(self, seed: int) -> None:
        """Let calls fail at random from now on."""

    @abstractmethod
    def key(self, cast: Cast, person: Any) -> Key:
        """Name a person on a channel."""

    @abstractmethod
    def write(self, cast: Cast, person: Any, text: str) -> None:
        """Have a person write."""

    @abstractmethod
    def offer(self, person: Any, round_: int) -> dict[str, Any]:
        """Return what a campaign sends to a person; people read "offer <round>"."""

    @abstractmethod
    def arrived(self, key: Key) -> list[str]:
        """Return what a person got to read, in order."""

    @abstractmethod
    def excuses(self) -> Counter[Key]:
        """Count the faults each conversation has seen that leave a sender in doubt."""


FAULTS = {
    "500": 0.002, "502": 0.002, "503": 0.002, "drop_before": 0.002, "drop_unread": 0.002, "drop_after": 0.002,
    "malformed": 0.001, "malformed_before": 0.001, "timeout_before": 0.0002, "timeout_after": 0.0002,
}  # fmt: skip


class TelegramStage(Stage):
    """Play with bots."""

    platform = "Telegram"
    first_words = 1  # everybody's /start

    def __init__(self, *, time_scale: float, seed: int) -> None:
        self.time_scale = time_scale
        self.fake = FakeTelegram(
            time_scale=time_scale,
            enforce_limits=False,
            disorder=Disorder(copies=3, shuffle_seconds=0.2, seed=seed),
            webhook_policy=POLICY,
        )

    def cast(self, number: int, people: int, address: str) -> Cast:
        from unicom.models import Channel

        bot = self.fake.add_bot(f"proof{number}_bot")
        channel = Channel.objects.create(
            name=f"Bot {number}",
            platform="Telegram",
            active=True,
            config={"API_TOKEN": bot.token, "PACING": {"time_scale": self.time_scale}},
        )
        users = [self.fake.user(f"Person {number}/{each}") for each in range(people)]
        for user in users:
            user.start(bot)
        self.fake.client(bot).call(
            "setWebhook",
            url=f"{address}/unicom/telegram/{channel.pk}",
            secret_token=channel.config["SECRET_TOKEN"],
            max_connections=4,
        )
        return Cast(number=bot.id, channel=channel, endpoint=bot, people=users)

    def chaos(self, seed: int) -> None:
        self.fake.chaos(seed, {**FAULTS, "429": 0.004}, methods={"sendMessage"})

    def key(self, cast: Cast, person: Any) -> Key:
        return cast.number, person.id

    def write(self, cast: Cast, person: Any, text: str) -> None:
        person.sends(cast.endpoint, text)

    def offer(self, person: Any, round_: int) -> dict[str, Any]:
        return {"chat_id": person.id, "text": f"offer {round_}"}

    def arrived(self, key: Key) -> list[str]:
        found: list[str] = self.fake.log.sent_texts(key[1], bot_id=key[0])
        return found

    def excuses(self) -> Counter[Key]:
        return Counter((call.bot_id, int(call.chat_id or 0)) for call in self.fake.log.faults())


class WhatsAppStage(Stage):
    """Play with numbers: campaigns are templates, answers need the window that each message opens."""

    platform = "WhatsApp"
    first_words = 0

    def __init__(self, *, time_scale: float, seed: int) -> None:
        self.time_scale = time_scale
        self.fake = FakeWhatsApp(
            time_scale=time_scale,
            disorder=Disorder(copies=3, shuffle_seconds=0.2, seed=seed),
            webhook_policy=POLICY,
        )

    def cast(self, number: int, people: int, address: str) -> Cast:
        from unicom.models import Channel, PlatformTemplate

        self.fake.webhook_url = f"{address}/unicom/whatsapp"
        endpoint = self.fake.add_number()
        body = "offer {{1}}"
        self.fake.add_template(endpoint, "offer", body)
        channel = Channel.objects.create(
            name=f"Number {number}",
            platform="WhatsApp",
            active=True,
            config={
                "PHONE_NUMBER_ID": endpoint.id,
                "ACCESS_TOKEN": self.fake.token,
                "APP_SECRET": self.fake.app_secret,
                "BUSINESS_ACCOUNT_ID": endpoint.account.id,
                "PACING": {"time_scale": self.time_scale},
            },
        )
        PlatformTemplate.objects.create(
            channel=channel,
            name="offer",
            language="en_US",
            status="approved",
            category="utility",
            components=[{"type": "BODY", "text": body}],
        )
        users = [self.fake.user(f"Person {number}/{each}") for each in range(people)]
        return Cast(number=int(endpoint.id), channel=channel, endpoint=endpoint, people=users)

    @property
    def untold(self) -> int:
        return len(self.fake.queue)

    def chaos(self, seed: int) -> None:
        self.fake.chaos(seed, {**FAULTS, "131056": 0.004, "130429": 0.002}, kinds={"messages"})

    def key(self, cast: Cast, person: Any) -> Key:
        return cast.number, int(person.phone)

    def write(self, cast: Cast, person: Any, text: str) -> None:
        person.sends(cast.endpoint, text)

    def offer(self, person: Any, round_: int) -> dict[str, Any]:
        return {"chat_id": person.phone, "template": {"name": "offer", "parameters": [str(round_)]}}

    def arrived(self, key: Key) -> list[str]:
        found: list[str] = self.fake.log.sent_texts(str(key[1]), number_id=str(key[0]))
        return found

    def excuses(self) -> Counter[Key]:
        return Counter((int(call.number_id or 0), int(call.recipient or 0)) for call in self.fake.log.faults())


STAGES: dict[str, type[TelegramStage] | type[WhatsAppStage]] = {
    stage.platform: stage for stage in (TelegramStage, WhatsAppStage)
}
