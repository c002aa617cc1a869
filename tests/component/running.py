"""Run the test site in a process of its own, and drive it with the system's Chromium."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


class Site:
    """The site's process; it can be ended and started again on the same port."""

    def __init__(self, var: Path, *, sockets: bool = True, quiet: bool = False) -> None:
        self.var = var
        self.quiet = quiet
        self.sockets = sockets
        self.port = 0
        self.said: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "UNICOM_"))},
            "COMPONENT_SITE_VAR": str(self.var),
            "COMPONENT_SITE_SOCKETS": "1" if self.sockets else "0",
            "COMPONENT_SITE_QUIET": "1" if self.quiet else "0",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.component.site", str(self.port)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("listening "):
                self.port = int(line.split()[1])
                self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
                self._listener.start()
                return
            self.said.append(line.rstrip())
        raise AssertionError("the site did not start:\n" + "\n".join(self.said))

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.said += (line.rstrip() for line in process.stdout)

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=10)
        if self._listener is not None:
            self._listener.join(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def control(self, action: str, **data: Any) -> dict[str, Any]:
        """Have the site do something, as a bot or an operator would; without ``chat_id`` in the newest chat."""
        request = urllib.request.Request(  # noqa: S310  our own site
            f"{self.url}/control/{action}/", json.dumps(data).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=90) as response:  # noqa: S310
                answer: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            # The site's debug page ends with what matters.
            raise AssertionError(f"{action}: {error.read().decode()[:600]}\n{self.said}") from None
        return answer


class Chat:
    """The component on a page, as a visitor sees it."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        self.requests.append(request.url)

    def open(self, path: str = "/", **attributes: Any) -> Chat:
        """Open the page; keywords are the tag's."""
        self.page.goto(f"{self.site.url}{path}{'?' + urlencode(attributes) if attributes else ''}")
        expect(self.box).to_be_visible()
        return self

    @property
    def box(self) -> Locator:
        """Where one writes."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def log(self) -> Locator:
        """The conversation."""
        return self.page.get_by_role("log")

    @property
    def badge(self) -> Locator:
        """How it is connected."""
        return self.page.locator(".connection")

    @property
    def chats(self) -> Locator:
        """The lines of the list."""
        return self.page.locator("chat-list .chat")

    def write(self, text: str) -> None:
        """Write and send."""
        self.box.fill(text)
        self.box.press("Enter")

    def ask(self, text: str) -> None:
        """Write and send, and wait until the server has taken it."""
        self.write(text)
        self.says(text)
        expect(self.log.get_by_text("Sending…")).to_have_count(0)

    def says(self, text: str, count: int = 1) -> None:
        """Hold that the conversation shows a text, so often."""
        expect(self.log.get_by_text(text, exact=True)).to_have_count(count)

    def texts(self) -> list[str]:
        """Return what the bubbles say, in order."""
        return [" ".join(text.split()) for text in self.log.locator(".bubble").all_text_contents()]


@contextmanager
def visiting(browser: Browser, site: Site, **options: Any) -> Iterator[BrowserContext]:
    """Give a browser of a new visitor."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    try:
        yield context
    finally:
        context.close()
