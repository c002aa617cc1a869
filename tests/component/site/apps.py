"""Answer what visitors of the test site write."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig

ANSWERS = {
    "buttons": {
        "text": "Choose one.",
        "buttons": [
            [{"text": "Yes", "callback_data": {"type": "site", "say": "You said yes."}, "type": "callback"}],
            [{"text": "Edit me", "callback_data": {"type": "site", "edit": "Edited in place."}, "type": "callback"}],
            [{"text": "Docs", "url": "https://example.org/docs", "type": "url"}],
        ],
    },
    "quiet": None,
}


class SiteConfig(AppConfig):
    """Connect the bot."""

    name = "tests.component.site"
    label = "component_site"

    def ready(self) -> None:
        """Connect the receivers."""
        from unicom.signals import button_clicked, message_received

        message_received.connect(answer, dispatch_uid="component_site")
        button_clicked.connect(react, dispatch_uid="component_site")


def answer(message: Any, **kwargs: Any) -> None:
    """Answer as the words ask for: with themselves unless they are known."""
    from tests.component.site.settings import IS_QUIET

    text = message.text.strip()
    reply: Any = ANSWERS.get(text, {"text": f"Echo: {text}"})
    if message.media:
        reply = {"text": f"Got a file: {message.media_type}"}
    if reply is not None and not IS_QUIET:
        message.reply_with(reply)


def react(callback_execution: Any, original_message: Any, **kwargs: Any) -> None:
    """Do what a button of ours says."""
    data = callback_execution.callback_data
    if data.get("say"):
        original_message.reply_with({"text": data["say"]})
    else:
        original_message.edit_original_message({"text": data["edit"]})
