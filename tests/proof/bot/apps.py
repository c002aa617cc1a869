"""Connect the bot."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig


def answer(sender: Any, message: Any, request: Any, **_: Any) -> None:
    """Answer, and leave an effect that must happen exactly once."""
    from unicom.models import Member

    Member.objects.create(name=f"{message.chat_id} {message.text}")
    message.reply_with({"text": f"re: {message.text}"})
    type(request).objects.filter(pk=request.pk).update(status="COMPLETED")


class ProofBotConfig(AppConfig):
    """Be the app of the bot."""

    name = "tests.proof.bot"

    def ready(self) -> None:
        """Listen."""
        from unicom.signals import message_received

        message_received.connect(answer, dispatch_uid="tests.proof.bot")
