"""Be a project's tools, at module level as a project would have them."""

from __future__ import annotations

from typing import Literal

import unicom

log: list[str] = []


@unicom.tool
def stock(item: str, colour: Literal["blue", "green"] | None = None) -> dict[str, object]:
    """Tell how many of an item there are.

    Args:
        item: What is asked for, in the singular.
        colour: Only of this colour.
    """
    log.append(f"stock {item}")
    return {"item": item, "colour": colour, "count": 2}


@unicom.tool
def remind(text: str, hours: int) -> None:
    """Remind the person later."""
    log.append(f"remind {tool_call.call_id}")  # type: ignore[name-defined]  # noqa: F821  at hand, as documented


@unicom.tool
def broken(how: str = "") -> str:
    """Fail."""
    raise RuntimeError(f"out of order {how}".strip())


@unicom.tool
async def weather(city: str) -> str:
    """Tell the weather."""
    return f"rain in {city}"


@unicom.tool
def watch(threshold: int) -> str | None:
    """Watch the processor."""
    tool_call.mark_active()  # type: ignore[name-defined]  # noqa: F821
    return "watching" if threshold else None


@unicom.tool
def ask(question: str) -> None:
    """Ask the person, with buttons."""
    message.reply_with(  # type: ignore[name-defined]  # noqa: F821
        {
            "text": question,
            "buttons": [
                [{"text": text, "callback_data": {"value": text}, "type": "callback"} for text in ("Yes", "No")]
            ],
        }
    )
