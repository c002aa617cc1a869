"""``python -m unicom.testing.telegram``: a Bot API on this machine, and a chat with the bot in the terminal."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

from unicom.testing.telegram.bots import FakeBot, FakeMessage
from unicom.testing.telegram.server import FakeTelegram
from unicom.testing.telegram.users import FakeUser

HELP = """\
Type a message and press Enter. Lines that begin with a colon are for this program:
  :click <button>   press a button of the newest message that has it
  :photo            send a small picture          :voice     send a voice message
  :edit <text>      change your last message      :block, :unblock
  :quit             end
"""


class Terminal:
    """A conversation between a person at a keyboard and one bot."""

    def __init__(self, bot: FakeBot, user: FakeUser, write: Callable[[str], object]) -> None:
        self._bot = bot
        self._user = user
        self._write = write
        self._last: FakeMessage | None = None
        self._shown: dict[int, str] = {}

    def show_new(self) -> None:
        """Write what the bot has sent or changed since the last look."""
        for message in self._user.inbox(self._bot):
            described = _describe(message)
            before = self._shown.get(message.message_id)
            if described != before:
                self._shown[message.message_id] = described
                self._write(f"{'(edited) ' if before else ''}{self._bot.username}: {described}\n")

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
        if command == ":help":
            self._write(HELP)
        elif command == ":click":
            self._user.clicks(self._with_button(rest), rest)
        elif command == ":photo":
            self._last = self._user.sends_photo(self._bot)
        elif command == ":voice":
            self._last = self._user.sends_voice(self._bot)
        elif command == ":edit" and self._last is not None:
            self._last = self._user.edits(self._last, rest)
        elif command == ":block":
            self._user.blocks(self._bot)
        elif command == ":unblock":
            self._user.unblocks(self._bot)
        elif command.startswith(":"):
            self._write(f"{command!r} is unknown\n{HELP}")
        elif line.strip():
            self._last = self._user.sends(self._bot, line.strip())

    def _with_button(self, label: str) -> FakeMessage:
        for message in reversed(self._user.inbox(self._bot)):
            if any(label in row for row in message.buttons):
                return message
        raise LookupError(f"button: no message has {label!r}")


def _describe(message: FakeMessage) -> str:
    kinds = [name for name in ("photo", "document", "audio", "voice", "video", "location") if name in message.json]
    buttons = "".join("\n  " + " ".join(f"[{label}]" for label in row) for row in message.buttons)
    return f"{''.join(f'<{kind}> ' for kind in kinds)}{message.text}{buttons}"


def converse(terminal: Terminal, lines: TextIO) -> None:
    """Read lines until they end, showing the bot's messages as they come."""
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
    parser = argparse.ArgumentParser(prog="python -m unicom.testing.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--token", default="", help="the bot's token; made up unless given")
    parser.add_argument("--username", default="demo_bot")
    parser.add_argument("--user", default="Ann", help="who you are (default: %(default)s)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds by which every answer is late")
    parser.add_argument("--no-chat", action="store_true", help="serve only; do not read the terminal")
    options = parser.parse_args(arguments)
    fake = FakeTelegram(latency=options.latency).start(options.port)
    try:
        bot = fake.add_bot(options.username, token=options.token)
        user = fake.user(options.user)
        sys.stdout.write(
            f"Bot API: {fake.url}\nToken:   {bot.token}\nChat:    {fake.url}/ in a browser, or here (:help)\n"
        )
        sys.stdout.flush()
        if options.no_chat:
            threading.Event().wait()
        converse(Terminal(bot, user, _write), lines or sys.stdin)
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
