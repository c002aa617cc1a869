"""Keep bots, and a log of what each was asked and what that cost."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone


class Bot(models.Model):
    """Be one bot: where it answers, with which model, and what it may do."""

    name = models.CharField(max_length=255)
    is_active = models.BooleanField(default=True)
    priority = models.IntegerField(default=0, help_text="Where several bots fit, the one with the lowest answers.")
    channels = models.ManyToManyField(
        "unicom.Channel", blank=True, related_name="bots", help_text="Empty: every channel."
    )
    categories = models.ManyToManyField(
        "unicom.RequestCategory", blank=True, related_name="bots", help_text="Empty: requests of any category or none."
    )
    model = models.CharField(
        max_length=255, blank=True, default="", help_text="Such as gpt-4 or provider:model. Empty: UNICOM_LLM_MODEL."
    )
    system_instruction = models.TextField(blank=True, default="", help_text="What the bot is, knows and may say.")
    tools = models.JSONField(default=list, blank=True, help_text="Names of tools declared with @unicom.tool.")
    depth = models.PositiveIntegerField(default=129, help_text="How many messages of the chat it reads.")
    stream = models.BooleanField(default=False, help_text="Show answers while they are written.")
    multimodal = models.BooleanField(default=True, help_text="Look at pictures, listen to recordings.")
    voice = models.CharField(max_length=50, blank=True, default="", help_text="Speak with it where it was spoken to.")
    apology = models.TextField(blank=True, default="", help_text="What people are told where there is no answer.")
    options = models.JSONField(default=dict, blank=True, help_text="Passed on to the provider: temperature, …")
    input_price = models.DecimalField(
        max_digits=12, decimal_places=4, default=Decimal(0), help_text="For a million tokens it reads."
    )
    output_price = models.DecimalField(
        max_digits=12, decimal_places=4, default=Decimal(0), help_text="For a million tokens it writes."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("priority", "id")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what no turn could be taken with, naming every bad field."""
        from unibot.answering import problems

        found = problems(self)
        if found:
            raise ValidationError(found)


class BotRun(models.Model):
    """Be one time a model was asked on a bot's behalf: what it used, what it cost, and how it ended."""

    class Outcome(models.TextChoices):
        """Say how it ended."""

        ANSWERED = "answered"
        CALLED_TOOLS = "called tools"
        FAILED = "failed"

    bot = models.ForeignKey(Bot, null=True, on_delete=models.SET_NULL, related_name="runs")
    request = models.ForeignKey("unicom.Request", null=True, on_delete=models.SET_NULL, related_name="bot_runs")
    model = models.CharField(max_length=255, blank=True, default="")
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    error = models.TextField(blank=True, default="")
    tool_calls = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost = models.DecimalField(max_digits=14, decimal_places=6, default=Decimal(0))
    seconds = models.FloatField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-id",)
        indexes = [
            # The admin's list of one bot's runs.
            models.Index(fields=["bot", "-id"], name="unibot_run_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.bot}: {self.outcome}"
