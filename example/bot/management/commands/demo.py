"""Start the demo: database, sample data, log-in, server; safe to repeat, and everything is kept."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import warnings
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from example.bot import sample_data
from example.bot.telegram import Telegram
from example.environment import kept_secret
from unicom.worker import start_in_process

USERNAME = "admin"
LOCAL = ("127.0.0.1", "localhost", "::1")
TRIES = 50


class Command(BaseCommand):
    """Bring up the whole demo with one command."""

    help = "Prepare the database and serve the demo: the chat page with its bot, and the admin."
    _telegram = ""
    requires_system_checks: list[str] = []  # they come after the migrations, for some of them read the database

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to listen."""
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on (default 127.0.0.1).")
        parser.add_argument("--no-telegram", action="store_true", help="Leave Telegram out, the fake one too.")
        parser.add_argument("--port", type=int, default=8000, help="First port to try (default 8000); 0 takes any.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, say what was done, and serve until stopped."""
        if not 0 <= options["port"] <= 65535:
            raise CommandError(f"--port: {options['port']} is not between 0 and 65535.")
        call_command("migrate", interactive=False, verbosity=0)
        self._say(f"Database ready: {_database_name()}")
        if sample_data.seed():
            self._say("Sample data written: two channels, some people, a few conversations.")
        self._check()
        log_in = _log_in()
        listener = _listen(options["host"], options["port"], self._say)
        telegram = Telegram(self._say)
        try:
            # The fake listens on this machine only, so who comes from elsewhere could not use it.
            wanted = os.environ.get("TELEGRAM_TOKEN") or options["host"] in LOCAL
            self._telegram = telegram.start() if wanted and not options["no_telegram"] else ""
            self._serve(listener, options["host"], log_in)
        finally:
            telegram.stop()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _check(self) -> None:
        found = StringIO()
        call_command("check", databases=["default"], stdout=found, stderr=found, no_color=True)
        if "no issues" not in found.getvalue():
            self._say(found.getvalue().strip())

    def _serve(self, listener: socket.socket, host: str, log_in: str) -> None:
        port = listener.getsockname()[1]
        # Django hands files to ASGI piece by piece and says so for each; in a demo that is nobody's business.
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
        try:
            import uvicorn
        except ImportError:
            self._say("uvicorn is not installed, so Django's own development server is used.")
            self._announce(host, port, log_in)
            listener.close()
            start_in_process()
            call_command("runserver", _join(host, port), use_reloader=False, skip_checks=True)
            return
        command = self

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets=sockets)
                if self.started:
                    command._announce(host, port, log_in)

        config = uvicorn.Config(
            "example.asgi:application", log_level="warning", lifespan="auto", timeout_graceful_shutdown=5
        )
        with contextlib.suppress(KeyboardInterrupt):
            Server(config).run(sockets=[listener])
        self._say("\nStopped. Everything is kept; the same command goes on from here.")

    def _announce(self, host: str, port: int, log_in: str) -> None:
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  compared, not bound
        origin = f"http://{_join(shown, port)}"
        lines = [
            ("Chat", f"{origin}{reverse('webchat_demo')}"),
            ("Admin", f"{origin}{reverse('admin:index')}"),
            ("Log-in", log_in),
            ("Telegram", self._telegram),
        ]
        shown_lines = "\n".join(f"  {label:<9} {value}" for label, value in lines if value)
        self._say(f"\n{shown_lines}\n\nStop with Ctrl-C.")


def _database_name() -> str:
    database = settings.DATABASES["default"]
    if "sqlite" in database["ENGINE"]:
        return str(database["NAME"])
    return f"{database['NAME']} on {database['HOST']}:{database['PORT']}"


def _log_in() -> str:
    """Return how to log in, having made the user if there is none; the password is this copy's own."""
    password = kept_secret(Path(settings.VAR) / "admin-password", strength=9)
    users = get_user_model()._default_manager
    user = users.filter(username=USERNAME).first()
    if user is None:
        users.create_superuser(USERNAME, "admin@example.com", password)
    elif not user.check_password(password):
        return f"{USERNAME}, with the password you have given it"
    return f"{USERNAME} / {password}"


def _listen(host: str, port: int, say: Any) -> socket.socket:
    """Return a socket bound to the port, or to the next one that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + TRIES, 65536)) if port else [0]:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            # Until it listens, another program may bind the same port.
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                continue
            raise CommandError(f"Nothing can listen on {_join(host, candidate)}: {error.strerror}.") from None
        if candidate != port:
            say(f"Port {port} is taken, so the demo is on {candidate}.")
        return listener
    raise CommandError(f"None of the ports {port} to {port + TRIES - 1} is free; choose another with --port.")


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
