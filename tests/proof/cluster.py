"""Run the site as separate processes, and kill them: web, workers, and the database server itself."""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import IO

ROOT = Path(__file__).resolve().parents[2]


def servers() -> ModuleType:
    """Return the script that brings up private servers."""
    spec = importlib.util.spec_from_file_location("servers", ROOT / "scripts" / "servers.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["servers"] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Program:
    """Be one process that is started again whenever it was killed."""

    name: str
    command: list[str]
    log: IO[bytes]
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0

    def start(self) -> None:
        """Start it, if it does not run."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=self.log, stderr=self.log)

    def kill(self) -> None:
        """Kill it without a warning, and start it again."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.kills += 1
        self.start()

    def end(self) -> int | None:
        """Ask it to finish; returns its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


@dataclass
class Database:
    """Be the PostgreSQL server, which dies and comes back on the same address."""

    url: str
    home: Path
    restarts: int = 0
    _again: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def crash(self) -> None:
        """Kill the server as a crash would, and start it again."""
        data = self.home / "postgres" / "data"
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        command = shlex.split((data / "postmaster.opts").read_text())
        owner = data.stat()
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 20
        while (data / "postmaster.pid").exists() and _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        switch = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        with (self.home / "postgres.log").open("ab") as log:
            again = subprocess.Popen(
                command,
                cwd=data,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                **switch,  # type: ignore[call-overload]
            )
        self._again.append(again)
        self.restarts += 1

    def end(self) -> None:
        """Stop what was started again."""
        for process in self._again:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")


@contextmanager
def database(home: Path) -> Iterator[Database]:
    """Run a private server that keeps what it has committed."""
    with servers().postgres(home, durable=True) as url:
        found = Database(url=url, home=home)
        try:
            yield found
        finally:
            found.end()


def programs(log: IO[bytes], *, webs: int, workers: int, concurrency: int) -> tuple[list[Program], list[str]]:
    """Return the site's processes, not started, and the addresses of its web processes."""
    module = servers()
    ports = [module.free_port() for _ in range(webs)]
    options = ["--log-level", "error", "--backlog", "4096", "--lifespan", "off"]
    web = [sys.executable, "-m", "uvicorn", "tests.proof.web:application", *options]
    found = [Program(f"web {port}", [*web, "--port", str(port)], log) for port in ports]
    worker = [sys.executable, "-m", "django", "unicom_worker", "--concurrency", str(concurrency)]
    found += [Program(f"worker {number}", worker, log) for number in range(workers)]
    return found, [f"http://127.0.0.1:{port}" for port in ports]
