"""Serve a project with the documented asgi.py, letter by letter, with a real server, and restart it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from django.conf import settings
from django.db import connection

from tests.docs.pages import ROOT
from tests.webchat.conftest import Visitor

PATIENCE_S = 60.0
DOCUMENTED = Path(__file__).with_name("documented_asgi.txt")
MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


def servers() -> ModuleType:
    """Return the script that brings up private servers."""
    from tests.proof.cluster import servers as found

    return found()


def redis_layer(url: str, **more: Any) -> dict[str, Any]:
    """Return the documented layer, on a private server."""
    hosts = [{"address": url, **more}] if more else [url]
    return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": hosts}}}


class Site:
    """Be the site in a process of its own."""

    def __init__(self, home: Path, layer: dict[str, Any]) -> None:
        self.port: int = servers().free_port()
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        project = home / "your_project"
        project.mkdir()
        (project / "__init__.py").touch()
        (project / "settings.py").write_text("from tests.realtime.settings import *  # noqa: F403\n")
        shutil.copy(DOCUMENTED, project / "asgi.py")
        inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        self._environment = {
            **inherited,
            "PYTHONPATH": f"{home}{os.pathsep}{ROOT}",
            "SERVED_DATABASE": str(connection.settings_dict["NAME"]),
            "SERVED_MEDIA": str(settings.MEDIA_ROOT),
            "SERVED_LAYER": json.dumps(layer),
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--port", str(self.port), "--log-level", "warning", "--lifespan", "off"]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "your_project.asgi:application", *options],
                cwd=self._home,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert self._process.poll() is None, self.log()
            time.sleep(0.02)
        raise AssertionError(f"the server did not come up:\n{self.log()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """Return what it complained of."""
        return (self._home / "log").read_text()

    def address(self, where: str) -> str:
        """Return a socket's address."""
        return f"ws://127.0.0.1:{self.port}/ws/unicom/webchat/{where}"

    def post(self, browser: Visitor, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Post as a visitor's browser does; None where the server is not there."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        token = "a" * 32
        cookies = {**{name: morsel.value for name, morsel in browser.client.cookies.items()}, "csrftoken": token}
        headers = {
            "Content-Type": "application/json",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": token,
        }
        try:
            link.request("POST", f"/unicom/webchat/{path}", json.dumps(body), headers)
            response = link.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            link.close()
        assert response.status == 200, (response.status, content)
        answer: dict[str, Any] = json.loads(content)
        return answer


def cookies_of(browser: Visitor) -> dict[str, str]:
    """Return the headers a browser's handshake carries."""
    return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in browser.client.cookies.items())}
