#!/usr/bin/env python3
"""Run a command with a private PostgreSQL and a private Redis, and stop both however the command ends.

    scripts/servers.py -- pytest -n 2
    scripts/servers.py --only redis -- python
    scripts/servers.py --durable -- python -m benchmarks

The servers listen on free ports of 127.0.0.1, keep everything in a temporary directory, ask for a random password, and
are named to the command in the environment (see ``VARIABLES``). A variable that is already set is left alone, and its
server is not started: that is how to use a server of your own.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO

# What the command finds in its environment; the tests and benchmarks read these names.
VARIABLES = {"postgres": "UNICOM_TEST_POSTGRES_URL", "redis": "UNICOM_TEST_REDIS_URL"}
HOST = "127.0.0.1"
# Upper and lower case beyond ASCII, as a production server knows them; macOS has no such locale.
LOCALE = "C.UTF-8" if sys.platform == "linux" else "C"
PATIENCE_S = 30.0
# Another program may take the free port between our look and the server's start.
TRIES = 3
# An answer to SIGTERM is waited for; then the command is killed.
GRACE_S = 20.0
_LINUX_PR_SET_PDEATHSIG = 1


class CannotStart(Exception):
    """A server is missing or does not come up; the message is for the person at the terminal."""


def free_port() -> int:
    """Find a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def find_program(name: str, package: str) -> str:
    """Find a server program; Debian keeps PostgreSQL's outside the path, one directory a version."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if not found:
        raise CannotStart(f"{name} is not installed. On Debian: apt-get install {package}")
    return found


def unprivileged_user() -> pwd.struct_passwd | None:
    """Choose who runs PostgreSQL, which refuses to run as root; None means ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise CannotStart("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as.")


def _die_with_parent() -> None:
    """Have Linux end the process should this program be killed in a way that leaves it no time to clean up."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_LINUX_PR_SET_PDEATHSIG, signal.SIGINT)


def _spawn(
    arguments: list[str], log: IO[bytes], user: pwd.struct_passwd | None, *, cwd: Path, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C at the terminal reaches the command and not the server."""
    return subprocess.Popen(
        arguments,
        cwd=cwd,
        stdin=stdin,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_die_with_parent,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
    )


def _bring_up(
    name: str, launch: Callable[[int], subprocess.Popen[bytes]], answers: Callable[[int], bool], log: Path
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server on a free port and wait until it answers."""
    for _attempt in range(TRIES):
        port = free_port()
        process = launch(port)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while process.poll() is None and time.monotonic() < deadline:
                if answers(port):
                    return process, port
                time.sleep(0.02)
        except BaseException:  # a signal, too: nobody else knows of this process yet
            _stop(process, signal.SIGKILL)
            raise
        _stop(process, signal.SIGKILL)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise CannotStart(f"{name} did not come up; the end of its log:\n{tail}")


def _stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """End a server, at once if it does not end by itself."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def postgres(home: Path, *, durable: bool) -> Iterator[str]:
    """Run PostgreSQL in the directory and give its URL."""
    initdb, server = find_program("initdb", "postgresql"), find_program("postgres", "postgresql")
    pg_isready, createdb = (find_program(name, "postgresql-client") for name in ("pg_isready", "createdb"))
    user = unprivileged_user()
    base = home / "postgres"
    base.mkdir(mode=0o700)
    data, password, log_path = base / "data", secrets.token_hex(16), home / "postgres.log"
    password_file = base / "password"
    password_file.write_text(password)
    if user:
        for path in (base, password_file):
            os.chown(path, user.pw_uid, user.pw_gid)
    with log_path.open("wb") as log:
        cluster = ["--encoding=UTF8", f"--locale={LOCALE}", "--no-sync"]
        made = _spawn(
            [initdb, "-D", str(data), "-U", "unicom", "--auth=scram-sha-256", f"--pwfile={password_file}", *cluster],
            log,
            user,
            cwd=base,
        )
        if made.wait() != 0:
            raise CannotStart(f"initdb failed:\n{log_path.read_text(errors='replace')}")
        # A path to a Unix socket may have 107 characters; some temporary directories are deeper.
        sockets = str(base) if len(str(base)) < 80 else ""
        quick = [] if durable else ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]

        def launch(port: int) -> subprocess.Popen[bytes]:
            listen = ["-h", HOST, "-p", str(port), "-k", sockets]
            tuning = ["-c", "max_connections=300", "-c", "log_min_messages=warning", *quick]
            return _spawn([server, "-D", str(data), *listen, *tuning], log, user, cwd=base)

        def answers(port: int) -> bool:
            return subprocess.run([pg_isready, "-q", "-h", HOST, "-p", str(port)], check=False).returncode == 0

        process, port = _bring_up("PostgreSQL", launch, answers, log_path)
        try:
            environment = {**os.environ, "PGPASSWORD": password}
            create = [createdb, "-h", HOST, "-p", str(port), "-U", "unicom", "unicom"]
            subprocess.run(create, check=True, env=environment, cwd=base)
            yield f"postgresql://unicom:{password}@{HOST}:{port}/unicom"
        finally:
            _stop(process, signal.SIGINT)  # "fast": ends the sessions that are still open


@contextlib.contextmanager
def redis(home: Path, *, durable: bool) -> Iterator[str]:
    """Run Redis in the directory and give its URL."""
    server = find_program("redis-server", "redis-server")
    base = home / "redis"
    base.mkdir(mode=0o700)
    password, log_path = secrets.token_hex(16), home / "redis.log"
    with log_path.open("wb") as log:

        def launch(port: int) -> subprocess.Popen[bytes]:
            # The configuration goes in through the standard input: a command line would show the password to everyone.
            process = _spawn([server, "-"], log, None, stdin=subprocess.PIPE, cwd=base)
            assert process.stdin is not None  # noqa: S101
            with process.stdin as configuration:
                configuration.write(
                    f'bind {HOST}\nport {port}\nrequirepass {password}\ndir {base}\nsave ""\n'
                    f"appendonly {'yes' if durable else 'no'}\n".encode()
                )
            return process

        process, port = _bring_up("Redis", launch, _redis_answers, log_path)
        try:
            yield f"redis://default:{password}@{HOST}:{port}/0"
        finally:
            _stop(process, signal.SIGTERM)


def _redis_answers(port: int) -> bool:
    """Ask for a sign of life; a demand for the password is one."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"-NOAUTH", b"+PONG"))
    except OSError:
        return False


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run the command, hand our signals on to it, and return its exit code as a shell would."""
    process = subprocess.Popen(command, env=environment, preexec_fn=_die_with_parent)

    def hand_on(number: int, _frame: FrameType | None) -> None:
        # At a terminal Ctrl-C reaches the command by itself; a second SIGINT would cut its own cleaning up short.
        if number != signal.SIGINT or not sys.stdin.isatty():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
        if number != signal.SIGINT:
            signal.signal(signal.SIGALRM, lambda *_: process.kill())
            signal.setitimer(signal.ITIMER_REAL, GRACE_S)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    code = process.wait()
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the servers are stopped next, undisturbed
    return code if code >= 0 else 128 - code


def main() -> int:
    """Start what is wanted, run the command, stop everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(VARIABLES), action="append", help="start this server only; repeatable")
    parser.add_argument("--durable", action="store_true", help="let the servers write to disk as in production: slower")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- command …")
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no command was given")
    if not shutil.which(command[0]):
        parser.error(f"{command[0]!r} is not a program")

    def interrupted(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)  # while starting: unwind through the context managers

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)

    environment = dict(os.environ)
    starters = {"postgres": postgres, "redis": redis}
    with contextlib.ExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="unicom-servers-", ignore_cleanup_errors=True))
        )
        home.chmod(0o711)  # PostgreSQL's user must get through to its own directory, and see nothing else
        try:
            for name in options.only or starters:
                if not environment.get(VARIABLES[name]):
                    environment[VARIABLES[name]] = stack.enter_context(starters[name](home, durable=options.durable))
        except CannotStart as error:
            print(f"servers: {error}", file=sys.stderr)
            return 1
        return run(command, environment)


if __name__ == "__main__":
    sys.exit(main())
