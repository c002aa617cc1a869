"""Keep the files of chats: where they are stored, what they are, and how they get in."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import filetype
from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.utils.crypto import salted_hmac

from unicom.conf import settings
from unicom.ids import unguessable

if TYPE_CHECKING:
    _BytesFile = File[bytes]
else:
    _BytesFile = File

Kind = Literal["image", "audio", "video", "file"]
# Types a browser only draws or plays; anything else (HTML and SVG above all) is offered as a download.
INLINE_TYPES = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp",
        "audio/mpeg", "audio/ogg", "audio/wav", "audio/x-wav", "audio/webm", "audio/mp4", "audio/aac", "audio/flac",
        "video/mp4", "video/webm", "video/ogg", "video/quicktime",
    }
)  # fmt: skip

_RUNS = re.compile(r"\.(x?html?|shtml|svgz?|xml|xsl|js|mjs|css|php\d?|py|cgi|htaccess|swf|wasm)$", re.IGNORECASE)


def chat_storage() -> Storage:
    """Return the storage that keeps files of chats."""
    return storages[settings.UNICOM_MEDIA_STORAGE]


def upload_path(instance: Any, filename: str) -> str:
    """Return a path nobody can guess that keeps the file's cleaned name."""
    token = unguessable()
    name = clean_name(filename)
    # Should the project serve its media folder, nothing in it may come back as a page or a script.
    harmless = "" if not _RUNS.search(name) else ".bin"
    return f"unicom/{token[:2]}/{token}/{name}{harmless}"


def clean_name(name: str) -> str:
    """Return a file name that is safe on any disk and in any header; never empty."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    name = re.sub(r"[^\w.\- ()]+", "_", name, flags=re.UNICODE).strip(" .")
    stem, ending = os.path.splitext(name)
    return f"{stem[:100]}{ending[:20]}" if stem else f"file{ending[:20]}"


def detect(head: bytes, name: str = "", declared: str = "") -> str:
    """Return a content type: by the first bytes, else by the name, else as declared; text is never HTML by chance."""
    kind = filetype.guess(head) if head else None
    if kind is not None:
        # One container serves sound and pictures: where the bytes cannot tell, the sender's word may.
        if kind.mime.startswith("video/") and declared.startswith("audio/"):
            return declared.partition(";")[0].strip().lower()
        return str(kind.mime)
    guessed = mimetypes.guess_type(name)[0] or declared.partition(";")[0].strip().lower()
    # The bytes are none of the media types, whatever the name says.
    if guessed.startswith(("image/", "audio/", "video/")) and guessed != "image/svg+xml":
        return "application/octet-stream"
    return guessed or "application/octet-stream"


def kind_of(content_type: str) -> Kind:
    """Return which kind of file a content type is; what no browser may draw is a plain file."""
    major = content_type.partition("/")[0]
    if content_type in INLINE_TYPES and major in ("image", "audio", "video"):
        return major  # type: ignore[return-value]
    return "audio" if major == "audio" else "video" if major == "video" else "file"


def store(content: IO[bytes], name: str, declared: str = "") -> tuple[str, int, str, str]:
    """Copy a file into our storage; returns its path, size, SHA-256 and detected content type."""
    head = content.read(4096)
    content.seek(0)
    sha = hashlib.sha256()
    size = 0
    for chunk in iter(lambda: content.read(65536), b""):
        sha.update(chunk)
        size += len(chunk)
    content.seek(0)
    path = chat_storage().save(upload_path(None, name), File(content, name=name))
    return path, size, sha.hexdigest(), detect(head, name, declared)


class StoredFile(_BytesFile):
    """Be a file in the storage of chats, under the name people know; each opening reads it anew."""

    def __init__(self, path: str, name: str) -> None:
        super().__init__(None, name=name or path.rsplit("/", 1)[-1])
        self.path = path

    def open(self, *_: Any, **__: Any) -> Any:
        """Open it for reading; the caller closes it."""
        return chat_storage().open(self.path, "rb")


def prepared_path(path: str) -> str:
    """Return where the smaller form of a picture is kept; like the picture's own path it cannot be guessed."""
    token = salted_hmac("unicom.media", path, algorithm="sha256").hexdigest()[:32]
    return f"unicom/{token[:2]}/{token}/prepared.jpg"


def forget(paths: Iterable[str]) -> None:
    """Delete files that no row came to name."""
    for path in paths:
        chat_storage().delete(path)


def readable_path(value: str) -> Path | None:
    """Return the file a caller named, or None where there is no such file."""
    path = Path(value)
    return path if path.is_file() else None
