"""Give the tests the test site, a browser, and visitors."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.component.running import ROOT, Chat, Site, visiting
from tests.example.running import chromium


@pytest.fixture(scope="session")
def built() -> None:
    """Have the component built from what is there now."""
    subprocess.run([ROOT / "scripts" / "frontend.sh"], check=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Have one browser for a file; for longer it would keep its event loop running under everybody else's tests."""
    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as started:
        yield started


@pytest.fixture(scope="session")
def site(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the site with sockets."""
    running = Site(tmp_path_factory.mktemp("site"))
    running.start()
    yield running
    running.stop()
    assert "Traceback" not in "\n".join(running.said), running.said


@pytest.fixture(scope="session")
def plain_site(built: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the site without Channels, as an ordinary Django site is."""
    running = Site(tmp_path_factory.mktemp("plain-site"), sockets=False)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Callable[..., Chat]]:
    """Return a function that makes a visitor with a page of the site; at the end no page may have complained."""
    made: list[Any] = []
    chats: list[Chat] = []

    def make(where: Site | None = None, **options: Any) -> Chat:
        visit = visiting(browser, where or site, **options)
        made.append(visit)
        chats.append(Chat(visit.__enter__().new_page(), where or site))
        return chats[-1]

    yield make
    for visit in made:
        visit.__exit__(None, None, None)
    for chat in chats:
        assert chat.complaints == []
        assert {url.split("/")[2] for url in chat.requests if url.startswith("http")} <= {chat.site.url.split("/")[2]}
