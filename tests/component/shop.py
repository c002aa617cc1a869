"""Be a site of its own, of another origin than the chat's: pages under a strict policy, and the component's file."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, expect

from tests.component.running import ROOT, Chat, Site

MODULE = ROOT / "src" / "unicom" / "static" / "unicom" / "webchat" / "webchat-with-sidebar.js"
SECRET = "known to the shop's server and to the chat"
PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<link rel="icon" href="/icon.svg"><script type="module" src="/webchat.js"></script></head>
<body><{element} {attributes}></{element}></body></html>"""


class Shop:
    """Serve pages that show a chat of another site."""

    def __init__(self, chat: Site) -> None:
        self.chat = chat
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.serve(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # Another name is another origin, wherever it leads.
        self.url = f"http://localhost:{self._server.server_port}"
        self.channel = chat.control("embed", origins=[self.url], secret=SECRET)["id"]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def policy(self) -> str:
        """Return what a page has to allow, and no more."""
        elsewhere = self.chat.url
        return (
            f"default-src 'self'; connect-src {elsewhere} {elsewhere.replace('http', 'ws', 1)}; "
            f"img-src 'self' {elsewhere}; media-src {elsewhere}; "
            "require-trusted-types-for 'script'; trusted-types lit-html dompurify"
        )

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request for a page, whose query are the element's attributes, or for a file."""
        address = urlsplit(request.path)
        if address.path == "/webchat.js":
            kind, content = "text/javascript", MODULE.read_bytes()
        elif address.path == "/icon.svg":
            kind, content = "image/svg+xml", MODULE.with_name("icon.svg").read_bytes()
        else:
            kind, content = "text/html", self.page(dict(parse_qsl(address.query))).encode()
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.send_header("Content-Security-Policy", self.policy)
        request.end_headers()
        request.wfile.write(content)

    def page(self, given: dict[str, str]) -> str:
        """Return a page with the element; who is known is vouched for by the server."""
        element = given.pop("element", "unicom-chat-with-sidebar")
        attributes = {
            "api-base": f"{self.chat.url}/unicom/webchat", "channel-id": str(self.channel), "height": "90vh", **given,
        }  # fmt: skip
        if identifier := given.get("identifier"):
            attributes["identifier-hash"] = hmac.new(SECRET.encode(), identifier.encode(), hashlib.sha256).hexdigest()
        return PAGE.format(
            element=element, attributes=" ".join(f'{name}="{escape(value)}"' for name, value in attributes.items())
        )


class Embedded(Chat):
    """The component on a page of the shop, as a visitor sees it."""

    def __init__(self, page: Page, shop: Shop) -> None:
        super().__init__(page, shop.chat)
        self.shop = shop

    def open(self, path: str = "/", **attributes: Any) -> Embedded:
        """Open the shop's page; keywords are the element's attributes."""
        from urllib.parse import urlencode

        query = urlencode({name.replace("_", "-"): value for name, value in attributes.items()})
        self.page.goto(f"{self.shop.url}{path}{'?' + query if query else ''}")
        expect(self.box).to_be_visible()
        return self


@contextmanager
def shop_of(chat: Site) -> Iterator[Shop]:
    """Give a shop whose pages show a site's chat."""
    shop = Shop(chat)
    try:
        yield shop
    finally:
        shop.close()
