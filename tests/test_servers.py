"""See that the private servers of the tests serve, and are gone however the command ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest

SERVERS = Path(__file__).resolve().parent.parent / "scripts" / "servers.py"
pytestmark = pytest.mark.once

SHOW = (
    "import os; print(os.environ.get('UNICOM_TEST_POSTGRES_URL'), os.environ.get('UNICOM_TEST_REDIS_URL'), flush=True)"
)


class Start(Protocol):
    """Start the runner with a temporary directory of its own and without the servers of this very run."""

    def __call__(self, *arguments: str, tmp_path: Path, **environment: str) -> subprocess.Popen[str]:
        """Return the running process."""


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the runner as often as a test likes; none outlives the test, not even one that fails."""
    with ExitStack() as started:

        def begin(*arguments: str, tmp_path: Path, **environment: str) -> subprocess.Popen[str]:
            clean = {name: value for name, value in os.environ.items() if not name.startswith("UNICOM_TEST_")}
            process = subprocess.Popen(
                [sys.executable, SERVERS, *arguments],
                env={**clean, "TMPDIR": str(tmp_path), **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield begin


def listens(url: str) -> bool:
    """Tell if somebody answers at the URL's address."""
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((str(parts.hostname), int(parts.port or 0))) == 0


@pytest.fixture
def open_tmp_path(tmp_path: Path) -> Path:
    """Let PostgreSQL's own user through to the temporary directory, which pytest keeps for ours alone."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.getuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o011)
    return tmp_path


def test_command_reaches_both_servers_and_its_exit_code_comes_back(start: Start, open_tmp_path: Path) -> None:
    """PostgreSQL and Redis answer with the password that the URL holds; nothing is left afterwards."""
    program = (
        SHOW + "\nimport psycopg, redis, sys"
        "\nwith psycopg.connect(os.environ['UNICOM_TEST_POSTGRES_URL']) as c: c.execute('create table t (id int)')"
        "\nwith redis.Redis.from_url(os.environ['UNICOM_TEST_REDIS_URL']) as r: r.set('a', 'b'); print(r.get('a'))"
        "\nsys.exit(7)"
    )
    process = start("--", sys.executable, "-c", program, tmp_path=open_tmp_path)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 7, errors
    shown, answer = output.splitlines()
    assert answer == "b'b'"
    assert [listens(url) for url in shown.split()] == [False, False]
    assert list(open_tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_servers_end_with_the_runner(start: Start, open_tmp_path: Path, number: signal.Signals) -> None:
    """A signal ends the command and the servers, even the one that leaves no time to clean up."""
    program = SHOW + "; import time; time.sleep(60)"
    process = start("--", sys.executable, "-c", program, tmp_path=open_tmp_path)
    assert process.stdout
    urls = process.stdout.readline().split()
    assert [listens(url) for url in urls] == [True, True]
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    deadline = time.monotonic() + 10
    while any(listens(url) for url in urls) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [listens(url) for url in urls] == [False, False]


def test_a_server_of_ones_own_is_used(start: Start, tmp_path: Path) -> None:
    """A variable that is set is handed on, and nothing is started for it."""
    own = {"UNICOM_TEST_POSTGRES_URL": "mine", "UNICOM_TEST_REDIS_URL": "mine-too"}
    process = start("--", sys.executable, "-c", SHOW, tmp_path=tmp_path, **own)
    output, _errors = process.communicate(timeout=60)
    assert output.split() == ["mine", "mine-too"]


def test_a_missing_server_is_one_clear_sentence(start: Start, tmp_path: Path) -> None:
    """Where a program is not installed, its package is named and the command is not run."""
    process = start("--only", "redis", "--", sys.executable, "-c", SHOW, tmp_path=tmp_path, PATH=str(tmp_path))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert errors == "servers: redis-server is not installed. On Debian: apt-get install redis-server\n"
