"""``python -m unicom.testing.whatsapp``: a Cloud API on this machine, and a chat with the business in the terminal."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

from unicom.testing.whatsapp.server import FakeWhatsApp
from unicom.testing.whatsapp.users import FakeMessage, FakeNumber, FakeUser

HELP = """\
Type a message and press Enter. Lines that begin with a colon are for this program:
  :tap <title>      press a button or a row of the newest message that has it
  :photo            send a small picture          :read      open the chat
  :react <emoji>    react to the newest message   :call      call the business
  :quit             end
"""


class Terminal:
    """A conversation between a person at a keyboard and one number."""

    def __init__(self, number: FakeNumber, user: FakeUser, write: Callable[[str], object]) -> None:
        self._number = number
        self._user = user
        self._write = write
        self._shown = 0

    def show_new(self) -> None:
        """Write what the business has sent since the last look."""
        inbox = self._user.inbox(self._number)
        for message in inbox[self._shown :]:
            buttons = "".join(f"\n  [{title}]" for title in message.buttons)
            kind = "" if message.type in ("text", "interactive") else f"<{message.type}> "
            self._write(f"{self._number.state.name}: {kind}{message.text}{buttons}\n")
        self._shown = len(inbox)

    def say(self, line: str) -> bool:
        """Do what a line says; false ends the conversation."""
        command, _, rest = line.strip().partition(" ")
        try:
            if command == ":quit":
                return False
            self._do(command, rest, line)
        except (LookupError, ValueError) as error:
            self._write(f"{error}\n")
        return True

    def _do(self, command: str, rest: str, line: str) -> None:
        number = self._number
        if command == ":tap":
            self._user.taps(number, self._with_button(rest), rest)
        elif command == ":photo":
            self._user.sends_image(number)
        elif command == ":read":
            self._user.reads(self._user.last(number))
        elif command == ":react":
            self._user.reacts(number, self._user.last(number), rest)
        elif command == ":call":
            self._user.calls(number)
        elif command.startswith(":"):
            self._write(HELP if command == ":help" else f"{command!r} is unknown\n{HELP}")
        elif line.strip():
            self._user.sends(number, line.strip())

    def _with_button(self, title: str) -> FakeMessage:
        for message in reversed(self._user.inbox(self._number)):
            if title in message.buttons:
                return message
        raise LookupError(f"button: no message has {title!r}")


def converse(terminal: Terminal, lines: TextIO) -> None:
    """Read lines until they end, showing the business's messages as they come."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            terminal.show_new()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        for line in lines:
            if not terminal.say(line):
                break
    finally:
        ended.set()
        watcher.join()
        terminal.show_new()


def main(arguments: Sequence[str] | None = None, lines: TextIO | None = None) -> int:
    """Serve until the input ends or the process is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m unicom.testing.whatsapp", description=__doc__)
    parser.add_argument("--port", type=int, default=8082, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--webhook", default="", help="where webhooks go: http://127.0.0.1:8000/unicom/whatsapp")
    parser.add_argument("--token", default="", help="the access token; made up unless given")
    parser.add_argument("--app-secret", default="", help="what webhooks are signed with; made up unless given")
    parser.add_argument("--number-id", default="", help="the phone number id; made up unless given")
    parser.add_argument("--user", default="Ann", help="who you are (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds by which every answer is late")
    parser.add_argument("--no-chat", action="store_true", help="serve only; do not read the terminal")
    options = parser.parse_args(arguments)
    fake = FakeWhatsApp(token=options.token, app_secret=options.app_secret, latency=options.latency)
    fake.start(options.port)
    try:
        fake.webhook_url = options.webhook
        number, user = fake.add_number(id=options.number_id), fake.user(options.user)
        fake.add_template(number, "hello_world", "Hello World")
        _write(
            f"Graph API:       {fake.url}\nPHONE_NUMBER_ID: {number.id}\nACCESS_TOKEN:    {fake.token}\n"
            f"APP_SECRET:      {fake.app_secret}\nWebhooks to:     {fake.webhook_url or 'nowhere (--webhook)'}\n"
            f"You:             {user.person.name}, {user.phone} (:help)\n"
        )
        if options.no_chat:
            threading.Event().wait()
        converse(Terminal(number, user, _write), lines or sys.stdin)
    except KeyboardInterrupt:
        pass
    finally:
        fake.stop()
    return 0


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
