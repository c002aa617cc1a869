"""Pick up queued requests for the bot they fit, and keep a log of what each run took."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Q

from unibot.models import Bot, BotRun
from unicom.errors import InvalidMessage
from unicom.llm import tools, turn
from unicom.llm.options import Options
from unicom.models import Request
from unicom.signals import model_asked, request_queued

MILLION = Decimal(1_000_000)


def connect() -> None:
    """Listen for requests that wait, and for what models were asked."""
    request_queued.connect(pick_up, dispatch_uid="unibot.pick_up")
    model_asked.connect(note, dispatch_uid="unibot.note")


def bot_for(request: Request) -> Bot | None:
    """Return the active bot that a request fits first, by channel and category."""
    fits = Bot.objects.filter(is_active=True).filter(Q(channels=None) | Q(channels=request.channel_id))
    fits = (
        fits.filter(Q(categories=None) | Q(categories=request.category_id))
        if request.category_id
        else fits.filter(categories=None)
    )
    return fits.distinct().order_by("priority", "id").first()


def pick_up(sender: Any, request: Request, **_: Any) -> None:
    """Have a bot answer a request, unless somebody else has taken it or the chat belongs to a human."""
    current = Request.objects.select_related("message__sender", "message__chat", "chat").filter(pk=request.pk).first()
    if current is None or current.status != Request.Status.QUEUED or current.message is None or current.chat is None:
        return
    if current.chat.metadata.get("bot") is False:
        return
    bot = bot_for(current)
    if bot is not None:
        turn.start(current.message, options_of(bot), current, label={"bot": bot.pk})


def options_of(bot: Bot) -> Options:
    """Return how a bot's model is to answer; raises InvalidMessage for what cannot be."""
    known = tools.registered()
    return Options.read(
        {
            "model": bot.model or None,
            "system_instruction": bot.system_instruction,
            "depth": bot.depth,
            "stream": bot.stream,
            "multimodal": bot.multimodal,
            "voice": bot.voice,
            "apology": bot.apology,
            # One that was taken out of the code since must not silence the bot.
            "tools": [name for name in bot.tools if name in known],
            "extra": bot.options,
        }
    )


def problems(bot: Bot) -> dict[str, str]:
    """Return what is wrong with a bot, field by field."""
    found: dict[str, str] = {}
    known = tools.registered()
    if not isinstance(bot.tools, list) or not all(isinstance(name, str) for name in bot.tools):
        found["tools"] = "A list of names is needed."
    elif unknown := sorted(set(bot.tools) - set(known)):
        found["tools"] = (
            f"{', '.join(unknown)}: not declared with @unicom.tool. There are: {', '.join(known) or 'none'}."
        )
    if not isinstance(bot.options, dict):
        found["options"] = "An object is needed."
    if not found:
        try:
            options_of(bot)
        except InvalidMessage as error:
            names = {field.name for field in Bot._meta.get_fields()}
            found = {key if key in names else "options": sentence for key, sentence in error.problems.items()}
    return found


def note(sender: Any, request: Request, **_: Any) -> None:
    """Write down what a run of a bot took."""
    bot_id = request.llm.get("label", {}).get("bot")
    bot = Bot.objects.filter(pk=bot_id).first() if bot_id is not None else None
    if bot is None:
        return
    usage = request.llm.get("usage", {}) if request.status != Request.Status.FAILED else {}
    taken, given = int(usage.get("input", 0)), int(usage.get("output", 0))
    calls = 0 if request.status == Request.Status.FAILED else int(usage.get("calls", 0))
    failed = request.status == Request.Status.FAILED
    BotRun.objects.create(
        bot=bot,
        request=request,
        model=str(request.llm.get("model", "")),
        outcome=(
            BotRun.Outcome.FAILED if failed else BotRun.Outcome.CALLED_TOOLS if calls else BotRun.Outcome.ANSWERED
        ),
        error=request.error,
        tool_calls=calls,
        input_tokens=taken,
        output_tokens=given,
        cost=(bot.input_price * taken + bot.output_price * given) / MILLION,
        seconds=float(request.llm.get("seconds", 0)),
    )
