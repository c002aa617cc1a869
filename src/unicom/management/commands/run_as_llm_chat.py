"""Have a language model answer one message."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from unicom.errors import InvalidMessage, ModelError
from unicom.llm import turn
from unicom.models import Message


class Command(BaseCommand):
    """Answer a message by its id, and print the answer."""

    help = "Have a language model answer a message, and print what it said."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the message, and how it is to be answered."""
        parser.add_argument("message_id", help="The id of the message, as shown in the admin.")
        parser.add_argument("--model", default=None, help="The model; by default UNICOM_LLM_MODEL.")
        parser.add_argument("--system-instruction", default=None, help="What the model is to know and to be.")
        parser.add_argument("--depth", type=int, default=None, help="How many messages it reads (default 129).")
        parser.add_argument("--mode", choices=("chat", "thread"), default=None, help="The whole chat, or the thread.")
        parser.add_argument("--tools", nargs="*", default=None, help="Names of registered tools it may call.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do so; what it is not answered for is the command's error."""
        message = Message.objects.select_related("channel", "chat", "sender").filter(pk=options["message_id"]).first()
        if message is None:
            raise CommandError(f"There is no message {options['message_id']!r}.")
        wanted = ("model", "system_instruction", "depth", "mode", "tools")
        try:
            answer = turn.reply(message, {key: options[key] for key in wanted})
        except (InvalidMessage, ModelError) as error:
            raise CommandError(str(error)) from None
        if answer is None:
            self.stdout.write("There is no answer yet: a tool is waited for, or the model is asked again later.")
        else:
            self.stdout.write(answer.text)
