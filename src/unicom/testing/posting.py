"""Post webhooks from a fake's event loop over kept connections."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit


class Poster:
    """Posts to webhooks; all of it runs on one event loop."""

    def __init__(self) -> None:
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    def close(self) -> None:
        """Close the connections that are kept."""
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()

    async def post(self, address: str, headers: dict[str, str], body: bytes) -> int:
        """Post a body and return the status; raises OSError and its like where there is no answer."""
        url = urlsplit(address)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"POST {path} HTTP/1.1", f"Host: {url.netloc.rpartition('@')[2]}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        while self._idle:
            reader, writer = self._idle.pop()
            try:
                return await self._exchange(reader, writer, request)
            except (OSError, asyncio.IncompleteReadError):
                # The other side closed an idle connection; only a fresh one tells whether it is there.
                writer.transport.abort()
        secure = ssl.create_default_context() if url.scheme == "https" else None
        port = url.port or (443 if secure else 80)
        reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure)
        return await self._exchange(reader, writer, request)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
        keep = False
        try:
            writer.write(request)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            version, status = head[0].split(" ")[:2]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            if "content-length" in headers:
                await reader.readexactly(int(headers["content-length"]))
                keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
            elif headers.get("transfer-encoding", "").lower() == "chunked":
                while size := int((await reader.readline()).split(b";")[0], 16):
                    await reader.readexactly(size + 2)
                await reader.readline()
            elif status != "204":
                await reader.read()
            return int(status)
        finally:
            if keep:
                self._idle.append((reader, writer))
            else:
                writer.transport.abort()
