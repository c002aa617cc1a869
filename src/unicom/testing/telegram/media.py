"""Files: uploads and their limits, file ids, and samples small enough for tests."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from typing import Any

from unicom.testing.multipart import Upload
from unicom.testing.telegram.errors import Json, bad_request
from unicom.testing.telegram.params import Params

MAX_PHOTO = 10 * 1024 * 1024
MAX_UPLOAD = 50 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024
KINDS = ("photo", "document", "audio", "voice", "video", "animation", "video_note", "sticker")
FOLDERS = {
    "photo": ("photos", "jpg", "image/jpeg"), "document": ("documents", "bin", "application/octet-stream"),
    "audio": ("music", "mp3", "audio/mpeg"), "voice": ("voice", "oga", "audio/ogg"),
    "video": ("videos", "mp4", "video/mp4"), "animation": ("animations", "mp4", "video/mp4"),
    "video_note": ("video_notes", "mp4", "video/mp4"), "sticker": ("stickers", "webp", "image/webp"),
}  # fmt: skip
PREFIXES = {
    "photo": "AgACAgIAAxkBAA", "document": "BQACAgIAAxkBAA", "audio": "CQACAgIAAxkBAA", "voice": "AwACAgIAAxkBAA",
    "video": "BAACAgIAAxkBAA", "animation": "CgACAgIAAxkBAA", "video_note": "DQACAgIAAxkBAA",
    "sticker": "CAACAgIAAxkBAA",
}  # fmt: skip

SAMPLE_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A picture of one pixel, which a photo may be made of."""
SAMPLE_OGG = base64.b64decode(
    "T2dnUwACAAAAAAAAAABlhC9nAAAAAPUj4g4BE09wdXNIZWFkAQE4AYC7AAAAAABPZ2dTAAAAAAAAAAAAAGWEL2cBAAAA3WM+SQE2T3B1c1Rh"
    "Z3MNAAAATGF2ZjYyLjEyLjEwMgEAAAAVAAAAZW5jb2Rlcj1MYXZmNjIuMTIuMTAyT2dnUwAEOC4AAAAAAABlhC9nAgAAAHT3w4oFNCsxLyIY"
    "4OcXuPCIG7jNSfGm02FP0D3mRZRXuz5lqEYYJlurhmkuHFFtMHFoUJxLuzxlrJhQVUCAGOjyZB6EdPYfbRK6VtgmZTLZAwrmZ4t4d0UZrwLw"
    "w7gFPhYXK6Hc6Ocz8Bjo8mO/uOuwPH3FsMtpCXYib6UbTRtQy10j112pUsSQdDGQCz/UqcHSpnZLdelmGIAY6PJkHoR09q+9seP/ZQRYDvQr"
    "3B72ZWULpo2NbuiwcQ7qliXk01PAz92xvj1gsBgBm7VMBjEWnamxrQCdbV3sP01m2JxcjJ03bh7YWKh5z4A="
)
"""A quarter of a second of a tone in Ogg Opus, as voice messages are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file as the servers keep it."""

    kind: str
    file_id: str
    file_unique_id: str
    path: str
    data: bytes
    size: int
    """May be declared larger than the data, so that a test need not hold 30 MB."""
    name: str
    mime_type: str

    def __repr__(self) -> str:
        return f"StoredFile({self.kind} {self.name!r}, {self.size} bytes)"


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture, None for bytes that are not one."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return int(width), int(height)
    if data.startswith((b"\xff\xd8", b"BM")) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        return 640, 480
    return None


class FileStore:
    """Every file of one fake, by id and by path."""

    def __init__(self) -> None:
        self.by_id: dict[str, StoredFile] = {}
        self.by_path: dict[tuple[int, str], StoredFile] = {}
        self._owners: dict[str, set[int]] = {}
        self._count = 0

    def add(
        self, bot_id: int, kind: str, data: bytes, *, name: str = "", mime_type: str = "", size: int | None = None
    ) -> StoredFile:
        """Keep a file for one bot; ids are of that bot alone, as they are in reality."""
        folder, suffix, usual = FOLDERS[kind]
        number = self._count
        self._count += 1
        extension = name.rpartition(".")[2] if "." in name and kind == "document" else suffix
        tail = base64.urlsafe_b64encode(struct.pack(">QQQ", bot_id, number, len(data))).decode().rstrip("=")
        stored = StoredFile(
            kind=kind,
            file_id=f"{PREFIXES[kind]}{tail}AQADAgADeAADNgQ",
            file_unique_id=f"AgAD{base64.urlsafe_b64encode(struct.pack('>Q', number)).decode().rstrip('=')}",
            path=f"{folder}/file_{number}.{extension}",
            data=data,
            size=len(data) if size is None else size,
            name=name,
            mime_type=mime_type or usual,
        )
        self.by_id[stored.file_id] = stored
        self.by_path[bot_id, stored.path] = stored
        self._owners[stored.file_id] = {bot_id}
        return stored

    def share(self, stored: StoredFile, bot_id: int) -> None:
        """Let another bot of the same group use a file."""
        self.by_path[bot_id, stored.path] = stored
        self._owners[stored.file_id].add(bot_id)

    def find(self, bot_id: int, file_id: str) -> StoredFile | None:
        """Return the file that a bot may use by its id."""
        return self.by_id.get(file_id) if bot_id in self._owners.get(file_id, ()) else None

    def take(self, bot_id: int, kind: str, params: Params, value: str, *, field: str = "") -> StoredFile:
        """Return the file that a parameter gives: an upload, an id of ours, or an address."""
        upload = params.attached(value) or (params.files.get(field) if field else None)
        if upload is not None:
            return self._store_upload(bot_id, kind, upload)
        if not value:
            raise bad_request(f"there is no {kind} in the request")
        if value.startswith(("http://", "https://")):
            # The real server fetches it. There is no outside network here, so that the address stands for the content.
            return self.add(bot_id, kind, value.encode(), name=value.rpartition("/")[2])
        stored = self.find(bot_id, value)
        if stored is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        if stored.kind != kind and not {stored.kind, kind} <= {"document", "video", "animation", "audio"}:
            raise bad_request(f"can't use file of type {stored.kind.title()} as {kind.title()}")
        return stored

    def _store_upload(self, bot_id: int, kind: str, upload: Upload) -> StoredFile:
        size = len(upload.data)
        if size == 0:
            raise bad_request("file must be non-empty")
        if kind == "photo":
            if size > MAX_PHOTO:
                raise bad_request(
                    f"file of size {size} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes"
                )
            if picture_size(upload.data) is None:
                raise bad_request("IMAGE_PROCESS_FAILED")
        return self.add(bot_id, kind, upload.data, name=upload.name, mime_type=upload.mime_type)


def media_json(stored: StoredFile, extra: Json) -> Any:
    """Return what a message holds under its kind: an object, or for a photo the list of its sizes."""
    base: Json = {"file_id": stored.file_id, "file_unique_id": stored.file_unique_id, "file_size": stored.size}
    if stored.kind == "photo":
        width, height = picture_size(stored.data) or (640, 480)
        return [{**base, "width": width, "height": height}]
    named = {"file_name": stored.name} if stored.name else {}
    if stored.kind == "document":
        return {**base, **named, "mime_type": stored.mime_type}
    if stored.kind == "voice":
        return {**base, "mime_type": stored.mime_type, "duration": extra.get("duration", 1)}
    if stored.kind == "audio":
        known = {name: extra[name] for name in ("performer", "title") if extra.get(name)}
        return {**base, **named, **known, "mime_type": stored.mime_type, "duration": extra.get("duration", 1)}
    if stored.kind == "video_note":
        return {**base, "length": extra.get("length", 240), "duration": extra.get("duration", 1)}
    if stored.kind == "sticker":
        shape = {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False}
        return {**base, **shape, "emoji": extra.get("emoji", "🙂")}
    shape = {name: extra.get(name) or usual for name, usual in (("width", 320), ("height", 240), ("duration", 1))}
    return {**base, **named, **shape, "mime_type": stored.mime_type}
