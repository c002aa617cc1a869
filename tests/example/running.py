"""Run the demo as a person would, in a process of its own, and drive it with a browser."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 60.0


class Demo:
    """The demo's process, and what it has said so far."""

    def __init__(self, var: Path, *, port: int = 0, **environment: str) -> None:
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "DJANGO_"))}
        keep.pop("TELEGRAM_TOKEN", None)
        self.lines: list[str] = []
        self._heard: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "example" / "manage.py"), "demo", "--port", str(port)],
            cwd=var,
            env={**keep, "DEMO_VAR_DIR": str(var), "DEMO_ENV_FILE": os.devnull, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.put(line.rstrip())
        self._heard.put(None)

    def wait_until_ready(self) -> None:
        """Wait for the last line of the announcement; fails with all that was said if the process ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(line.startswith("Stop with") for line in self.lines):
            try:
                line = self._heard.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                line = None
            assert line is not None, "the demo did not start:\n" + "\n".join(self.lines)
            self.lines.append(line)

    def told(self, label: str) -> str:
        """Return what the announcement says after a label."""
        return next(line.split(label, 1)[1].strip() for line in self.lines if line.strip().startswith(label))

    @property
    def port(self) -> int:
        """The port it listens on."""
        found = re.search(r":(\d+)/", self.told("Chat"))
        assert found is not None
        return int(found[1])

    def stop(self) -> int:
        """End it as Ctrl-C does, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._reader.join(timeout=5)
            if self._process.stdout is not None:
                self._process.stdout.close()
        while not self._heard.empty():
            line = self._heard.get()
            if line is not None:
                self.lines.append(line)
        return code


@contextmanager
def running_demo(var: Path, *, port: int = 0, **environment: str) -> Iterator[Demo]:
    """Run the demo with its files in ``var``; it is gone afterwards, whatever happened."""
    demo = Demo(var, port=port, **environment)
    try:
        demo.wait_until_ready()
        yield demo
    finally:
        demo.stop()


def write(page: Page, text: str) -> None:
    """Write a message on the chat page and send it."""
    box = page.get_by_role("textbox", name="Message", exact=True)
    box.fill(text)
    box.press("Enter")


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Start the system's Chromium, without a word to anybody outside."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium is installed; on Debian: apt-get install chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", *more]
    with sync_playwright() as playwright:
        # Two cores may be shared with the rest of the suite.
        expect.set_options(timeout=20_000)
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(context: BrowserContext, url: str) -> Iterator[tuple[Page, list[str]]]:
    """Open a page and collect what it complains of."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    page = context.new_page()
    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    try:
        yield page, complaints
    finally:
        page.close()
