"""A small, quick HTTP/1.1 server: keep-alive, Content-Length and chunked bodies, one thread, one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
# Python 3.13 renamed 413; the proxies in front of platforms have not.
REASONS = {status.value: status.phrase for status in HTTPStatus} | {413: "Request Entity Too Large"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One HTTP request, read whole."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    reused: bool
    """Whether the connection had carried a request before this one."""


class Exchange:
    """The answering half of one request; answered once, on the event loop."""

    def __init__(self, connection: Connection, *, keep_alive: bool) -> None:
        self._connection = connection
        self._keep_alive = keep_alive
        self._done = False

    @property
    def closed(self) -> bool:
        """Whether the client is gone or has been answered."""
        return self._done or self._connection.lost

    def reply(self, status: int, body: bytes, *, content_type: str = "application/json", delay: float = 0.0) -> None:
        """Answer, after ``delay`` seconds; other connections are not held up meanwhile."""
        if delay > 0:
            self._connection.loop.call_later(delay, self._reply, status, body, content_type)
        else:
            self._reply(status, body, content_type)

    def _reply(self, status: int, body: bytes, content_type: str) -> None:
        if self.closed:
            return
        self._done = True
        connection = "keep-alive" if self._keep_alive else "close"
        head = (
            f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: {connection}\r\n\r\n"
        )
        self._connection.answered(head.encode("latin-1") + body, keep_alive=self._keep_alive)

    def drop(self) -> None:
        """Close the connection without an answer."""
        if not self.closed:
            self._done = True
            self._connection.abort()

    def hold(self, seconds: float) -> None:
        """Leave the client waiting, then close."""
        self._connection.loop.call_later(seconds, self.drop)


Handler = Callable[[Request, Exchange], None]
Refuse = Callable[[str], bool]
Describe = Callable[[int, str], bytes]


class Connection(asyncio.Protocol):
    """One client's connection: cuts the byte stream into requests, one at a time."""

    def __init__(self, server: HttpServer) -> None:
        self.loop = server.loop
        self.lost = False
        self._server = server
        self._buffer = bytearray()
        self._busy = False
        self._served = 0
        self._transport: asyncio.Transport | None = None
        self._head: tuple[str, str, str, dict[str, str]] | None = None
        self._head_size = 0
        self._chunks: list[bytes] = []
        self._chunks_end = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._advance()

    def answered(self, data: bytes, *, keep_alive: bool) -> None:
        """Write an answer and go on to the next request, if it is already here."""
        if self._transport is None:
            return
        self._transport.write(data)
        self._busy = False
        self._served += 1
        if not keep_alive:
            self._transport.close()
        elif self._buffer:
            # Not recursively: a client may send many requests in one packet.
            self.loop.call_soon(self._advance)

    def abort(self) -> None:
        """Cut the connection, without a goodbye."""
        if self._transport is not None:
            self._transport.abort()

    def _advance(self) -> None:
        if self._busy or self.lost:
            return
        if self._head is None and not self._read_head():
            return
        if self._head is None:
            return
        method, path, query, headers = self._head
        body = self._read_body(headers)
        if body is None:
            return
        self._head = None
        self._busy = True
        keep_alive = headers.get("connection", "").lower() != "close"
        request = Request(method=method, path=path, query=query, headers=headers, body=body, reused=self._served > 0)
        self._server.handler(request, Exchange(self, keep_alive=keep_alive))

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                self._fail(431)
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            self._fail(400)
            return False
        path, _, query = parts[1].partition("?")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if "%" in path:
            path = unquote(path)
        if self._server.refuse(path):
            self.abort()
            return False
        self._head, self._head_size = (parts[0], path, query, headers), end + 4
        if headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _read_body(self, headers: dict[str, str]) -> bytes | None:
        start = self._head_size
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks(start)
        length = headers.get("content-length", "0")
        if not length.isdigit():
            self._fail(400)
            return None
        end = start + int(length)
        if end - start > self._server.max_body:
            self._fail(413)
            return None
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return body

    def _read_chunks(self, start: int) -> bytes | None:
        # What has been read is remembered: a large body comes in many packets.
        if self._chunks_end < start:
            self._chunks, self._chunks_end = [], start
        while True:
            position = self._chunks_end
            line_end = self._buffer.find(b"\r\n", position)
            if line_end < 0:
                return None
            try:
                size = int(bytes(self._buffer[position:line_end]).split(b";")[0], 16)
            except ValueError:
                self._fail(400)
                return None
            position = line_end + 2
            if position + size > self._server.max_body:
                self._fail(413)
                return None
            if len(self._buffer) < position + size + 2:
                return None
            if size == 0:
                del self._buffer[: position + 2]
                body, self._chunks, self._chunks_end = b"".join(self._chunks), [], 0
                return body
            self._chunks.append(bytes(self._buffer[position : position + size]))
            self._chunks_end = position + size + 2

    def _fail(self, status: int) -> None:
        reason = REASONS[status]
        body = self._server.describe(status, reason)
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._buffer.clear()
        self.answered(head.encode() + body, keep_alive=False)
        self._busy = True  # whatever follows is not read


class HttpServer:
    """Runs connections on an event loop in a thread of its own."""

    def __init__(
        self, handler: Handler, *, refuse: Refuse, describe: Describe, name: str, max_body: int = MAX_BODY
    ) -> None:
        self.handler = handler
        self.describe = describe
        """Words the refusal of what is no HTTP request, as the platform does."""
        self.max_body = max_body
        self._name = name
        self.refuse = refuse
        """Asked with the path as soon as the head is read; true closes the connection at once."""
        self.connections: set[Connection] = set()
        self.on_close: Callable[[], None] = lambda: None
        """Called on the loop when the server stops."""
        self.loop: asyncio.AbstractEventLoop
        self.port = 0
        self._server: asyncio.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=self._name, daemon=True)
        self._thread.start()
        try:
            self.run(self._listen(port))
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._thread is None:
            return
        self.run(self._close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)
        self._thread = None
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` on the loop and wait for it; not to be called from the loop's own thread."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=10)

    async def _listen(self, port: int) -> None:
        self._server = await self.loop.create_server(lambda: Connection(self), "127.0.0.1", port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.on_close()
        for connection in list(self.connections):
            connection.abort()
        tasks = [task for task in asyncio.all_tasks(self.loop) if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports close their sockets
